"""A live capture of the test's own cable, as a process of its own."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support import network
from tests.support.command import ROOT, children, environment

STORE = """
import os, sys, time
from espcap.cli import main
from espcap.live.spool import SpoolSettings
from espcap.sinks.lines import LinesSink
write, stop, pause = LinesSink.write, sys.argv.pop(1), float(sys.argv.pop(1))
def hesitant(self, batch, outcome=None):
    while os.path.exists(stop):
        time.sleep(0.05)
    time.sleep(pause)
    return write(self, batch, outcome)
LinesSink.write = hesitant
SpoolSettings.tshark_memory = int(os.environ.get("ESPCAP_TEST_MEMORY", 1 << 30))
main(prog_name="espcap")
"""
"""espcap with a store that takes nothing while a file exists, and then only so many seconds for each batch."""

STARTED: list["subprocess.Popen[bytes]"] = []
"""All that were; a fixture ends those that are left."""


class Run:
    """A live capture of the near interface whose documents go to a file."""

    def __init__(
        self, name: str, folder: Path, *options: str, pause: float = 0, spool: Path | None = None, **variables: str
    ) -> None:
        self.stop_file, self.output, self.errors = folder / "stop", folder / "out", folder / "errors"
        self.spool = spool or folder / "spool"
        command = [sys.executable, "-c", STORE, str(self.stop_file), str(pause), "-i", network.NEAR]
        command += ["--spool", str(self.spool), *options]
        before = set(self.spool.glob("*/packets_00001_*"))
        self.process = subprocess.Popen(
            [str(shutil.which("ip")), "netns", "exec", name, *command],
            stdout=self.output.open("ab"),
            stderr=self.errors.open("wb"),
            env=environment(PYTHONPATH=str(ROOT), **variables),
            cwd=folder,
        )
        STARTED.append(self.process)
        until(lambda: bool(set(self.spool.glob("*/packets_00001_*")) - before) or self.process.poll() is not None)

    def hold(self) -> None:
        """The store takes nothing."""
        self.stop_file.touch()

    def release(self) -> None:
        """The store takes again."""
        self.stop_file.unlink()

    def end(self, number: signal.Signals = signal.SIGINT, seconds: float = 60) -> int:
        """Asks for the end and returns the exit code."""
        self.process.send_signal(number)
        return self.process.wait(seconds)

    def kill(self) -> None:
        """Ends it in the middle of whatever it does; half a line that it printed is taken back."""
        self.process.kill()
        self.process.wait()
        self.stop_file.unlink(missing_ok=True)
        os.truncate(self.output, self.output.read_bytes().rfind(b"\n") + 1)

    def settle(self) -> None:
        """Waits until dumpcap has written what came before."""
        settle(self.process.pid)

    @property
    def said(self) -> str:
        return self.errors.read_text()

    def documents(self) -> list[dict[str, Any]]:
        lines = self.output.read_bytes().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith(b"\n")]

    def count(self, what: str) -> int:
        """A number of the summary."""
        found = re.search(rf"([\d,]+) {what}", self.said.splitlines()[-1])
        return int(found[1].replace(",", "")) if found else 0


def settle(espcap: int) -> None:
    """Waits until the dumpcap of a process has nothing more to write: it writes every half second."""
    for dumpcap in children(espcap, "dumpcap"):
        before, since = _written(dumpcap), time.monotonic()
        while time.monotonic() - since < 1.5:
            time.sleep(0.1)
            if (now := _written(dumpcap)) != before:
                before, since = now, time.monotonic()


def _written(process: int) -> int:
    """Bytes; 0 where the process has ended."""
    try:
        return int(re.findall(r"wchar: (\d+)", Path(f"/proc/{process}/io").read_text())[0])
    except (OSError, IndexError):
        return 0


def until(true: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def identifiers(documents: list[dict[str, Any]]) -> list[str]:
    return [f"{document['capture_id']}-{document['layers']['frame']['number']}" for document in documents]


def send(count: int, port: int, pause: float = 0.02) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for number in range(count):
            sender.sendto(b"%d" % number, ("127.0.0.1", port))
            time.sleep(pause)
