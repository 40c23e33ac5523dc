"""SNMP: Net-SNMP's agent and its programs."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..network import SERVER_IP, recording
from .log import TURN, Transaction
from .programs import folder, program

CONFIGURATION = """
agentaddress udp:{address}:161
com2sec reader default public
group readers v2c reader
group readers v1 reader
view system included .1.3.6.1.2.1.1
access readers "" any noauth exact system none none
syslocation A rack
syscontact reader@example.test
sysname server.example.test
sysdescr An example server
"""
SYSTEM = ".1.3.6.1.2.1.1"
NOT_THERE = ".1.3.6.1.2.1.2.1.0"


@contextmanager
def server() -> Iterator[None]:
    with folder() as place:
        (place / "conf").write_text(CONFIGURATION.format(address=SERVER_IP))
        options = ("-f", "-Ln", "-C", "-c", place / "conf", "-p", place / "pid", "-I", "-smux")
        with program("snmpd", *options, port=161, variables={"SNMP_PERSISTENT_DIR": str(place), "MIBS": ""}):
            yield


def asked(method: str, names: list[str], *options: str, error: str = "", version: str = "2c") -> Transaction:
    """Runs the program for a request, which uses a port of its own."""
    words = ("-r0", "-t2", "-On", SERVER_IP, *names)
    subprocess.run([f"snmp{method}", f"-v{version}", "-cpublic", *options, *words], capture_output=True, check=False)
    objects = [name for name in names if name.startswith(".")]
    return Transaction(method, b"public", TURN, error, more={"resource": objects, "version": version})


def snmp(path: Path) -> list[Transaction]:
    """Requests of each kind, errors of both versions, and a wrong community, to which the agent gives no answer."""
    with recording(path, "udp port 161"), server():
        done = [
            asked("get", [f"{SYSTEM}.1.0", f"{SYSTEM}.5.0"]),
            asked("getnext", [f"{SYSTEM}.4"]),
            asked("bulkget", [SYSTEM], "-Cr3"),
            asked("get", [NOT_THERE]),
            asked("get", [NOT_THERE], version="1", error="noSuchName"),
            asked("set", [f"{SYSTEM}.5.0", "s", "other"], error="noAccess"),
            unanswered(),
        ]
    for number, transaction in enumerate(done):
        transaction.connection = number
    return done


def unanswered() -> Transaction:
    """Asks twice with a wrong community."""
    words = ("-r1", "-t0.5", "-On", SERVER_IP, f"{SYSTEM}.1.0")
    subprocess.run(["snmpget", "-v2c", "-cwrong", *words], capture_output=True, check=False)
    more: dict[str, object] = {"resource": [f"{SYSTEM}.1.0"], "version": "2c", "note": "sent twice"}
    return Transaction("get", b"wrong", None, "no answer", more=more)
