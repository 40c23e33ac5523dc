"""AMQP 0-9-1: RabbitMQ as the broker, pika as the client."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker

from ..network import SERVER_IP, recording
from .log import Transaction
from .programs import folder, program
from .sockets import corked

PORT = 5672
GONE = "NOT_FOUND - no queue 'missing' in vhost '/'"


@contextmanager
def server() -> Iterator[None]:
    with folder("rabbitmq") as place:
        (place / "rabbitmq.conf").write_text(
            f"loopback_users = none\ncluster_name = example\nlisteners.tcp.1 = {SERVER_IP}:{PORT}\n"
        )
        (place / "plugins").write_text("[].\n")
        variables = {
            "HOME": str(place),
            "RABBITMQ_CONFIG_FILE": str(place / "rabbitmq"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(place / "plugins"),
            "RABBITMQ_LOG_BASE": str(place),
            "RABBITMQ_MNESIA_BASE": str(place),
            "RABBITMQ_NODENAME": "capture@localhost",
        }
        with program("/usr/lib/rabbitmq/bin/rabbitmq-server", port=PORT, user="rabbitmq", variables=variables):
            yield


def amqp(path: Path) -> list[Transaction]:
    """A queue, messages, three of them in one segment, one with a confirmation, a delivery, and a queue not there."""
    with recording(path, f"tcp port {PORT}"), server():
        parameters = pika.ConnectionParameters(SERVER_IP, client_properties={"product": "example-client"})
        connection = pika.BlockingConnection(parameters)
        channel = connection.channel()
        talk(connection, channel)
        with suppress(ChannelClosedByBroker):
            channel.queue_declare("missing", passive=True)
        connection.close()
    return done()


def talk(connection: Any, channel: BlockingChannel) -> None:
    channel.queue_declare("orders")
    channel.basic_publish("", "orders", b"one")
    with corked(connection._impl._transport._sock.fileno()):
        for text in (b"two", b"three", b"four"):
            channel.basic_publish("", "orders", text)
    channel.basic_get("orders", auto_ack=True)
    channel.confirm_delivery()
    channel.basic_publish("", "orders", b"five")
    channel.queue_purge("orders")
    channel.basic_get("orders")
    channel.queue_delete("orders")


def method(number: int, step: int) -> bytes:
    """The number of a class and of its method."""
    return number.to_bytes(2, "big") + step.to_bytes(2, "big")


def body(text: str) -> bytes:
    """The frame of a message, on channel 1."""
    return b"\3\0\1" + len(text).to_bytes(4, "big") + text.encode() + b"\xce"


def asked(name: str, number: int, step: int, session: bool = False, **more: object) -> Transaction:
    """A method whose answer is the next one of its class."""
    return Transaction(name, method(number, step), method(number, step + 1), session=session, more=more)


def published(text: str, confirmed: bytes | None = None) -> Transaction:
    """A message; the frames of its method and its header come before it."""
    return Transaction("Basic.Publish", body(text), confirmed, more={"resource": "orders", "text": text})


def done() -> list[Transaction]:
    missing = Transaction("Queue.Declare", b"missing", GONE.encode(), GONE)
    missing.more = {"resource": "missing", "code": 404}
    found = Transaction("Basic.Get", method(60, 70), body("one"), more={"resource": "orders", "text": "one"})
    empty = Transaction("Basic.Get", method(60, 70), method(60, 72), more={"resource": "orders"})
    opening = [asked("Connection.Start", 10, 10, True), asked("Connection.Tune", 10, 30, True)]
    closing = [asked("Channel.Close", 20, 40, True, code=404), asked("Connection.Close", 10, 50, True)]
    for transaction in (*opening, closing[0]):
        transaction.from_server = True
    opening += [asked("Connection.Open", 10, 40, True), asked("Channel.Open", 20, 10, True)]
    queue = [asked("Queue.Purge", 50, 30, resource="orders"), empty, asked("Queue.Delete", 50, 40, resource="orders")]
    messages = [*map(published, ("one", "two", "three", "four")), found, asked("Confirm.Select", 85, 10)]
    declare = asked("Queue.Declare", 50, 10, resource="orders")
    return [*opening, declare, *messages, published("five", method(60, 80)), *queue, missing, *closing]
