"""What the clients do with their sockets: several messages in one segment, and a connection that is cut off."""

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager


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
