"""Thrift: thriftpy2 on both sides."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import thriftpy2
from thriftpy2.protocol import TBinaryProtocol
from thriftpy2.rpc import make_server
from thriftpy2.thrift import TApplicationException, TClient
from thriftpy2.transport import TBufferedTransport, TSocket

from ..network import SERVER_IP, recording
from .log import Transaction
from .programs import folder, threaded
from .sockets import corked

PORT, CALL, REPLY, EXCEPTION, ONEWAY = 9090, 1, 2, 3, 4
INTERFACE = """
exception Wrong {
  1: string reason
}
service Calculator {
  i32 add(1: i32 a, 2: i32 b)
  i32 divide(1: i32 a, 2: i32 b) throws (1: Wrong wrong)
  oneway void note(1: string text)
}
"""
NEWER = INTERFACE.replace("oneway", "i32 missing(1: i32 a)\n  oneway")


def interface(text: str, name: str) -> Any:
    """The module that thriftpy2 makes of an interface."""
    with folder() as place:
        (place / "calculator.thrift").write_text(text)
        return thriftpy2.load(str(place / "calculator.thrift"), module_name=f"{name}_thrift")


class Handler:
    """Does what the interface says."""

    def __init__(self, wrong: Any) -> None:
        self.wrong = wrong

    def add(self, a: int, b: int) -> int:
        return a + b

    def divide(self, a: int, b: int) -> int:
        if b == 0:
            raise self.wrong(reason="division by zero")
        return a // b

    def note(self, text: str) -> None:
        pass


@contextmanager
def server() -> Iterator[None]:
    known = interface(INTERFACE, "calculator")
    running = make_server(known.Calculator, Handler(known.Wrong), SERVER_IP, PORT)
    running.daemon = True
    with threaded(running.serve, running.close, PORT):
        yield


def thrift(path: Path) -> list[Transaction]:
    """Calls, an exception of the interface, an unknown method, a call without answer, three calls in one segment."""
    with recording(path, f"tcp port {PORT}"), server():
        newer = interface(NEWER, "newer")
        sock = TSocket(SERVER_IP, PORT)
        sock.open()
        client = TClient(newer.Calculator, TBinaryProtocol(TBufferedTransport(sock)))
        client.add(1, 2)
        with suppress(newer.Wrong):
            client.divide(1, 0)
        with suppress(TApplicationException):
            client.missing(1)
        client.note("for nobody")
        pipeline(client, sock.sock.fileno())
        client.close()
    return TRANSACTIONS


def pipeline(client: TClient, descriptor: int) -> None:
    with corked(descriptor):
        for b in (1, 2, 3):
            client._send("divide", a=6, b=b)
    for _ in range(3):
        client._recv("divide")


def called(method: str, *arguments: object, answer: int | None = REPLY, error: str = "") -> Transaction:
    """A call whose answer has the type `answer`; a call without one is of the type ONEWAY."""
    name = len(method).to_bytes(4, "big") + method.encode()
    sent = bytes([0x80, 1, 0, CALL if answer else ONEWAY]) + name
    end = bytes([0x80, 1, 0, answer]) + name if answer else None
    return Transaction(method, sent, end, error, more={"parameters": list(arguments)})


TRANSACTIONS = [
    called("add", 1, 2),
    called("divide", 1, 0, error="division by zero"),
    called("missing", 1, answer=EXCEPTION, error="Unknown method"),
    called("note", "for nobody", answer=None),
    called("divide", 6, 1),
    called("divide", 6, 2),
    called("divide", 6, 3),
]
