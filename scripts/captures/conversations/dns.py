"""DNS: NSD as the server, a dialogue as the client."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ..network import CLIENT_IP, SERVER_IP, recording
from .log import Transaction
from .programs import folder, program
from .sockets import PATIENCE, exchange, received

PORT, CLIENT_PORT, FIRST = 53, 40000, 0x5A01  # the identifier of the first question
CONFIGURATION = """
server:
  ip-address: {address}
  server-count: 1
  username: root
  zonesdir: {place}
  database: ""
  pidfile: {place}/pid
  logfile: {place}/log
  xfrdfile: {place}/xfrd
  xfrdir: {place}
  zonelistfile: {place}/zones
  cookie-secret-file: {place}/cookie
  hide-version: yes
  rrl-ratelimit: 0
remote-control:
  control-enable: no
zone:
  name: example.test
  zonefile: zone
"""
MANY = "\n".join(f"many A 198.51.100.{number}" for number in range(1, 41))
ZONE = f"""
$ORIGIN example.test.
$TTL 300
@ SOA ns admin 1 3600 600 86400 300
@ NS ns
ns A 192.0.2.2
www A 192.0.2.2
www AAAA 2001:db8::2
alias CNAME www
{MANY}
"""
TYPES = {"A": 1, "SOA": 6, "AAAA": 28}
NXDOMAIN, REFUSED, NOTIMP = "NXDOMAIN", "REFUSED", "NOTIMP"
CODES = {"": 0, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5}
STATUS = 2 << 11  # the operation


@contextmanager
def server() -> Iterator[None]:
    with folder() as place:
        (place / "conf").write_text(CONFIGURATION.format(place=place, address=SERVER_IP))
        (place / "zone").write_text(ZONE)
        with program("nsd", "-d", "-c", place / "conf", port=PORT):
            yield


def ask(step: int, name: str, kind: str = "A", error: str = "", operation: int = 0) -> Transaction:
    """A question. Its answer has the same identifier."""
    identifier = (FIRST + step).to_bytes(2, "big")
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    question = labels + b"\0" + TYPES[kind].to_bytes(2, "big") + b"\0\1"
    sent = identifier + operation.to_bytes(2, "big") + b"\0\1\0\0\0\0\0\0" + question
    more: dict[str, object] = {"resource": name, "type": kind, "id": FIRST + step}
    return Transaction("STATUS" if operation else "QUERY", sent, identifier, error, more=more)


DATAGRAMS = (
    ask(0, "www.example.test"),
    ask(1, "www.example.test", "AAAA"),
    ask(2, "missing.example.test", error=NXDOMAIN),
    ask(3, "www.other.test", error=REFUSED),
    ask(4, "alias.example.test"),
    ask(5, "many.example.test"),  # too long for a datagram
    ask(6, "www.example.test", error=NOTIMP, operation=STATUS),
)
SEGMENT = (
    ask(7, "many.example.test"),
    ask(8, "missing.example.test", error=NXDOMAIN),
    ask(9, "example.test", "SOA"),
)


def framed(asked: Transaction) -> Transaction:
    """A question by TCP, with its length in front."""
    return replace(asked, sent=len(asked.sent).to_bytes(2, "big") + asked.sent, connection=1)


def dns(path: Path) -> list[Transaction]:
    """Names of several types, errors, an answer that is cut; by TCP a whole one, and three questions in one segment."""
    with recording(path, f"port {PORT}"), server():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((CLIENT_IP, CLIENT_PORT))
            sock.connect((SERVER_IP, PORT))
            sock.settimeout(PATIENCE)
            for asked in DATAGRAMS:
                sock.send(asked.sent)
                answer = received(sock)
                assert (answer[:2], answer[3] & 15) == (asked.received, CODES[asked.error])
        with socket.create_connection((SERVER_IP, PORT)) as sock:
            done = exchange(sock, *map(framed, SEGMENT))
        return [*DATAGRAMS, *done]
