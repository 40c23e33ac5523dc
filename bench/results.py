"""The measured runs as tables of Markdown, and estimates for more cores."""

import os
import platform
import re
import statistics
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from bench.commands import ALL, ALL_EK, BULK, EK, FOREIGN_BULK, LIMIT, LOCAL, LOOP, LOOP_EK, NATIVE
from bench.measure import Run


class Measured(NamedTuple):
    """The runs of all commands on one capture."""

    kind: str
    packets: int
    runs: Mapping[str, Sequence[Run]]
    index_bytes: Mapping[str, int]
    """What an index of Elasticsearch took, by the command that filled it."""

    def median(self, name: str) -> float:
        """Seconds of a command."""
        return statistics.median(run.seconds for run in self.runs[name])

    def processor(self, name: str) -> float:
        """Seconds of processor time of a command."""
        return statistics.median(run.processor for run in self.runs[name])


def report(all_measured: Sequence[Measured]) -> Iterator[str]:
    """The lines of RESULTS.md."""
    yield "# What was measured\n"
    yield f"""{_machine()}.
Written by `make bench`: all commands of a table in turn, {_rounds(all_measured)} times; medians.
Ratios below 1 are faster. Memory is the most that each program's processes had together, mapped files aside, in MiB.
"""
    for measured in all_measured:
        yield from _table(measured)


def _rounds(all_measured: Sequence[Measured]) -> int:
    return len(next(iter(all_measured[0].runs.values())))


def _machine() -> str:
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    tshark = subprocess.run(["tshark", "--version"], capture_output=True, text=True, check=True).stdout.split("\n")[0]
    cores = len(os.sched_getaffinity(0))
    names = ", ".join(f"{name} {version(name)}" for name in ("pyarrow", "elasticsearch", "pyshark"))
    machine = f"{cores} cores of {model[1] if model else platform.machine()}"
    return f"{machine}; {tshark}; Python {platform.python_version()}, {names}"


def _table(measured: Measured) -> Iterator[str]:
    yield f"## {measured.packets:,} packets, {measured.kind}\n"
    yield "| command | seconds | from, to | of processors | packets/s | against `-T ek` | against the limit | memory |"
    yield "|---|---|---|---|---|---|---|---|"
    for name, runs in measured.runs.items():
        seconds = [run.seconds for run in runs]
        median = statistics.median(seconds)
        ratios = [_ratio(measured, median, other) for other in (EK, LIMIT)]
        processor = f"{measured.processor(name):.2f}"
        spread = f"{min(seconds):.2f}, {max(seconds):.2f}"
        cells = [name, f"{median:.2f}", spread, processor, f"{measured.packets / median:,.0f}", *ratios, _memory(runs)]
        yield f"| {' | '.join(cells)} |"
    yield ""
    for name in (LOOP, LOOP_EK, ALL, ALL_EK):
        if name in measured.runs:
            times = measured.median(name) / measured.median(NATIVE)
            yield f"To standard output {times:.1f} times faster than a {name}.\n"
    if LOCAL in measured.runs:
        size = measured.runs[LOCAL][0].index_bytes / measured.packets
        times = measured.processor(LOCAL) / measured.processor(NATIVE)
        yield f"The local index takes {size:.0f} bytes per packet,"
        yield f"and filling it {times:.2f} times the processor time of printing.\n"
    if {BULK, FOREIGN_BULK} <= measured.index_bytes.keys():
        own, foreign = measured.index_bytes[BULK], measured.index_bytes[FOREIGN_BULK]
        times = measured.median(FOREIGN_BULK) / measured.median(BULK)
        yield f"Into Elasticsearch {times:.1f} times faster than {FOREIGN_BULK}; index of {own / measured.packets:.0f}"
        yield f"against {foreign / measured.packets:.0f} bytes per packet: {own / foreign:.2f} times as large.\n"


def _ratio(measured: Measured, seconds: float, other: str) -> str:
    return f"{seconds / measured.median(other):.2f}" if other in measured.runs else ""


def _memory(runs: Sequence[Run]) -> str:
    peaks = [
        (name, max(run.peaks.get(name, 0) for run in runs)) for name in sorted({n for run in runs for n in run.peaks})
    ]
    return ", ".join(f"{name} {peak:.0f}" for name, peak in peaks if peak >= 1)
