"""A network namespace with a cable of its own, and a sender of a known number of packets."""

import ctypes
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

NEAR, FAR = "v0", "v1"
_PAYLOAD = 100
_Made = TypeVar("_Made")


@contextmanager
def namespace() -> Iterator[str]:
    """The name of a new namespace with two joined Ethernet interfaces that carry nothing of their own."""
    name = f"espcap-test-{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        command = ["ip", "-netns", name]
        subprocess.run([*command, "link", "add", NEAR, "type", "veth", "peer", "name", FAR], check=True)
        subprocess.run([*command, "link", "set", "lo", "up"], check=True)
        for interface in (NEAR, FAR):
            subprocess.run([*command, "link", "set", interface, "addrgenmode", "none", "up"], check=True)
        yield name
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=True)


def inside(name: str, make: Callable[[], _Made]) -> _Made:
    """What a thread makes that has moved to the namespace; a socket made there stays there."""
    made: list[_Made] = []

    def run() -> None:
        with open(f"/run/netns/{name}") as target:
            assert ctypes.CDLL(None).setns(target.fileno(), 0) == 0  # os.setns came with Python 3.12
        made.append(make())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return made[0]


def open_far_end() -> socket.socket:
    """A socket that sends Ethernet frames on the far end."""
    made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    made.bind((FAR, 0))
    return made


def frame(number: int) -> bytes:
    """A UDP packet to port 40200 whose source port and payload tell its number."""
    payload = b"%d" % number + b"." * (_PAYLOAD - len(b"%d" % number))
    udp = (1024 + number % 60000).to_bytes(2, "big") + bytes([0x9D, 0x08]) + (8 + _PAYLOAD).to_bytes(2, "big") + b"\0\0"
    ip = bytes.fromhex("4500") + (28 + _PAYLOAD).to_bytes(2, "big") + bytes.fromhex("000040004011b67ac0000201c0000202")
    return bytes.fromhex("020000000001020000000002") + b"\x08\x00" + ip + udp + payload


def send(name: str, count: int, rate: float, first: int = 0) -> None:
    """Sends `count` packets at `rate` per second, none of which the sender loses."""
    began = time.monotonic()
    with inside(name, open_far_end) as sender:
        for number in range(first, first + count):
            if (early := began + (number - first) / rate - time.monotonic()) > 0.002:
                time.sleep(early)
            sender.send(frame(number))
