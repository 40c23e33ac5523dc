"""Redis: the server of the distribution, redis-py as the client."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from redis import Connection, ResponseError

from ..network import SERVER_IP, recording
from .log import TURN, Transaction
from .programs import folder, program
from .sockets import corked, reset

COMMANDS = (
    ("PING",),
    ("SET", "name", "one"),
    ("GET", "name"),
    ("GET", "missing"),
    ("LPUSH", "name", "two"),
    ("RPUSH", "list", "a", "b"),
    ("LRANGE", "list", "0", "-1"),
    ("EVAL", "return {1, {2, 'x'}}", "0"),
    ("UNKNOWN", "x"),
    ("SET", "large", "x" * 3000),
)
PIPELINE = (
    (("SET", "counter", "41"), b"+OK\r\n"),
    (("INCR", "counter"), b":42\r\n"),
    (("INCR", "name"), b"-ERR value is not an integer or out of range\r\n"),
    (("MGET", "counter", "missing", "name"), b"*3\r\n$2\r\n42\r\n$-1\r\n$3\r\none\r\n"),
    (("DEL", "counter", "name"), b":2\r\n"),
)
BLOCKED = ("BLPOP", "nothing", "0")


@contextmanager
def server() -> Iterator[None]:
    with folder() as place:
        options = ("--bind", SERVER_IP, "--dir", place, "--save", "", "--protected-mode", "no")
        with program("redis-server", *options, port=6379):
            yield


def redis(path: Path) -> list[Transaction]:
    """Commands, errors, a value of several segments, a pipeline, a blocked command cut off by a reset."""
    with recording(path, "tcp port 6379"), server():
        client = connect()
        done = [transaction(client, command) for command in COMMANDS]
        done += pipeline(client)
        client.disconnect()
        return [*done, cut_off()]


def connect() -> Connection:
    client = Connection(SERVER_IP, protocol=2, lib_name=None, lib_version=None, driver_info=None)
    client.connect()
    return client


def transaction(client: Connection, command: tuple[str, ...], received: bytes | None = TURN) -> Transaction:
    """Sends a command and reads its answer."""
    client.send_command(*command)
    return described(command, received, error_of(client))


def error_of(client: Connection) -> str:
    """Reads an answer; returns the text of an error, with the word ERR that the client takes away."""
    try:
        client.read_response()
    except ResponseError as error:
        return str(error) if str(error).startswith("WRONGTYPE") else f"ERR {error}"
    return ""


def described(command: tuple[str, ...], received: bytes | None, error: str) -> Transaction:
    method, *words = command
    sent = b"".join(b"$%d\r\n%s\r\n" % (len(word), word.encode()) for word in command)
    more = {"resource": words[0]} if words else {}
    text = " ".join(word if len(word) < 100 else word[:10] + "..." for word in command)
    return Transaction(method, sent, received, error, more={**more, "query": text})


def pipeline(client: Connection) -> list[Transaction]:
    """Five commands in one segment; the third fails."""
    with corked(client._get_socket().fileno()):
        for command, _ in PIPELINE:
            client.send_command(*command)
    return [described(command, answer, error_of(client)) for command, answer in PIPELINE]


def cut_off() -> Transaction:
    """A command that waits in the server when its connection is reset."""
    client = connect()
    client.send_command(*BLOCKED)
    time.sleep(0.2)
    reset(client._get_socket().detach())
    done = described(BLOCKED, None, "connection reset")
    done.connection = 1
    return done
