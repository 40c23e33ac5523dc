"""MQTT: Mosquitto as the broker, a dialogue of packets as the client."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ..network import SERVER_IP, recording, run
from .log import TURN, Transaction
from .programs import folder, program
from .sockets import exchange, reset

CONFIGURATION = """
listener 1883 {address}
allow_anonymous false
password_file {place}/passwords
acl_file {place}/rules
user root
"""


@contextmanager
def server() -> Iterator[None]:
    with folder() as place:
        run("mosquitto_passwd", "-c", "-b", place / "passwords", "reader", "secret")
        (place / "rules").write_text("user reader\ntopic readwrite test/#\n")
        (place / "conf").write_text(CONFIGURATION.format(place=place, address=SERVER_IP))
        with program("mosquitto", "-c", place / "conf", port=1883):
            yield


def packet(kind: int, *parts: bytes) -> bytes:
    """A control packet: type and flags, length, content."""
    content = b"".join(parts)
    return bytes([kind, len(content)]) + content


def text(value: str) -> bytes:
    return len(value).to_bytes(2, "big") + value.encode()


def number(value: int) -> bytes:
    return value.to_bytes(2, "big")


def connect(version: int, password: str, answer: bytes, error: str = "") -> Transaction:
    """A connection as `reader`; `version` is 4 for 3.1.1, and 5."""
    properties = b"\0" if version == 5 else b""
    login = [
        text("MQTT"),
        bytes([version, 0xC2]),
        number(60),
        properties,
        text("client"),
        text("reader"),
        text(password),
    ]
    more: dict[str, object] = {"client": "client", "user": "reader"}
    return Transaction("CONNECT", packet(0x10, *login), answer, error, session=True, more=more)


def subscribe(identifier: int, topic: str, granted: int) -> Transaction:
    """A subscription with QoS 1."""
    end = packet(0x90, number(identifier), bytes([granted]))
    sent = packet(0x82, number(identifier), text(topic), b"\1")
    return Transaction("SUBSCRIBE", sent, end, more={"identifier": identifier, "resource": topic})


def publish(quality: int, identifier: int, topic: str, message: str, end: bytes | None = None) -> Transaction:
    """A message with a QoS; `end` is the last packet of the answer."""
    number_of_packet = number(identifier) if quality else b""
    sent = packet(0x30 | quality << 1, text(topic), number_of_packet, message.encode())
    more: dict[str, object] = {"resource": topic, "qos": quality}
    return Transaction("PUBLISH", sent, end, more={"identifier": identifier, **more} if quality else more)


CONNACK, PUBACK, PUBREC, PUBREL, PUBCOMP = 0x20, 0x40, 0x50, 0x62, 0x70
CONNECT = connect(4, "secret", packet(CONNACK, b"\0\0"))
OTHERS = publish(0, 0, "test/z", "for nobody")
ONCE = publish(1, 3, "test/b", "once or more", packet(PUBACK, number(3)))
EXACTLY = publish(2, 4, "test/c", "exactly once", packet(PUBCOMP, number(4)))
SUBSCRIBED = subscribe(1, "test/a", 1)
PING = Transaction("PINGREQ", packet(0xC0), packet(0xD0))
DISCONNECT = Transaction("DISCONNECT", packet(0xE0), None, session=True)
ECHO = replace(publish(1, 1, "test/a", "for itself", packet(PUBACK, number(1))), from_server=True)


def mqtt(path: Path) -> list[Transaction]:
    """A wrong password, subscriptions, messages of each QoS, three of them in one segment; a reset during QoS 2."""
    with recording(path, "tcp port 1883"), server():
        return [*refused(), *messages(), *forbidden(), *cut_off()]


def refused() -> list[Transaction]:
    """MQTT 5 with a wrong password."""
    with socket.create_connection((SERVER_IP, 1883)) as sock:
        return exchange(sock, connect(5, "wrong", bytes([CONNACK, 3, 0, 0x87]), "Not authorized"))


def messages() -> list[Transaction]:
    with socket.create_connection((SERVER_IP, 1883)) as sock:
        done = [exchange(sock, request)[0] for request in (CONNECT, SUBSCRIBED)]
        done += exchange(sock, OTHERS, ONCE, replace(EXACTLY, received=packet(PUBREC, number(4))))
        done[-1] = EXACTLY
        exchange(sock, replace(EXACTLY, sent=packet(PUBREL, number(4))))
        done += [*exchange(sock, PING), *echo(sock), *exchange(sock, DISCONNECT)]
    return [replace(transaction, connection=1) for transaction in done]


def echo(sock: socket.socket) -> list[Transaction]:
    """A message that the broker sends back to the client, which confirms it."""
    mine = publish(1, 5, "test/a", "for itself", packet(PUBACK, number(5)))
    exchange(sock, replace(mine, received=ECHO.sent))
    assert ECHO.received
    sock.sendall(ECHO.received)
    return [mine, ECHO]


def forbidden() -> list[Transaction]:
    """MQTT 5 says why a message is not taken."""
    sent = packet(0x32, text("secret/a"), number(7), b"\0", b"nothing")
    about = {"identifier": 7, "resource": "secret/a", "qos": 1}
    message = Transaction("PUBLISH", sent, bytes([0, 7, 0x87]), "Not authorized", more=about)
    with socket.create_connection((SERVER_IP, 1883)) as sock:
        done = [*exchange(sock, connect(5, "secret", TURN)), *exchange(sock, message), *exchange(sock, DISCONNECT)]
    return [replace(transaction, connection=2) for transaction in done]


def cut_off() -> list[Transaction]:
    """A message with QoS 2 whose connection is reset before the client goes on."""
    sock = socket.create_connection((SERVER_IP, 1883))
    done = [*exchange(sock, CONNECT), *exchange(sock, replace(EXACTLY, received=packet(PUBREC, number(4))))]
    done[1] = replace(EXACTLY, received=None, error="connection reset")
    reset(sock.detach())
    return [replace(transaction, connection=3) for transaction in done]
