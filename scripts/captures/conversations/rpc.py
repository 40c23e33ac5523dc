"""ONC RPC: rpcbind as the server, a dialogue of calls to it as the client."""

import socket
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from ..network import SERVER_IP, recording
from .log import Transaction
from .programs import program
from .sockets import exchange

PORT, PROGRAM, LAST_FRAGMENT = 111, 100000, 0x80000000


def server() -> AbstractContextManager[None]:
    return program("rpcbind", "-f", "-h", SERVER_IP, port=PORT)


def words(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(4, "big") for number in numbers)


def call(xid: int, target: tuple[int, int, int], arguments: bytes = b"", error: str = "") -> Transaction:
    """A call of (program, version, procedure) without credentials. Its answer has the same xid."""
    more: dict[str, object] = dict(zip(("program", "version", "procedure"), target, strict=True))
    sent = words(xid, 0, 2, *target, 0, 0, 0, 0) + arguments
    return Transaction(PROCEDURES.get(target, "unknown"), sent, words(xid, 1), error, more={"xid": xid, **more})


NULL, GETPORT, DUMP = (PROGRAM, 2, 0), (PROGRAM, 2, 3), (PROGRAM, 2, 4)
PROCEDURES = {NULL: "NULL", GETPORT: "GETPORT", DUMP: "DUMP"}
CALLS = (
    call(1, NULL),
    call(2, GETPORT, words(PROGRAM, 2, 17, 0)),
    call(3, GETPORT, words(100003, 3, 6, 0)),  # NFS, which is not there: the port is 0
    call(4, (PROGRAM, 9, 0), error="PROG_MISMATCH"),
    call(5, (PROGRAM, 2, 99), error="PROC_UNAVAIL"),
    call(6, (200000, 1, 0), error="PROG_UNAVAIL"),
)
PIPELINE = (call(7, NULL), call(8, (PROGRAM, 2, 99), error="PROC_UNAVAIL"), call(9, DUMP))


def rpc(path: Path) -> list[Transaction]:
    """Calls of the port mapper by UDP with errors, and three calls by TCP in one segment."""
    with recording(path, f"port {PORT}"), server():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect((SERVER_IP, PORT))
            done = [exchange(sock, one)[0] for one in CALLS]
        with socket.create_connection((SERVER_IP, PORT)) as sock:
            done += exchange(sock, *(replace(one, sent=record(one.sent), connection=1) for one in PIPELINE))
    return done


def record(message: bytes) -> bytes:
    """A message as a record of TCP."""
    return words(LAST_FRAGMENT | len(message)) + message
