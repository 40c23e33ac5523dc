"""Kafka: a broker that is its own controller, a dialogue as the client.

The libraries of the broker, org.apache.kafka:kafka_2.13 with what it needs, are in the folder KAFKA_LIBRARIES.
"""

import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ..network import SERVER_IP, recording, run
from .log import Transaction
from .programs import folder, program
from .sockets import converse

PORT, FIRST = 9092, 1_000_000  # the number of the first request
CONFIGURATION = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:9093
listeners=PLAINTEXT://{address}:9092,CONTROLLER://127.0.0.1:9093
advertised.listeners=PLAINTEXT://{address}:9092
controller.listener.names=CONTROLLER
log.dirs={place}/data
auto.create.topics.enable=false
"""
PRODUCE, FETCH, OFFSETS, METADATA, VERSIONS, CREATE = 0, 1, 2, 3, 18, 19
NAMES = {0: "Produce", 1: "Fetch", 2: "ListOffsets", 3: "Metadata", 18: "ApiVersions", 19: "CreateTopics"}


@contextmanager
def server() -> Iterator[None]:
    java = ("java", "-Xmx512m", "-cp", os.environ["KAFKA_LIBRARIES"] + "/*")
    with folder() as place:
        file = place / "properties"
        file.write_text(CONFIGURATION.format(place=place, address=SERVER_IP))
        run(*java, "kafka.tools.StorageTool", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qg", "-c", file)
        with program(*java, "kafka.Kafka", file, port=PORT):
            yield


def number(value: int, size: int = 4) -> bytes:
    return value.to_bytes(size, "big", signed=True)


def text(value: str) -> bytes:
    return number(len(value), 2) + value.encode()


def request(step: int, api: tuple[int, int], content: bytes, topic: str = "", error: str = "") -> Transaction:
    """A request of (key, version) of the interface. Its answer has the same number."""
    correlation = number(FIRST + step)
    body = number(api[0], 2) + number(api[1], 2) + correlation + text("client") + content
    more: dict[str, object] = {"correlation": FIRST + step, "version": api[1]}
    more |= {"resource": topic} if topic else {}
    return Transaction(NAMES[api[0]], number(len(body)) + body, correlation, error, more=more)


def create(step: int, error: str = "") -> Transaction:
    topic = text("orders") + number(1) + number(1, 2) + number(0) + number(0)
    return request(step, (CREATE, 1), number(1) + topic + number(5000) + b"\0", "orders", error)


def metadata(step: int, topic: str, error: str = "") -> Transaction:
    return request(step, (METADATA, 1), number(1) + text(topic), topic, error)


def produce(step: int, topic: str, value: bytes, acknowledgements: int = 1, error: str = "") -> Transaction:
    """One message, in the form that brokers before 0.11 had."""
    content = b"\1\0" + number(0, 8) + number(-1) + number(len(value)) + value
    message = number(zlib.crc32(content) - (zlib.crc32(content) >> 31 << 32)) + content
    messages = number(0, 8) + number(len(message)) + message
    partition = number(1) + text(topic) + number(1) + number(0) + number(len(messages)) + messages
    done = request(step, (PRODUCE, 2), number(acknowledgements, 2) + number(5000) + partition, topic, error)
    return done if acknowledgements else replace(done, received=None)


def fetch(step: int, offset: int, error: str = "") -> Transaction:
    partition = number(1) + text("orders") + number(1) + number(0) + number(offset, 8) + number(1000)
    limits = number(-1) + number(100) + number(1) + number(9999) + b"\0"
    return request(step, (FETCH, 4), limits + partition, "orders", error)


def last(step: int) -> Transaction:
    """The offset behind the last message."""
    partition = number(1) + text("orders") + number(1) + number(0) + number(-1, 8)
    return request(step, (OFFSETS, 1), number(-1) + partition, "orders")


UNKNOWN = "UNKNOWN_TOPIC_OR_PARTITION"
SINGLE = (
    request(0, (VERSIONS, 0), b""),
    create(1),
    create(2, "TOPIC_ALREADY_EXISTS"),
    metadata(3, "orders"),
    metadata(4, "missing", UNKNOWN),
    produce(5, "orders", b"one"),
    produce(6, "missing", b"lost", error=UNKNOWN),
    produce(7, "orders", b"two", acknowledgements=0),
    replace(fetch(8, 0), received=b"two\0"),  # the end of the last message
)
PIPELINE = (last(9), fetch(10, 99, "OFFSET_OUT_OF_RANGE"), metadata(11, "orders"))
CUT_OFF = replace(fetch(12, 0), received=None, error="connection reset", connection=1)


def kafka(path: Path) -> list[Transaction]:
    """A topic, messages, one of them without an answer, errors, three requests in one segment, and a reset."""
    with recording(path, f"tcp port {PORT}"), server():
        return converse(PORT, SINGLE, PIPELINE, CUT_OFF)
