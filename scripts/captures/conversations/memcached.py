"""memcached: the server of the distribution; a dialogue in its text protocol, a client for its binary protocol."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bmemcached.exceptions import MemcachedException
from bmemcached.protocol import Protocol

from ..network import SERVER_IP, recording
from .log import TURN, Transaction
from .programs import program
from .sockets import exchange, received

PORT = 11211
QUIET = {"note": "a miss has no answer"}


@contextmanager
def server() -> Iterator[None]:
    with program("memcached", "-u", "nobody", "-l", SERVER_IP, "-U", "0", "-t", "1", port=PORT):
        yield


def text(command: str, answer: str | None, value: str = "", error: str = "", session: bool = False) -> Transaction:
    """A command of the text protocol, perhaps with a value, and the end of its answer."""
    method, *rest = command.split(" ")
    sent = f"{command}\r\n" + (f"{value}\r\n" if value else "")
    end = answer if answer is None else f"{answer}\r\n".encode()
    keys = rest if method == "gets" else rest[:1]
    more: dict[str, object] = {"resource": " ".join(keys)} if keys else {}
    return Transaction(method, sent.encode(), end, error, session=session, more={**more, "query": command})


NOT_A_NUMBER = "CLIENT_ERROR cannot increment or decrement non-numeric value"
COMMANDS = (
    text("set first 0 0 3", "STORED", "one"),
    text("get first", "VALUE first 0 3\r\none\r\nEND"),
    text("get missing", "END"),
    text("add first 0 0 3", "NOT_STORED", "two"),
    text("set second 5 100 2", "STORED", "41"),
    text("incr second 1", "42"),
    text("incr first 1", NOT_A_NUMBER, error=NOT_A_NUMBER),
    text("gets first missing second", "42\r\nEND"),
    text("prepend missing 0 0 1", "NOT_STORED", "x"),
    text("touch first 100", "TOUCHED"),
    text("delete first", "DELETED"),
    text("delete first", "NOT_FOUND"),
    text("unknown", "ERROR", error="ERROR"),
    text("set fourth 0 0 4 noreply", None, "four"),
    text("version", ""),
)
PIPELINE = (
    text("set third 0 0 5", "STORED", "three"),
    text("get third", "VALUE third 0 5\r\nthree\r\nEND"),
    text("delete nothing", "NOT_FOUND"),
)
QUIT = text("quit", None, session=True)


def memcached_text(path: Path) -> list[Transaction]:
    """Commands of the text protocol, with misses, errors, and three commands in one segment."""
    with recording(path, f"tcp port {PORT}"), server(), socket.create_connection((SERVER_IP, PORT)) as sock:
        done = [exchange(sock, command)[0] for command in COMMANDS]
        return [*done, *exchange(sock, *PIPELINE), *exchange(sock, QUIT)]


def memcached_binary(path: Path) -> list[Transaction]:
    """Commands of the binary protocol, with misses and errors, and quiet ones in one segment."""
    with recording(path, f"tcp port {PORT}"), server():
        client = Protocol(f"{SERVER_IP}:{PORT}")
        done = [*singles(client), *quiet_gets(client), *quiet_sets(client), unknown(client)]
        client.disconnect()
    return done


def binary(method: str, code: int, key: str, **more: object) -> Transaction:
    """A command of the binary protocol whose answer ends the server's turn."""
    sent = bytes([0x80, code]) + len(key).to_bytes(2, "big")
    return Transaction(method, sent, TURN, more={"resource": key, **more} if key else more)


def singles(client: Protocol) -> list[Transaction]:
    client.set("first", "one", 100)
    client.get("first")
    client.get("missing")
    client.add("first", "two", 100)
    client.set("second", "41", 100)
    client.incr("second", 1, 0, 100)
    failed = binary("Increment", 5, "first")
    try:
        client.incr("first", 1, 0, 100)
    except MemcachedException:
        failed.error = "Non-numeric server-side value for incr or decr"
    client.delete("first")
    client.delete("missing")
    calls = [("Set", 1, "first"), ("Get", 0, "first"), ("Get", 0, "missing"), ("Add", 2, "first"), ("Set", 1, "second")]
    ends = [binary("Delete", 4, "first"), binary("Delete", 4, "missing")]
    return [*(binary(*call) for call in calls), binary("Increment", 5, "second"), failed, *ends]


def quiet_gets(client: Protocol) -> list[Transaction]:
    """Two quiet gets and a last one in a segment. The second has no answer, since the server has no such key."""
    assert set(client.get_multi(["second", "missing", "second"])) == {"second"}
    miss = binary("Get Key Quietly", 13, "missing", **QUIET)
    miss.received = None
    hit = binary("Get Key Quietly", 13, "second")
    hit.received = bytes([0x81, 13, 0, 6])
    return [hit, miss, binary("Get Key", 12, "second")]


def quiet_sets(client: Protocol) -> list[Transaction]:
    """Two quiet sets and a no-op that follows them. The sets succeed, so that only the no-op has an answer."""
    assert client.set_multi({"a": "1", "b": "2"}) == []
    quiet = [binary("Set Quietly", 17, key, note="success has no answer") for key in "ab"]
    for transaction in quiet:
        transaction.received = None
    return [*quiet, binary("No-op", 10, "")]


def unknown(client: Protocol) -> Transaction:
    """A command that the server does not know."""
    client.connection.sendall(bytes([0x80, 0x70]) + bytes(22))
    received(client.connection)
    done = binary("Unknown 0x70", 0x70, "")
    done.error = "Unknown command"
    return done
