"""Cassandra: a node of its own, a dialogue as the client.

The libraries of the node, org.apache.cassandra:cassandra-all with what it needs, are in the folder CASSANDRA_LIBRARIES.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from hashlib import md5
from pathlib import Path

from ..network import SERVER_IP, recording
from .log import Transaction
from .programs import folder, program
from .sockets import converse

PORT, FIRST = 9042, 0x5A01  # the number of the first request
CONFIGURATION = """
cluster_name: example
num_tokens: 1
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
commitlog_sync: periodic
commitlog_sync_period: 10s
data_file_directories: [{place}/data]
commitlog_directory: {place}/commitlog
saved_caches_directory: {place}/caches
hints_directory: {place}/hints
cdc_raw_directory: {place}/cdc
endpoint_snitch: SimpleSnitch
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters:
      - seeds: "127.0.0.1:7000"
listen_address: 127.0.0.1
rpc_address: {address}
native_transport_port: 9042
auto_snapshot: false
"""
EXPORTS = """
java.base/jdk.internal.misc java.base/java.lang.ref java.management.rmi/com.sun.jmx.remote.internal.rmi
java.rmi/sun.rmi.registry java.rmi/sun.rmi.server java.rmi/sun.rmi.transport.tcp java.sql/java.sql
jdk.unsupported/sun.misc
"""
OPENS = """
java.base/java.io java.base/java.lang java.base/java.lang.module java.base/java.nio java.base/java.util
java.base/java.util.concurrent java.base/java.util.concurrent.atomic java.base/jdk.internal.loader
java.base/jdk.internal.math java.base/jdk.internal.module java.base/jdk.internal.ref java.base/jdk.internal.reflect
java.base/jdk.internal.util.jar java.base/sun.nio.ch java.rmi/sun.rmi.transport.tcp
jdk.management/com.sun.management.internal
"""
"""Packages of Java 17 that the node uses from inside."""
OPTIONS = """
-Xmx512m -Dcassandra-foreground=yes -Dcassandra.jmx.local.port=7199 -Dcassandra.skip_wait_for_gossip_to_settle=0
-Djdk.attach.allowAttachSelf=true
"""


@contextmanager
def server() -> Iterator[None]:
    allowed = [*(f"--add-exports={name}=ALL-UNNAMED" for name in EXPORTS.split())]
    allowed += [f"--add-opens={name}=ALL-UNNAMED" for name in OPENS.split()]
    libraries = os.environ["CASSANDRA_LIBRARIES"] + "/*"
    with folder() as place:
        file = place / "cassandra.yaml"
        file.write_text(CONFIGURATION.format(place=place, address=SERVER_IP))
        places = (f"-Dcassandra.config=file://{file}", f"-Dcassandra.storagedir={place}/storage")
        words = ("java", *OPTIONS.split(), *places, *allowed, "-cp", libraries)
        with program(*words, "org.apache.cassandra.service.CassandraDaemon", port=PORT):
            yield


def number(value: int, size: int = 2) -> bytes:
    return value.to_bytes(size, "big")


def text(value: str, size: int = 2) -> bytes:
    return number(len(value), size) + value.encode()


ERROR, STARTUP, READY, ASK, SUPPORTED, QUERY, RESULT, PREPARE, EXECUTE, REGISTER, BATCH = (
    0,
    1,
    2,
    5,
    6,
    7,
    8,
    9,
    10,
    11,
    13,
)
NAMES = {STARTUP: "STARTUP", ASK: "OPTIONS", QUERY: "QUERY", PREPARE: "PREPARE", EXECUTE: "EXECUTE"}
NAMES |= {REGISTER: "REGISTER", BATCH: "BATCH"}
ANSWERS = {ASK: SUPPORTED, STARTUP: READY, REGISTER: READY}
ONE = number(1) + b"\0"  # consistency, and no flags


def request(step: int, code: int, content: bytes, query: str = "", error: str = "") -> Transaction:
    """A request of version 4 of the protocol. Its answer has the same number."""
    stream = number(FIRST + step)
    more: dict[str, object] = {"stream": FIRST + step, **({"query": query} if query else {})}
    sent = b"\4\0" + stream + number(code, 1) + number(len(content), 4) + content
    end = stream + number(ERROR if error else ANSWERS.get(code, RESULT), 1)
    return Transaction(NAMES[code], sent, end, error, more=more)


def query(step: int, statement: str, error: str = "") -> Transaction:
    return request(step, QUERY, text(statement, 4) + ONE, statement, error)


def execute(step: int, statement: str, values: tuple[int, str], error: str = "") -> Transaction:
    """A prepared statement that names its keyspace is known by a digest of its text."""
    digest = md5(statement.encode(), usedforsecurity=False).digest()
    bound = number(2) + number(4, 4) + number(values[0], 4) + text(values[1], 4)
    return request(step, EXECUTE, number(16) + digest + number(1) + b"\1" + bound, statement, error)


def batch(step: int, statement: str) -> Transaction:
    """A batch of one statement, which is not prepared."""
    content = b"\0" + number(1) + b"\0" + text(statement, 4) + number(0) + number(1) + b"\0"
    return request(step, BATCH, content, statement)


EVENT = Transaction("EVENT", b"\x84\0\xff\xff\x0c", None, from_server=True)
"""A message of the server about the schema, one for the keyspace and one for the table."""
CREATE = "CREATE KEYSPACE shop WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}"
TABLE = "CREATE TABLE shop.orders (id int PRIMARY KEY, name text)"
INSERT = "INSERT INTO shop.orders (id, name) VALUES (?, ?)"
LONG = "x" * 2000 + "END"
OPENED = (
    request(0, ASK, b""),
    request(1, STARTUP, number(1) + text("CQL_VERSION") + text("3.0.0")),
    request(2, REGISTER, number(1) + text("SCHEMA_CHANGE")),
)
SINGLE = (
    *(replace(each, session=True) for each in OPENED),
    query(3, CREATE),
    query(4, "USE shop"),
    query(5, TABLE),
    query(6, "SELEC name", "line 1:0 no viable alternative at input 'SELEC' ([SELEC]...)"),
    query(7, "SELECT name FROM missing", "table missing does not exist"),
    request(8, PREPARE, text(INSERT, 4), INSERT),
    execute(9, INSERT, (1, "one")),
    execute(10, INSERT, (2, LONG)),
    replace(query(11, "SELECT name FROM orders WHERE id = 2"), received=LONG.encode()),
    batch(12, "DELETE FROM orders WHERE id = 2"),
)
PIPELINE = (
    execute(13, INSERT, (3, "three")),
    query(14, "DROP TABLE missing", "Table 'shop.missing' doesn't exist"),
    query(15, "SELECT id FROM orders"),
)
CUT_OFF = replace(query(16, "SELECT name FROM orders"), received=None, error="connection reset", connection=1)


def cassandra(path: Path) -> list[Transaction]:
    """A table, a prepared statement, long values, errors, events, three requests in one segment, and a reset."""
    with recording(path, f"tcp port {PORT}"), server():
        return [*converse(PORT, SINGLE, PIPELINE, CUT_OFF), EVENT, EVENT]
