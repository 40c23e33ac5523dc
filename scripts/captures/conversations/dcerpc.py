"""DCE-RPC: Samba's endpoint mapper, a dialogue as the client."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from uuid import UUID

from ..network import SERVER_IP, recording
from .log import Transaction
from .programs import folder, program
from .samba import GLOBAL
from .sockets import PATIENCE, received, reset

PORT, FIRST = 135, 0x5A01  # the number of the first call
START = """
hostname server.example.test && cd /usr/libexec/samba &&
exec ./samba-dcerpcd -F --no-process-group -s "$1" $PWD/rpcd_epmapper $PWD/rpcd_classic
"""
REQUEST, BIND, ALTER = 0, 11, 14
NAMES = {REQUEST: "Request", BIND: "Bind", ALTER: "Alter_context"}
MOST = 1432  # bytes of a unit
WHOLE, BEGIN, END = 3, 1, 2  # flags: the first and the last fragment
MAPPER, NDR = UUID("e1af8308-5d1f-11c9-91a4-08002b14a0fa"), UUID("8a885d04-1ceb-11c9-9fe8-08002b104860")
NOBODY = UUID("12345678-1234-1234-1234-123456789abc")
LOOKUP, FREE, MISSING = 2, 4, 99
NOT_SUPPORTED, OUT_OF_RANGE = "abstract_syntax_not_supported", "nca_op_rng_error"


@contextmanager
def server() -> Iterator[None]:
    with folder() as place:
        place.chmod(0o755)
        (place / "conf").write_text(GLOBAL.format(place=place, address=SERVER_IP))
        with program("unshare", "--uts", "sh", "-c", START, "samba-dcerpcd", place / "conf", port=PORT):
            yield


def words(*values: int) -> bytes:
    return b"".join(value.to_bytes(4, "little") for value in values)


def unit(kind: int, step: int, content: bytes, flags: int = WHOLE) -> bytes:
    """A unit of the protocol, with little-endian numbers."""
    size = (16 + len(content)).to_bytes(2, "little")
    return bytes([5, 0, kind, flags]) + words(0x10) + size + b"\0\0" + words(FIRST + step) + content


def bind(step: int, kind: int, context: int, interface: UUID, error: str = "") -> Transaction:
    """Asks for an interface of version 3, and for units of at most 1432 bytes."""
    syntax = interface.bytes_le + words(3) + NDR.bytes_le + words(2)
    content = words(MOST << 16 | MOST, 0, 1) + bytes([context, 0, 1, 0]) + syntax
    more = {"call": FIRST + step, "resource": str(interface)}
    return Transaction(NAMES[kind], unit(kind, step, content), b"", error, session=True, more=more)


def request(step: int, operation: int, content: bytes, error: str = "", fragments: int = 1) -> Transaction:
    """A call of the endpoint mapper, in a number of fragments."""
    size = -(-len(content) // fragments)
    sent = b""
    for start in range(0, len(content), size):
        flags = BEGIN * (start == 0) | END * (start + size >= len(content))
        head = words(len(content)) + bytes([0, 0, operation, 0])
        sent += unit(REQUEST, step, head + content[start : start + size], flags)
    more = {"call": FIRST + step, "resource": str(MAPPER), "operation": operation}
    return Transaction(NAMES[REQUEST], sent, b"", error, more=more)


def lookup(step: int, most: int, fragments: int = 1) -> Transaction:
    """Asks for at most `most` endpoints of all that are registered."""
    return request(step, LOOKUP, words(0, 0, 0, 1) + bytes(20) + words(most), fragments=fragments)


OPENED = bind(0, BIND, 0, MAPPER)
SINGLE = (
    OPENED,
    bind(1, ALTER, 1, NOBODY, NOT_SUPPORTED),
    lookup(2, 1),
    request(3, MISSING, bytes(24), OUT_OF_RANGE),
    lookup(4, 500),
    lookup(5, 1, fragments=2),
)
PIPELINE = (lookup(6, 1), request(7, MISSING, bytes(24), OUT_OF_RANGE), request(8, FREE, bytes(20)))
CUT_OFF = replace(lookup(10, 1), received=None, error="connection reset", connection=1)


def units(sock: socket.socket) -> Iterator[bytes]:
    """The units that the server sends."""
    came = b""
    while True:
        while len(came) < 16 or len(came) < int.from_bytes(came[8:10], "little"):
            came += received(sock)
        size = int.from_bytes(came[8:10], "little")
        yield came[:size]
        came = came[size:]


def call(sock: socket.socket, *transactions: Transaction) -> list[Transaction]:
    """Sends calls in one segment; the answer to each is the last unit with its number."""
    sock.sendall(b"".join(transaction.sent for transaction in transactions))
    waiting, answers = {transaction.sent[12:16] for transaction in transactions}, {}
    for answer in units(sock):
        answers[answer[12:16]] = answer
        waiting -= {answer[12:16]} if answer[3] & END else set()
        if not waiting:
            return [replace(each, received=answers[each.sent[12:16]]) for each in transactions]
    raise AssertionError


def dcerpc(path: Path) -> list[Transaction]:
    """Binds, calls and answers in several fragments, errors, three calls in one segment, and a reset."""
    with recording(path, f"tcp port {PORT}"), server():
        with socket.create_connection((SERVER_IP, PORT), PATIENCE) as sock:
            done = [call(sock, each)[0] for each in SINGLE] + call(sock, *PIPELINE)
        sock = socket.create_connection((SERVER_IP, PORT), PATIENCE)
        [again] = call(sock, replace(OPENED, connection=1))
        sock.sendall(CUT_OFF.sent)
        reset(sock.detach())
    return [*done, again, CUT_OFF]
