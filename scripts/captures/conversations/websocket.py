"""WebSocket: the library websockets on both sides."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from websockets.exceptions import InvalidStatus
from websockets.http11 import Request, Response
from websockets.sync.client import ClientConnection, connect
from websockets.sync.server import ServerConnection, serve

from ..network import SERVER, SERVER_IP, inside, recording
from .log import TURN, Transaction
from .programs import threaded
from .sockets import corked

NAMES = {"Host": "www.example.test", "User-Agent": "example-client/1.0"}


@contextmanager
def server() -> Iterator[None]:
    """Answers a text with `echo ` and the text, and a message of bytes not at all."""

    def answer(connection: ServerConnection) -> None:
        for message in connection:
            if isinstance(message, str):
                connection.send(f"echo {message}")

    def paths(connection: ServerConnection, request: Request) -> Response | None:
        return None if request.path == "/echo" else connection.respond(404, "no such page\n")

    options: dict[str, Any] = {"compression": None, "process_request": paths, "server_header": "example-server/1.0"}
    with inside(SERVER):
        running = serve(answer, SERVER_IP, 80, **options)
    with threaded(running.serve_forever, running.shutdown, 80):
        yield


def websocket(path: Path) -> list[Transaction]:
    """A path without WebSocket; texts, three of them in one segment, bytes, a ping, and the end."""
    with recording(path, "tcp port 80"), server():
        options: dict[str, Any] = {
            "compression": None,
            "user_agent_header": "example-client/1.0",
            "ping_interval": None,
        }
        with suppress(InvalidStatus):
            connect(f"ws://{SERVER_IP}/missing", **options)
        with connect(f"ws://{SERVER_IP}/echo", **options) as client:
            talk(client)
    refused = upgrade("/missing", 0)
    refused.error = "404 Not Found"
    return [refused, upgrade("/echo", 1), *messages()]


def upgrade(target: str, connection: int) -> Transaction:
    """The request of HTTP that opens the connection."""
    return Transaction("GET", f"GET {target} ".encode(), TURN, connection=connection, more={"resource": target})


def talk(client: ClientConnection) -> None:
    client.send("one")
    client.recv()
    client.send(b"bytes")
    with corked(client.socket.fileno()):
        for text in ("two", "three", "four"):
            client.send(text)
    for _ in range(3):
        client.recv()
    client.ping("ping").wait(5)


def messages() -> list[Transaction]:
    """The messages of `talk`, each of them one-way. The client masks its own, so that only their heads are known."""
    mine = [
        ("Text", 0x81, "one"),
        ("Binary", 0x82, "bytes"),
        *(("Text", 0x81, text) for text in ("two", "three", "four")),
    ]
    done = [Transaction(kind, bytes([code, 0x80 | len(text)]), None, more={"text": text}) for kind, code, text in mine]
    for text in ("echo one", "echo two", "echo three", "echo four"):
        sent = bytes([0x81, len(text)]) + text.encode()
        done.append(Transaction("Text", sent, None, more={"text": text}, from_server=True))
    done.append(Transaction("Ping", b"\x89\x84", b"\x8a\x04ping", more={"text": "ping"}))
    done.append(Transaction("Connection Close", b"\x88\x82", b"\x88\x02", session=True))
    for transaction in done:
        transaction.connection = 1
    return done
