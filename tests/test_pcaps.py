"""Each row of the tables in test_pcaps/README.md and test_transactions/README.md holds for its capture."""

import re
import subprocess
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.wireshark_versions import installed

ROOT = Path(__file__).parent.parent
FOLDERS = [ROOT / "test_pcaps", ROOT / "test_transactions"]
FACT = re.compile(r"`([^`]+)` (\d+)")


@dataclass
class Row:
    """One capture as the table of its folder describes it."""

    folder: Path
    file: str
    packets: int
    first: str
    last: str
    protocols: str
    options: list[str]
    facts: dict[str, int]

    @classmethod
    def parse(cls, folder: Path, line: str) -> "Row":
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        file, packets, first, last, protocols, options, facts = cells
        counts = {display_filter: int(frames) for display_filter, frames in FACT.findall(facts)}
        return cls(folder, file, int(packets), first, last, protocols, options.strip("`").split(), counts)

    @property
    def path(self) -> Path:
        return self.folder / self.file

    def tshark(self, *arguments: str) -> list[str]:
        """The lines that tshark prints about this capture."""
        return run("tshark", "-n", *self.options, "-T", "fields", *arguments, "-r", str(self.path))


def run(*argv: str) -> list[str]:
    done = subprocess.run(argv, cwd=ROOT, check=True, capture_output=True, text=True)
    return done.stdout.splitlines()


def rows(folder: Path) -> list[Row]:
    lines = [line for line in (folder / "README.md").read_text().splitlines() if line[:1] == "|"]
    return [Row.parse(folder, line) for line in lines[2:]]


def utc(epoch: str) -> str:
    moment = datetime.fromtimestamp(int(Decimal(epoch)), UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{int(Decimal(epoch) % 1 * 10**9):09d}Z"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test of `row` runs once for each row of the table."""
    if "row" in metafunc.fixturenames:
        metafunc.parametrize("row", [row for folder in FOLDERS for row in rows(folder)], ids=lambda row: row.file)
    if "folder" in metafunc.fixturenames:
        metafunc.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)


def test_every_capture_has_a_row(folder: Path) -> None:
    captures = {path.name for path in folder.iterdir()} - {"README.md", "transactions.json"}
    assert {row.file for row in rows(folder)} == {name for name in captures if not name.endswith(".keys")}


def test_packets(row: Row) -> None:
    counts = run("capinfos", "-c", "-M", "-T", "-r", str(row.path))
    assert counts == [f"{row.path}\t{row.packets}"]


def test_times_and_protocols(row: Row) -> None:
    lines = row.tshark("-e", "frame.time_epoch", "-e", "frame.protocols")
    times, protocols = zip(*(line.split("\t") for line in lines), strict=True)
    assert (utc(min(times, key=Decimal)), utc(max(times, key=Decimal))) == (row.first, row.last)
    top = Counter(protocol.removesuffix(":data").rpartition(":")[2] for protocol in protocols)
    expected = installed().protocols_of_frames.get(row.file, row.protocols)
    assert ", ".join(f"{name} {frames}" for name, frames in sorted(top.items())) == expected


def test_facts(row: Row) -> None:
    assert row.facts
    assert {fact: len(row.tshark("-e", "frame.number", "-Y", fact)) for fact in row.facts} == row.facts


def test_the_captures_hold_no_comment_and_no_machine(folder: Path) -> None:
    for row in rows(folder):
        about = "\n".join(run("capinfos", str(row.path)))
        assert "comment" not in about.lower()
        assert "Capture hardware" not in about
        assert "Capture oper-sys" not in about


def test_the_folder_is_small(folder: Path) -> None:
    assert sum(path.stat().st_size for path in folder.iterdir()) < 300_000
