"""The captures to measure with, merged from those of the project."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

CAPTURES = Path(__file__).parent.parent / "test_pcaps"
KINDS = ("HTTP", "mixed")
"""Kinds of captures: one contains only HTTP, the other every protocol of our captures."""


def _sources(kind: str) -> list[str]:
    """The paths of our captures of which a kind consists."""
    names = {"HTTP": "http_xml.pcap", "mixed": "*.pcap*"}
    return [str(path) for path in sorted(CAPTURES.glob(names[kind])) if path.suffix != ".gz"]


def build(kind: str, packets: int, folder: Path) -> Path:
    """As many copies, one after the other, as have at least this many packets, cut to this number."""
    once, hundred, all_of_them = (folder / f"{name}.pcap" for name in ("once", "hundred", "all"))
    _merge(_sources(kind), once)
    _merge([str(once)] * 100, hundred)
    _merge([str(hundred)] * -(-packets // count(hundred)), all_of_them)
    path = folder / f"{kind}-{packets}.pcap"
    _run("editcap", "-F", "pcap", "-r", str(all_of_them), str(path), f"1-{packets}")
    for part in (once, hundred, all_of_them):
        part.unlink()
    return path


def frames(pcap: bytes | bytearray) -> Iterator[tuple[int, int]]:
    """The start of each frame of a little-endian pcap, after the 16 bytes of its header, and its end."""
    end = 24
    while end < len(pcap):
        start = end + 16
        end = start + int.from_bytes(pcap[end + 8 : end + 12], "little")
        yield start, end


def _merge(names: list[str], path: Path) -> None:
    _run("mergecap", "-a", "-F", "pcap", "-w", str(path), *names)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def count(path: Path) -> int:
    """The packets of a capture, as capinfos counts them."""
    ran = subprocess.run(["capinfos", "-c", "-M", "-T", "-r", path], capture_output=True, text=True, check=True)
    return int(ran.stdout.split("\t")[1])
