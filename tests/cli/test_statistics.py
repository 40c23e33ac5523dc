"""The counts of a live capture at an interval."""

import time

from espcap.cli.statistics import Statistics
from espcap.ingest.report import Report


def test_lines_at_an_interval() -> None:
    lines: list[str] = []
    report = Report(read=5, stored=5)
    with Statistics(report, 0.01, lines.append):
        deadline = time.monotonic() + 30
        while len(lines) < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
    printed = len(lines)
    assert printed >= 3
    assert all(line.startswith("So far: ") and "5 packets read, 5 stored" in line for line in lines)
    time.sleep(0.1)
    assert len(lines) == printed


def test_never() -> None:
    lines: list[str] = []
    with Statistics(Report(), 0, lines.append):
        time.sleep(0.05)
    assert lines == []
