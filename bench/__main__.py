"""Measures espcap side by side with tshark, in turn and in one run: seconds, ratios, and the memory of our process.

usage: python -m bench [CAPTURE] [--packets N ...]      by default test_pcaps/http_xml.pcap and 10000 100000
The capture is copied, one after the other, up to N packets. A row has the medians of three runs.
"""

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
ROUNDS = 3


class Run(NamedTuple):
    seconds: float
    peak: float
    """Largest resident memory of the process itself, MiB."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("capture", nargs="?", type=Path, default=ROOT / "test_pcaps" / "http_xml.pcap")
    parser.add_argument("--packets", nargs="+", type=int, default=[10_000, 100_000])
    arguments = parser.parse_args()
    print("| packets | command | seconds | spread | against -T ek | peak MiB |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for packets in arguments.packets:
            capture = copies(arguments.capture, packets, Path(folder))
            measure(capture, packets)
            capture.unlink()


def copies(capture: Path, packets: int, folder: Path) -> Path:
    """As many copies of a capture as have at least this many packets."""
    counted = subprocess.run(
        ["capinfos", "-c", "-M", "-T", "-r", str(capture)], capture_output=True, text=True, check=True
    )
    count = -(-packets // int(counted.stdout.split("\t")[1]))
    path = folder / f"{packets}.pcap"
    subprocess.run(["mergecap", "-a", "-F", "pcap", "-w", str(path), *[str(capture)] * count], check=True)
    return path


def measure(capture: Path, packets: int) -> None:
    commands = {
        "tshark -T ek": ["tshark", "-n", "-T", "ek", "-r", str(capture)],
        "tshark -T fields -e frame.number": ["tshark", "-n", "-T", "fields", "-e", "frame.number", "-r", str(capture)],
        "espcap": [sys.executable, "-m", "espcap", "--file", str(capture)],
        "espcap --node local": [sys.executable, "-m", "espcap", "--file", str(capture), "--node", "local:{folder}"],
    }
    runs: dict[str, list[Run]] = {name: [] for name in commands}
    for _ in range(ROUNDS):
        for name, command in commands.items():
            runs[name].append(run(command))
    reference = statistics.median(each.seconds for each in runs["tshark -T ek"])
    for name, measured in runs.items():
        seconds = sorted(each.seconds for each in measured)
        middle, peak = statistics.median(seconds), max(each.peak for each in measured)
        spread = f"{seconds[0]:.1f} to {seconds[-1]:.1f}"
        print(f"| {packets:,} | {name} | {middle:.1f} | {spread} | {middle / reference:.2f} | {peak:.0f} |", flush=True)


def run(command: list[str]) -> Run:
    with tempfile.TemporaryDirectory() as folder:
        words = [word.replace("{folder}", folder) for word in command]
        began = time.monotonic()
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT)
        peak = 0.0
        while process.poll() is None:
            peak = resident_peak(process.pid) or peak
            time.sleep(0.02)
        seconds = time.monotonic() - began
    if process.returncode:
        sys.exit(f"failed: {' '.join(words)}")
    return Run(seconds, peak)


def resident_peak(process: int) -> float:
    """MiB of the process alone: the kernel's own account of a finished process would count its children too."""
    status = Path(f"/proc/{process}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else 0.0  # a process that has just ended has none


if __name__ == "__main__":
    main()
