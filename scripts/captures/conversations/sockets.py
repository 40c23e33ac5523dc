"""What clients do with their sockets: one segment for several messages, a simple dialogue, a connection cut off."""

import os
import socket
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from ..network import SERVER_IP
from .log import Transaction

PATIENCE = 10  # seconds for an answer


@contextmanager
def corked(descriptor: int) -> Iterator[None]:
    """Holds back what is written to a TCP socket while the context lasts; then it goes out in one segment."""
    with socket.socket(fileno=os.dup(descriptor)) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        yield
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)


def reset(descriptor: int) -> None:
    """Closes a TCP socket with RST in place of FIN."""
    with socket.socket(fileno=descriptor) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def exchange(sock: socket.socket, *transactions: Transaction) -> list[Transaction]:
    """Sends requests in one segment and reads on until each answer has come. Returns the transactions.

    An answer TURN ends with what comes at once. Raises EOFError if the server closes the connection too early, and
    TimeoutError if an answer is not as expected.
    """
    sock.settimeout(PATIENCE)
    sock.sendall(b"".join(transaction.sent for transaction in transactions))
    read_to(sock, [transaction.received for transaction in transactions if transaction.received is not None])
    return list(transactions)


def converse(
    port: int, single: Iterable[Transaction], pipeline: Iterable[Transaction], cut_off: Transaction
) -> list[Transaction]:
    """Sends requests one after the other, then some in one segment, and in a new connection one that is reset.

    Returns all transactions. Raises what `exchange` raises.
    """
    with socket.create_connection((SERVER_IP, port)) as sock:
        done = [exchange(sock, each)[0] for each in single] + exchange(sock, *pipeline)
    sock = socket.create_connection((SERVER_IP, port))
    exchange(sock, cut_off)
    reset(sock.detach())
    return [*done, cut_off]


def read_to(sock: socket.socket, ends: list[bytes]) -> None:
    """Reads on until all these ends of answers have come, in any order."""
    came = b""
    try:
        while ends and not (came and all(came.count(end) >= ends.count(end) for end in ends)):
            came += received(sock)
    except TimeoutError as error:
        raise TimeoutError(f"the answer has not all of {ends}: {came!r}") from error


def received(sock: socket.socket) -> bytes:
    """What a server sends. Raises EOFError if it closed the connection."""
    if not (data := sock.recv(65535)):
        raise EOFError("the server closed the connection")
    return data
