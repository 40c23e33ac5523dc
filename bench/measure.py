"""Runs a command and takes its time and the memory of each of its processes."""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bench.commands import Command

ROOT = Path(__file__).parent.parent
_EVERY = 0.05
"""Seconds between looks at the processes."""


class Run(NamedTuple):
    """What one run took."""

    seconds: float
    processor: float
    """Seconds of processor time, of all processes together."""
    peaks: dict[str, float]
    """The largest memory of its own, without mapped files, of each program's processes together, MiB."""
    index_bytes: int
    """The size of the files of the local index, without the list of stored captures."""


def run(command: Command, capture: Path, url: str) -> Run:
    """Runs the command to its end. If it fails, exits with a message."""
    with tempfile.TemporaryDirectory() as folder:
        values = {"{capture}": str(capture), "{folder}": folder, "{url}": url}
        words = [_filled(word, values) for word in command.words]
        variables = os.environ | {"ESPCAP_READER": command.reader}
        began = time.monotonic()
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT, env=variables)
        peaks: dict[int, tuple[str, float]] = {}
        while not (ended := os.wait4(process.pid, os.WNOHANG))[0]:
            for number, (name, memory) in _memory(process.pid):
                peaks[number] = (name, max(memory, peaks.get(number, (name, 0.0))[1]))
            time.sleep(_EVERY)
        seconds = time.monotonic() - began
        size = sum(path.stat().st_size for path in Path(folder).glob("packets-*/*"))
    process.returncode = os.waitstatus_to_exitcode(ended[1])
    if process.returncode:
        sys.exit(f"failed: {' '.join(words)}")
    return Run(seconds, ended[2].ru_utime + ended[2].ru_stime, _by_program(peaks), size)


def _filled(word: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        word = word.replace(name, value)
    return word


def _memory(process: int) -> Iterator[tuple[int, tuple[str, float]]]:
    """The program and the memory of a process, and of all that it has started."""
    try:
        status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
        children = Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii").split()
    except OSError:  # it has just ended
        return
    name, memory = re.search(r"Name:\s+(\S+)", status), re.search(r"RssAnon:\s+(\d+) kB", status)
    if name and memory:
        yield process, (name[1], int(memory[1]) / 1024)
    for child in children:
        yield from _memory(int(child))


def _by_program(peaks: dict[int, tuple[str, float]]) -> dict[str, float]:
    total: dict[str, float] = defaultdict(float)
    for name, peak in peaks.values():
        total[name] += peak
    return dict(total)
