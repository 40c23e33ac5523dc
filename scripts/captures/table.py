"""The table of the captures' README: the columns that can be measured are written anew."""

from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from .network import run

OPTIONS = 5


def refresh(readme: Path) -> None:
    """Measure each capture that has a row and a file; the other lines stay as they are."""
    if readme.exists():
        lines = readme.read_text().splitlines()
        readme.write_text("\n".join(measured(line, readme.parent) for line in lines) + "\n")


def measured(line: str, folder: Path) -> str:
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
    """RFC 3339 with nanoseconds."""
    moment = datetime.fromtimestamp(int(epoch), UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{int(epoch % 1 * 10**9):09d}Z"
