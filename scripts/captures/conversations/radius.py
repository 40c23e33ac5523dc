"""RADIUS: FreeRADIUS as the server, its own program as the client."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..network import CLIENT_IP, SERVER_IP, recording
from .log import TURN, Transaction
from .programs import folder, program

CONFIGURATION = """
prefix = {place}
localstatedir = {place}
raddbdir = {place}
logdir = {place}
run_dir = {place}
libdir = /usr/lib/freeradius
max_request_time = 5
security {{
  reject_delay = 0
  status_server = yes
}}
client reader {{
  ipaddr = {client}
  secret = testing123
}}
thread pool {{
  start_servers = 1
  max_servers = 1
}}
modules {{
  pap {{ }}
  files {{ usersfile = {place}/users }}
  always ok {{ rcode = ok }}
  always handled {{ rcode = handled }}
}}
server default {{
  listen {{
    type = auth
    ipaddr = {server}
    port = 1812
  }}
  listen {{
    type = acct
    ipaddr = {server}
    port = 1813
  }}
  authorize {{
    if (&User-Name == "silent") {{
      update control {{
        &Response-Packet-Type := Do-Not-Respond
      }}
      handled
    }}
    files
    pap
  }}
  authenticate {{
    Auth-Type PAP {{
      pap
    }}
  }}
  accounting {{
    ok
  }}
}}
"""
USERS = 'reader Cleartext-Password := "secret"\n    Reply-Message = "Hello", Session-Timeout = 3600\n'


@contextmanager
def server() -> Iterator[None]:
    with folder() as place:
        (place / "radiusd.conf").write_text(CONFIGURATION.format(place=place, client=CLIENT_IP, server=SERVER_IP))
        (place / "users").write_text(USERS)
        with program("freeradius", "-X", "-d", place, "-D", "/usr/share/freeradius", port=1812):
            yield


def asked(kind: str, attributes: str, *options: str) -> None:
    """Sends a request from a port of its own."""
    words = ["radclient", *(options or ("-r", "1", "-t", "2")), SERVER_IP, kind, "testing123"]
    subprocess.run(words, input=attributes.encode(), capture_output=True, check=False)


def radius(path: Path) -> list[Transaction]:
    """A login, a wrong password, the account of a session, the state of the server, and a user without an answer."""
    with recording(path, "udp port 1812 or udp port 1813"), server():
        asked("auth", 'User-Name = "reader", User-Password = "secret", NAS-Identifier = "switch"')
        asked("auth", 'User-Name = "reader", User-Password = "wrong"')
        for state in ("Start", "Stop"):
            asked("acct", f'User-Name = "reader", Acct-Status-Type = {state}, Acct-Session-Id = "1"')
        asked("status", "Message-Authenticator = 0x00")
        asked("auth", 'User-Name = "silent", User-Password = "secret"', "-r", "2", "-t", "0.5")
    user: dict[str, object] = {"user": "reader"}
    done = [
        Transaction("Access-Request", b"reader", TURN, more=user),
        Transaction("Access-Request", b"reader", TURN, "Access-Reject", more=user),
        Transaction("Accounting-Request", b"reader", TURN, more={**user, "state": "Start"}),
        Transaction("Accounting-Request", b"reader", TURN, more={**user, "state": "Stop"}),
        Transaction("Status-Server", b"", TURN),
        Transaction("Access-Request", b"silent", None, "no answer", more={"user": "silent", "note": "sent twice"}),
    ]
    for number, transaction in enumerate(done):
        transaction.connection = number
    return done
