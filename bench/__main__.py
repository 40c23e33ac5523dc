"""Measures espcap side by side with its peers, in turn and in one run, and writes bench/RESULTS.md.

usage: python -m bench [--packets N ...] [--rounds N]      by default 10000 100000 1000000, three rounds
"""

import argparse
import tempfile
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path

from bench.captures import KINDS, build
from bench.commands import BULK, COMMANDS, FOREIGN_BULK, Command
from bench.helpers_bulk import INDEX
from bench.measure import ROOT, Run, run
from bench.results import Measured, report
from tests.support.elasticsearch_node import call, node

ELASTICSEARCH = "9.5.3"
_INDICES = {BULK: "packets-*", FOREIGN_BULK: INDEX}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packets", nargs="+", type=int, default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    measured = []
    with tempfile.TemporaryDirectory() as folder:
        for kind in KINDS:
            for packets in arguments.packets:
                capture = build(kind, packets, Path(folder))
                measured.append(_measure(capture, kind, packets, arguments.rounds))
                capture.unlink()
                (ROOT / "bench" / "RESULTS.md").write_text("\n".join(report(measured)) + "\n", encoding="utf-8")


def _measure(capture: Path, kind: str, packets: int, rounds: int) -> Measured:
    commands = [each for each in COMMANDS if packets <= each.most and each.only in ("", kind)]
    runs: dict[str, list[Run]] = defaultdict(list)
    sizes: dict[str, int] = {}
    for _ in range(rounds):
        for command in commands:
            runs[command.name].append(_run(command, capture, sizes))
            print(f"{kind}, {packets:,} packets: {command.name}: {runs[command.name][-1].seconds:.1f} s", flush=True)
    return Measured(kind, packets, runs, sizes)


def _run(command: Command, capture: Path, sizes: dict[str, int]) -> Run:
    """Each run that needs an Elasticsearch has its own."""
    with ExitStack() as stack:
        url = stack.enter_context(node(ELASTICSEARCH)) if command.name in _INDICES else ""
        ran = run(command, capture, url)
        if url:
            sizes[command.name] = _size(url, _INDICES[command.name])
    return ran


def _size(url: str, index: str) -> int:
    """Bytes of an index, once all is in one segment."""
    call(url, "POST", f"/{index}/_forcemerge?max_num_segments=1")
    call(url, "POST", f"/{index}/_flush")
    return int(call(url, "GET", f"/{index}/_stats/store")["_all"]["primaries"]["store"]["size_in_bytes"])


if __name__ == "__main__":
    main()
