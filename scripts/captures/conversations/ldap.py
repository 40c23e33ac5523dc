"""LDAP: OpenLDAP's server, ldap3 as the client."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ldap3 import ASYNC, BASE, MODIFY_REPLACE, Connection, Server

from ..network import SERVER_IP, recording
from .log import Transaction
from .programs import folder, program
from .sockets import corked

ROOT, SUFFIX = "cn=admin,dc=example,dc=test", "dc=example,dc=test"
CONFIGURATION = """
include /etc/ldap/schema/core.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {place}/pid
database mdb
maxsize 10485760
suffix {suffix}
rootdn {root}
rootpw secret
directory {place}/data
"""
PERSON = f"cn=reader,{SUFFIX}"
TAGS = {"bind": 0x60, "search": 0x63, "modify": 0x66, "add": 0x68, "delete": 0x4A, "compare": 0x6E, "unbind": 0x42}
ANSWERS = {"bind": 0x61, "search": 0x65, "modify": 0x67, "add": 0x69, "delete": 0x6B, "compare": 0x6F}


@contextmanager
def server() -> Iterator[None]:
    with folder() as place:
        (place / "data").mkdir()
        (place / "conf").write_text(CONFIGURATION.format(place=place, root=ROOT, suffix=SUFFIX))
        with program("slapd", "-d", "0", "-f", place / "conf", "-h", f"ldap://{SERVER_IP}", port=389):
            yield


def ldap(path: Path) -> list[Transaction]:
    """Binds, additions, searches, a change, errors, and three searches in one segment."""
    with recording(path, "tcp port 389"), server():
        client = Connection(Server(SERVER_IP, get_info=None), ROOT, "wrong", client_strategy=ASYNC)
        client.bind()
        client.rebind(ROOT, "secret")
        done = [numbered("bind", 1, ROOT, "invalidCredentials"), numbered("bind", 2, ROOT)]
        done += [*changes(client), *searches(client)]
        done.append(numbered("unbind", len(done) + 1, "", session=True))
        client.unbind()
    return done


def numbered(method: str, number: int, name: str, result: str = "success", session: bool = False) -> Transaction:
    """A request with the number of its message, and the message with the same number that ends its answer."""
    end = bytes([2, 1, number, ANSWERS[method]]) if method in ANSWERS else None
    fine = result in ("success", "compareFalse", "compareTrue")
    more = {"message": number, "resource": name, "result": result} if end else {"message": number}
    sent = bytes([2, 1, number, TAGS[method]])
    return Transaction(method, sent, end, "" if fine else result, session=session, more=more)


def changes(client: Connection) -> list[Transaction]:
    """Two entries, and then, in one segment, one of them again, a change, a comparison, and what is not there.

    The threads of the server answer these four in any order.
    """
    person = {"sn": "Reader", "userPassword": "secret"}
    done = [ended(client, "add", SUFFIX, client.add(SUFFIX, ("organization", "dcObject"), {"o": "Example"}))]
    done.append(ended(client, "add", PERSON, client.add(PERSON, "person", person)))
    with corked(client.socket.fileno()):
        calls = [
            ("add", PERSON, client.add(PERSON, "person", person)),
            ("modify", PERSON, client.modify(PERSON, {"sn": [(MODIFY_REPLACE, ["Writer"])]})),
            ("compare", PERSON, client.compare(PERSON, "cn", "writer")),
            ("delete", f"cn=missing,{SUFFIX}", client.delete(f"cn=missing,{SUFFIX}")),
        ]
    return done + [ended(client, *call) for call in calls]


def ended(client: Connection, method: str, name: str, number: int) -> Transaction:
    """Waits for the end of an answer."""
    _, result = client.get_response(number)
    return numbered(method, number, name, result["description"])


def searches(client: Connection) -> list[Transaction]:
    """A search with two entries, and three searches in one segment, one of them for a base that is not there."""
    found = [ended(client, "search", SUFFIX, client.search(SUFFIX, "(objectClass=*)", attributes=["*"]))]
    with corked(client.socket.fileno()):
        bases = (SUFFIX, "dc=missing", PERSON)
        numbers = [client.search(base, "(objectClass=*)", search_scope=BASE, attributes=["sn"]) for base in bases]
    return found + [ended(client, "search", *call) for call in zip(bases, numbers, strict=True)]
