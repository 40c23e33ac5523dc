"""NTP: chrony as the server, ntplib as the client."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ntplib import NTPClient, NTPException

from ..network import SERVER_IP, recording
from .log import TURN, Transaction
from .programs import folder, program

CONFIGURATION = """
bindaddress {address}
port 123
cmdport 0
local stratum 8
allow 192.0.2.1
pidfile {place}/pid
driftfile {place}/drift
"""


@contextmanager
def server() -> Iterator[None]:
    with folder() as place:
        (place / "conf").write_text(CONFIGURATION.format(address=SERVER_IP, place=place))
        with program("chronyd", "-d", "-x", "-u", "root", "-f", place / "conf", port=123):
            time.sleep(1)  # until the server trusts its own clock
            yield


def ntp(path: Path) -> list[Transaction]:
    """Requests of three versions, and one that a server which has stopped leaves without an answer."""
    with recording(path, "udp port 123"):
        with server():
            for version in (2, 3, 4):
                NTPClient().request(SERVER_IP, version=version)
        with suppress(NTPException, OSError):
            NTPClient().request(SERVER_IP, version=4, timeout=1)
    done = [Transaction("client", b"", TURN, more={"version": version}) for version in (2, 3, 4)]
    done.append(Transaction("client", b"", None, "no answer", more={"version": 4}))
    for number, transaction in enumerate(done):
        transaction.connection = number
    return done
