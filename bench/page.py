"""Measures how long the page's answers take over the local index.

usage: python -m bench.page [PACKETS]      by default 1000000, of all captures of the project, spread over a day
"""

import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

from bench.captures import build, frames
from tests.support.served import Served, served

ROUNDS = 7
DAY = 1714521600
"""Seconds since 1970."""
QUESTIONS = {
    "everything": {},
    "tcp": {"filter": "tcp"},
    "DNS answers": {"filter": "dns.flags.response == 1"},
    "a network": {"filter": "ip.addr == 192.0.2.0/24"},
    "a part of a text": {"filter": 'http.host contains "example"'},
    "an hour": {"since": "2024-05-01T10:00", "until": "2024-05-01T11:00"},
    "sorted by length": {"sort": "-length"},
}
PARTS = ("", "histogram", "tables")
"""What the page asks for at once: the list, packets over time, and the tables beside it."""


def spread(capture: Path) -> None:
    """Gives the packets of a pcap times of one day, in their order."""
    pcap = bytearray(capture.read_bytes())
    starts = [start for start, _ in frames(pcap)]
    for number, start in enumerate(starts):
        microseconds = number * 86_400_000_000 // len(starts)
        struct.pack_into("<II", pcap, start - 16, DAY + microseconds // 1_000_000, microseconds % 1_000_000)
    capture.write_bytes(pcap)


def main(packets: int = 1_000_000) -> None:
    with tempfile.TemporaryDirectory() as folder:
        capture = build("mixed", packets, Path(folder))
        spread(capture)
        node = f"local:{folder}/index"
        espcap = [sys.executable, "-m", "espcap", "--file", str(capture), "--node", node]
        subprocess.run(espcap, check=True)
        with served(node) as page:
            _measure(page, packets)


def _measure(page: Served, packets: int) -> None:
    print(f"{packets:,} packets; milliseconds, the median of {ROUNDS} and the worst\n")
    print("| question | list | histogram | tables | all at once |")
    print("|---|---|---|---|---|")
    with ThreadPoolExecutor(len(PARTS)) as threads:
        for name, question in QUESTIONS.items():
            ask = partial(_ask, page, question)
            cells = [_times(partial(ask, part)) for part in PARTS]
            cells.append(_times(partial(_at_once, threads, ask)))
            print(f"| {name} | {' | '.join(cells)} |", flush=True)


def _at_once(threads: ThreadPoolExecutor, ask: Callable[[str], None]) -> None:
    list(threads.map(ask, PARTS))


def _ask(page: Served, question: dict[str, str], part: str) -> None:
    answer = page.get(f"/{part}", **question)
    if answer.status != 200:
        sys.exit(f"/{part}?{urlencode(question)}: {answer.status}")


def _times(ask: Callable[[], object]) -> str:
    seconds = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        ask()
        seconds.append(time.perf_counter() - began)
    return f"{1000 * statistics.median(seconds):.0f} ({1000 * max(seconds):.0f})"


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
