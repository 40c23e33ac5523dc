"""Two network namespaces, joined by a virtual Ethernet cable, with tcpdump at the client's end."""

import ctypes
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

CLIENT, SERVER = "capture-client", "capture-server"
CLIENT_IP, SERVER_IP = "192.0.2.1", "192.0.2.2"
CLIENT_IP6, SERVER_IP6 = "2001:db8::1", "2001:db8::2"
START = Decimal("1714557600.123456789")  # 2024-05-01T10:00:00.123456789Z
FORMATS = {".pcap": "pcap", ".pcapng": "pcapng"}


def run(*argv: str | Path) -> str:
    """Runs a program and returns its standard output. Raises CalledProcessError if it fails."""
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


@contextmanager
def recording(path: Path, bpf: str) -> Iterator[None]:
    """Makes a new cable and writes its packets to `path` while the context lasts. The first packet is at START."""
    with tempfile.TemporaryDirectory() as folder, cable():
        raw = Path(folder, "raw.pcap")
        argv = ["tcpdump", "-i", "eth0", "-Z", "root", "-U", "--immediate-mode", "-w", str(raw)]
        with inside(CLIENT), tcpdump([*argv, "--time-stamp-precision=nano", bpf]):
            yield
        shift(raw, path)


@contextmanager
def tcpdump(argv: list[str]) -> Iterator[None]:
    """Runs tcpdump. The context starts when tcpdump listens; tcpdump ends a moment after the context."""
    process = subprocess.Popen(argv, stderr=subprocess.PIPE, text=True)
    assert process.stderr
    process.stderr.readline()
    try:
        yield
        time.sleep(0.3)
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate()


@contextmanager
def cable() -> Iterator[None]:
    """Makes two namespaces and joins them by a pair of virtual Ethernet interfaces."""
    end = ("type", "veth", "peer", "name", "eth0", "netns", SERVER)
    try:
        for namespace in (CLIENT, SERVER):
            run("ip", "netns", "add", namespace)
        run("ip", "link", "add", "eth0", "netns", CLIENT, *end)
        configure(CLIENT, "02:00:00:00:00:01", CLIENT_IP, CLIENT_IP6)
        configure(SERVER, "02:00:00:00:00:02", SERVER_IP, SERVER_IP6)
        yield
    finally:
        for namespace in (CLIENT, SERVER):
            subprocess.run(["ip", "netns", "delete", namespace], check=True)


def configure(namespace: str, mac: str, ip: str, ip6: str) -> None:
    """Sets the addresses of one end, and switches offloading off, so that sizes and checksums are as on a real wire."""
    inside_namespace = ("ip", "-netns", namespace)
    run(*inside_namespace, "link", "set", "eth0", "address", mac, "addrgenmode", "none")
    run(*inside_namespace, "address", "add", f"{ip}/24", "dev", "eth0")
    run(*inside_namespace, "address", "add", f"{ip6}/64", "dev", "eth0", "nodad")
    for interface in ("lo", "eth0"):
        run(*inside_namespace, "link", "set", interface, "up")
    offloads = [word for name in ("tx", "tso", "gso", "gro") for word in (name, "off")]
    run("ip", "netns", "exec", namespace, "ethtool", "-K", "eth0", *offloads)


@contextmanager
def inside(namespace: str) -> Iterator[None]:
    """Moves this thread into a namespace. Sockets, threads and processes that it makes there stay in the namespace."""
    with open("/proc/thread-self/ns/net") as home, open(f"/run/netns/{namespace}") as target:
        enter(target.fileno())
        try:
            yield
        finally:
            enter(home.fileno())


def enter(descriptor: int) -> None:
    """Moves this thread into the network namespace of an open descriptor."""
    # os.setns exists only from Python 3.12 on.
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, 0):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def shift(raw: Path, path: Path) -> None:
    """Copies a capture, in the format of the suffix of `path`, with all times moved so that it begins at START."""
    first = run("tshark", "-r", raw, "-c", "1", "-T", "fields", "-e", "frame.time_epoch")
    offset = str(START - Decimal(first.strip()))
    run("editcap", "-F", FORMATS[path.suffix], "-t", offset, raw, path)
