"""Runs espcap as a user does: a process of its own, looked at from outside."""

import contextlib
import json
import os
import pty
import select
import subprocess
import sys
import termios
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ESPCAP = [sys.executable, "-m", "espcap"]
ROOT = Path(__file__).parents[2]
CAPTURES = ROOT / "test_pcaps"


@dataclass(frozen=True)
class Ran:
    """What a run printed, and its exit code."""

    status: int
    output: bytes
    errors: str

    @property
    def documents(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.output.splitlines()]

    @property
    def lines(self) -> list[str]:
        """Standard error without the note that tells root who dissects."""
        return [line for line in self.errors.splitlines() if "started as root" not in line]

    @property
    def summary(self) -> str:
        return self.lines[-1]


def environment(**extra: str) -> dict[str, str]:
    """Ours without what would change espcap."""
    return {name: value for name, value in os.environ.items() if not name.startswith("ESPCAP_")} | extra


def espcap(
    *arguments: str | bytes | Path,
    stdin: Any = subprocess.DEVNULL,
    cwd: Path = ROOT,
    timeout: float = 120,
    **extra: str,
) -> Ran:
    """Runs `espcap ARGUMENTS` to its end. Fails where it leaves a traceback."""
    command = [*ESPCAP, *arguments]
    ran = subprocess.run(
        command, stdin=stdin, capture_output=True, env=environment(**extra), cwd=cwd, timeout=timeout, check=False
    )
    errors = ran.stderr.decode("utf-8", "surrogateescape")
    assert "Traceback" not in errors, errors
    return Ran(ran.returncode, ran.stdout, errors)


def start(
    *arguments: str | Path,
    stdout: Any = subprocess.PIPE,
    stdin: Any = subprocess.DEVNULL,
    stderr: Any = subprocess.PIPE,
    **extra: str,
) -> "subprocess.Popen[bytes]":
    """Starts `espcap ARGUMENTS` and returns at once."""
    command = [*ESPCAP, *arguments]
    return subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=stderr, env=environment(**extra), cwd=ROOT)


def on_terminal(*arguments: str | bytes | Path, **extra: str) -> str:
    """What a run writes to a terminal of 120 columns, unless `extra` has others."""
    size_from_terminal = {"COLUMNS": "", "LINES": ""}  # pytest's workers have variables with another size
    leader, follower = pty.openpty()
    termios.tcsetwinsize(follower, (25, 120))
    process = subprocess.Popen(
        [*ESPCAP, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=follower,
        stderr=follower,
        cwd=ROOT,
        env=environment(**size_from_terminal | extra),
    )
    os.close(follower)
    written = b""
    while select.select([leader], [], [], 30)[0]:
        try:
            written += os.read(leader, 1 << 16)
        except OSError:  # the other side is closed
            break
    process.wait(30)
    os.close(leader)
    return written.decode()


def children(process: int = 0, name: str = "") -> set[int]:
    """Ids of the children of a process that it has not waited for, of all or of those with this name.

    0 stands for the running process.
    """
    found = set()
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has just ended
            before, _, after = status.read_text(errors="replace").rpartition(")")
            if int(after.split()[1]) == (process or os.getpid()) and name in ("", before.partition("(")[2]):
                found.add(int(status.parent.name))
    return found
