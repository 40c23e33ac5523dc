"""gRPC: grpcio on both sides, the server as a program of its own: `python -m scripts.captures.conversations.grpc`."""

import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import grpc as library

from ..network import SERVER_IP, recording
from .log import TURN, Transaction
from .programs import program

PORT = 80  # where tshark sees HTTP/2 by itself
OPTIONS = [("grpc.http2.bdp_probe", 0), ("grpc.primary_user_agent", "example-client/1.0")]


def echo(message: bytes, context: library.ServicerContext) -> bytes:
    if message == b"wrong":
        context.abort(library.StatusCode.NOT_FOUND, "no such thing")
    if message == b"slow":
        time.sleep(2)
    return b"echo " + message


def count(message: bytes, context: library.ServicerContext) -> Iterator[bytes]:
    for number in range(int(message)):
        yield b"%d" % number


def serve() -> None:
    """Serves until the process ends."""
    handlers = {
        "Echo": library.unary_unary_rpc_method_handler(echo),
        "Count": library.unary_stream_rpc_method_handler(count),
    }
    server = library.server(ThreadPoolExecutor(2), options=OPTIONS[:1])
    server.add_generic_rpc_handlers((library.method_handlers_generic_handler("demo.Service", handlers),))
    server.add_insecure_port(f"{SERVER_IP}:{PORT}")
    server.start()
    server.wait_for_termination()


def grpc(path: Path) -> list[Transaction]:
    """Calls, an error, an unknown method, a stream of answers, and a call that takes too long."""
    with (
        recording(path, f"tcp port {PORT}"),
        program(sys.executable, "-m", __name__, port=PORT),
        library.insecure_channel(f"{SERVER_IP}:{PORT}", OPTIONS) as channel,
    ):
        return talk(channel)


def talk(channel: library.Channel) -> list[Transaction]:
    unary = channel.unary_unary("/demo.Service/Echo")
    assert unary(b"one") == b"echo one"
    assert unary(b"two") == b"echo two"
    with suppress(library.RpcError):
        unary(b"wrong")
    with suppress(library.RpcError):
        channel.unary_unary("/demo.Service/Missing")(b"lost")
    assert list(channel.unary_stream("/demo.Service/Count")(b"3")) == [b"0", b"1", b"2"]
    with suppress(library.RpcError):
        unary(b"slow", timeout=0.5)
    return TRANSACTIONS


def called(method: str, message: str, received: bytes | None = TURN, error: str = "") -> Transaction:
    sent = b"\0" + len(message).to_bytes(4, "big") + message.encode()
    more: dict[str, object] = {"resource": f"/demo.Service/{method}", "text": message}
    return Transaction(method, sent, received, error, more=more)


TRANSACTIONS = [
    called("Echo", "one"),
    called("Echo", "two"),
    called("Echo", "wrong", error="NOT_FOUND: no such thing"),
    called("Missing", "lost", error="UNIMPLEMENTED: Method not found!"),
    called("Count", "3"),
    called("Echo", "slow", error="DEADLINE_EXCEEDED"),
]

if __name__ == "__main__":
    serve()
