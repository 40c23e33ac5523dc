"""PostgreSQL: the server of the distribution, libpq as the client."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from psycopg.pq import DiagnosticField, ExecStatus, PGconn, abc

from ..network import SERVER_IP, recording
from .log import Transaction
from .programs import folder, program
from .sockets import corked, reset

[BIN, *_] = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
ADDRESS = f"host={SERVER_IP} user=reader dbname=postgres sslmode=disable gssencmode=disable".encode()
READY = b"Z\0\0\0\5I"
STARTUP = Transaction("Startup message", b"user\0reader\0", READY, session=True)
FINISH = Transaction("Termination", b"X\0\0\0\4", None, session=True)
SIMPLE = (
    "CREATE TABLE item (id int PRIMARY KEY, name text)",
    "INSERT INTO item VALUES (1, 'one'), (2, 'two'), (3, NULL)",
    "SELECT id, name FROM item ORDER BY id",
    "SELECT count(*) FROM item; UPDATE item SET name = 'drei' WHERE id = 3",
    "SELECT * FROM missing",
)
PARAMETERS: tuple[tuple[str, list[bytes | None]], ...] = (
    ("SELECT name FROM item WHERE id = $1", [b"2"]),
    ("INSERT INTO item VALUES ($1, $2)", [b"1", None]),
)
PREPARED = "SELECT id FROM item WHERE name = $1"
PIPELINE = ("SELECT 10", "SELECT 1/0", "SELECT 30")
SLEEP = "SELECT pg_sleep(5)"


@contextmanager
def server() -> Iterator[None]:
    with folder("postgres") as place:
        user = ("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups")
        data = ("-D", place / "data")
        options = ("--auth=trust", "--username=reader", "--no-sync", "--locale=C", "--encoding=UTF8")
        subprocess.run([*user, BIN / "initdb", *data, *options], check=True, stdout=subprocess.DEVNULL)
        with (place / "data" / "pg_hba.conf").open("a") as rules:
            rules.write("host all all samenet trust\n")
        listen = ("-c", f"listen_addresses={SERVER_IP}", "-c", f"unix_socket_directories={place}")
        with program(BIN / "postgres", *data, *listen, "-c", "fsync=off", port=5432, user="postgres"):
            yield


def postgresql(path: Path) -> list[Transaction]:
    """Simple and extended queries, a statement prepared once and run twice, errors, a pipeline, a query cut off."""
    with recording(path, "tcp port 5432"), server():
        client = PGconn.connect(ADDRESS)
        done = [STARTUP, *simple(client), *extended(client), *pipeline(client), FINISH]
        client.finish()
        return [*done, *cut_off()]


def simple(client: abc.PGconn) -> list[Transaction]:
    return [transaction(text, client.exec_(text.encode())) for text in SIMPLE]


def transaction(text: str, result: abc.PGresult, **more: object) -> Transaction:
    """A query with its text in the request, and an answer that ends with READY."""
    about: dict[str, object] = {"query": text, **more}
    if code := result.error_field(DiagnosticField.SQLSTATE):
        about["code"] = code.decode()
    error = (result.error_field(DiagnosticField.MESSAGE_PRIMARY) or b"").decode()
    return Transaction(text.split(maxsplit=1)[0], text.encode(), READY, error, more=about)


def extended(client: abc.PGconn) -> list[Transaction]:
    """Statements with parameters, without a name and prepared; the text of a prepared one is not in its execution."""
    done = [transaction(text, client.exec_params(text.encode(), values)) for text, values in PARAMETERS]
    client.prepare(b"by_name", PREPARED.encode())
    done.append(Transaction("Parse", PREPARED.encode(), READY, more={"query": PREPARED}))
    for name in (b"one", b"nobody"):
        result = client.exec_prepared(b"by_name", [name])
        done.append(replace(transaction(PREPARED, result, parameters=[name.decode()]), sent=b"\0by_name\0"))
    return done


def pipeline(client: abc.PGconn) -> list[Transaction]:
    """Three statements in one segment, each with its own Sync; the second fails."""
    client.enter_pipeline_mode()
    with corked(client.socket):
        for text in PIPELINE:
            client.send_query_params(text.encode(), None)
            client.pipeline_sync()
    done = [transaction(text, answer(client)) for text in PIPELINE]
    client.exit_pipeline_mode()
    return done


def answer(client: abc.PGconn) -> abc.PGresult:
    """The result of the next statement of a pipeline. Reads on to the end of the answer."""
    result = client.get_result()
    assert result
    while (other := client.get_result()) is None or other.status != ExecStatus.PIPELINE_SYNC:
        pass
    return result


def cut_off() -> list[Transaction]:
    """A query that waits in the server when its connection is reset."""
    client = PGconn.connect(ADDRESS)
    client.send_query(SLEEP.encode())
    time.sleep(0.2)
    reset(client.socket)
    client.finish()
    slept = Transaction("SELECT", SLEEP.encode(), None, "connection reset", more={"query": SLEEP})
    return [replace(done, connection=1) for done in (STARTUP, slept)]
