"""Starts server programs at the server's end of the cable, each with a temporary folder of its own."""

import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..network import SERVER, SERVER_IP, inside

QUIET: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
PATIENCE, GRACE = 60, 10  # seconds for a server to start, and to stop


@contextmanager
def folder(user: str = "root") -> Iterator[Path]:
    """Yields a temporary folder that belongs to `user`."""
    with tempfile.TemporaryDirectory(prefix="capture-") as name:
        shutil.chown(name, user)
        yield Path(name)


@contextmanager
def program(
    *argv: str | Path, port: int | None = None, user: str = "root", variables: Mapping[str, str] | None = None
) -> Iterator[None]:
    """Runs a server as `user` while the context lasts. The context starts when the port is open.

    Without `port` it starts at once. Raises TimeoutError if the port stays closed.
    """
    environment = {**os.environ, **(variables or {})}
    words = ("setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *argv)
    with inside(SERVER):
        process = subprocess.Popen(words if user != "root" else argv, env=environment, start_new_session=True, **QUIET)
    try:
        if port:
            wait_for(port)
        yield
    finally:
        end(process)


@contextmanager
def threaded(serve: Callable[[], object], stop: Callable[[], object], port: int) -> Iterator[None]:
    """Runs a server of Python in a thread while the context lasts. The context starts when the port is open."""
    thread = threading.Thread(target=serve, daemon=True)
    with inside(SERVER):
        thread.start()
    try:
        wait_for(port)
        yield
    finally:
        stop()
        thread.join(GRACE)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ends a server in order, or by force if it does not follow."""
    process.terminate()
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_for(port: int) -> None:
    """Waits until a port of the server is open; asks from its own end, so that nothing is recorded.

    Raises TimeoutError.
    """
    end = time.monotonic() + PATIENCE
    while not accepts(port):
        if time.monotonic() > end:
            raise TimeoutError(f"nothing listens on port {port}")
        time.sleep(0.1)


def accepts(port: int) -> bool:
    """Whether the server accepts a TCP connection, or listens on the UDP port."""
    with inside(SERVER), socket.socket() as sock:
        bound = f":{port:04X} " in Path("/proc/thread-self/net/udp").read_text()
        return bound or sock.connect_ex((SERVER_IP, port)) == 0
