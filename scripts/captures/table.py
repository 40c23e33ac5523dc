"""Updates the table of captures in test_pcaps/README.md: number of packets, times and protocols."""

from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from .network import run

OPTIONS = 5


def refresh(readme: Path) -> None:
    """Updates the row of each capture whose file exists. The other lines stay as they are."""
    if readme.exists():
        lines = readme.read_text().splitlines()
        readme.write_text("\n".join(measured(line, readme.parent) for line in lines) + "\n")


def measured(line: str, folder: Path) -> str:
    """A line of the README; if it is the row of a capture, with measured values."""
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    path = folder / cells[0]
    if not line.startswith("|") or not path.is_file():
        return line
    fields = ("-T", "fields", "-e", "frame.time_epoch", "-e", "frame.protocols")
    options = cells[OPTIONS].strip("`").split()
    frames = [row.split("\t") for row in run("tshark", "-n", *options, *fields, "-r", path).splitlines()]
    top = Counter(protocols.removesuffix(":data").rpartition(":")[2] for _, protocols in frames)
    times = [Decimal(time) for time, _ in frames]
    counts = ", ".join(f"{name} {count}" for name, count in sorted(top.items()))
    cells[1:OPTIONS] = [str(len(frames)), utc(min(times)), utc(max(times)), counts]
    return "| " + " | ".join(cells) + " |"


def utc(epoch: Decimal) -> str:
    """Seconds since 1970 as text in the form of RFC 3339, with nanoseconds."""
    moment = datetime.fromtimestamp(int(epoch), UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{int(epoch % 1 * 10**9):09d}Z"
