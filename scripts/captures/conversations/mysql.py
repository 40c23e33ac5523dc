"""MariaDB: the server of the distribution, MySQL's own connector as the client."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from mysql.connector.connection import MySQLConnection
from mysql.connector.errors import Error

from ..network import SERVER_IP, recording
from .log import TURN, Transaction
from .programs import folder, program
from .sockets import corked, reset

LOGIN = Transaction("Login", b"reader\0", TURN, session=True)
SETTINGS = ("SET NAMES 'utf8mb4' COLLATE 'utf8mb4_general_ci'", "SET @@session.autocommit = ON")
"""What the client asks for by itself when it has logged in."""
OPENING = [LOGIN, *(Transaction("SET", s.encode(), TURN, session=True, more={"query": s}) for s in SETTINGS)]
QUIT = Transaction("Quit", b"\1\0\0\0\1", None, session=True)
QUERIES = (
    "CREATE TABLE shop.item (id int PRIMARY KEY, name text)",
    "INSERT INTO shop.item VALUES (1, 'one'), (2, 'two'), (3, NULL)",
    "SELECT id, name FROM shop.item ORDER BY id",
    "SELECT * FROM shop.missing",
    "INSERT INTO shop.item VALUES (1, 'again')",
)
PREPARED = "SELECT id, name FROM shop.item WHERE name = ?"
WRONG = "SELECT FROM WHERE ?"
PIPELINE = ("SELECT 10", "SELECT * FROM nowhere.item", "SELECT 30")
SLEEP = "SELECT SLEEP(5)"


@contextmanager
def server() -> Iterator[None]:
    with folder() as place:
        (place / "data" / "shop").mkdir(parents=True)
        files = (f"--datadir={place}/data", f"--socket={place}/socket", f"--pid-file={place}/pid")
        options = ("--user=root", "--skip-grant-tables", "--skip-networking=0", f"--bind-address={SERVER_IP}")
        with program("mariadbd", "--no-defaults", *files, *options, port=3306):
            yield


def mysql(path: Path) -> list[Transaction]:
    """Queries, a statement prepared once and run twice, errors, a pipeline, a query cut off by a reset."""
    with recording(path, "tcp port 3306"), server():
        client = connect()
        done = [*OPENING, *(transaction(client, text) for text in QUERIES), *prepared(client), ping(client)]
        done += [*pipeline(client), QUIT]
        client.close()
        return [*done, *cut_off()]


def connect() -> Any:
    """Logs in; the client tells the server the name of its host."""
    charset: dict[str, Any] = {"charset": "utf8mb4", "collation": "utf8mb4_general_ci"}
    with patch("socket.gethostname", return_value="client.example.test"):
        return MySQLConnection(host=SERVER_IP, user="reader", ssl_disabled=True, autocommit=True, **charset)


def transaction(client: Any, text: str) -> Transaction:
    about: dict[str, object] = {"query": text}
    try:
        if "columns" in client.cmd_query(text):
            client.get_rows()
    except Error as error:
        return Transaction(verb(text), text.encode(), TURN, str(error.msg), more={**about, "code": error.errno})
    return Transaction(verb(text), text.encode(), TURN, more=about)


def verb(text: str) -> str:
    return text.split(maxsplit=1)[0]


def prepared(client: Any) -> list[Transaction]:
    """A statement that is run twice, with and without a row, and one that cannot be prepared."""
    about: dict[str, Any] = {"query": PREPARED}
    statement = client.cmd_stmt_prepare(PREPARED.encode())
    done = [Transaction("Prepare", PREPARED.encode(), TURN, more=about)]
    for name in ("two", "nobody"):
        number, parameters = statement["statement_id"], statement["parameters"]
        client.cmd_stmt_execute(number, (name,), parameters)
        client.unread_result = True
        client.get_rows(binary=True, columns=statement["columns"])
        sent = b"\x17" + number.to_bytes(4, "little")
        done.append(Transaction("Execute", sent, TURN, more={**about, "parameters": [name]}))
    client.cmd_stmt_close(statement["statement_id"])
    done.append(Transaction("Close", b"\5\0\0\0\x19", None))
    try:
        client.cmd_stmt_prepare(WRONG.encode())
    except Error as error:
        more = {"query": WRONG, "code": error.errno}
        done.append(Transaction("Prepare", WRONG.encode(), TURN, str(error.msg), more=more))
    return done


def ping(client: Any) -> Transaction:
    client.cmd_ping()
    return Transaction("Ping", b"\1\0\0\0\x0e", TURN)


def pipeline(client: Any) -> list[Transaction]:
    """Three queries in one segment; the second fails."""
    sock = client._socket.sock
    with corked(sock.fileno()):
        for text in PIPELINE:
            sock.sendall(len(text + "?").to_bytes(3, "little") + b"\0\3" + text.encode())
    end = b"\5\0\0\5\xfe\0\0\2\0"  # the fifth packet of an answer with one column and one row
    done = [Transaction("SELECT", text.encode(), end, more={"query": text}) for text in PIPELINE]
    for number in range(len(PIPELINE)):
        try:
            client._handle_result(client._socket.recv())
            client.get_rows()
        except Error as error:
            more = {**done[number].more, "code": error.errno}
            done[number] = replace(done[number], received=str(error.msg).encode(), error=str(error.msg), more=more)
    return done


def cut_off() -> list[Transaction]:
    """A query that waits in the server when its connection is reset."""
    client = connect()
    sock = client._socket.sock
    sock.sendall(len(SLEEP + "?").to_bytes(3, "little") + b"\0\3" + SLEEP.encode())
    time.sleep(0.2)
    reset(sock.detach())
    slept = Transaction("SELECT", SLEEP.encode(), None, "connection reset", more={"query": SLEEP})
    return [replace(done, connection=1) for done in (*OPENING, slept)]
