"""Measures a live capture into the local index: lost packets, and the time until a packet can be found. Needs root.

usage: python -m bench.live [RATE] [SECONDS]      by default 10000 packets/s for 60 seconds
Packets of all captures of the project are sent over a cable in a network namespace, again and again, each time between
other hosts: packets of the same connections three hundred times would take tshark a third longer, which has to look for
each among all that came before, and no network has such. The time between a packet's sending and its commit is taken
from how many documents the index has. What tshark alone does with a file of the packets tells how fast the machine is.
"""

import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from bisect import bisect_right
from pathlib import Path

from bench.captures import build, frames
from bench.commands import COMMANDS, LIMIT
from bench.measure import run
from espcap.stores.local.files import exists, measure
from tests.support.network import FAR, NEAR, inside, namespace, open_far_end

TICK = 0.01
"""Seconds between bursts of the sender."""
ALONE = 100_000
"""Packets that tshark dissects alone."""
_ADDRESS_ENDS = {b"\x08\x00": (30, 34), b"\x86\xdd": (38, 54)}
"""Where the addresses of an Ethernet frame end, by its type."""


def packets_of(capture: Path) -> list[bytes]:
    """The packets that fit an Ethernet."""
    pcap = capture.read_bytes()
    return [pcap[start:end] for start, end in frames(pcap) if end - start <= 1514]


def between_others(packet: bytes, number: int) -> bytes:
    """The packet with other IP addresses; tshark verifies none of the checksums over them."""
    ends = _ADDRESS_ENDS.get(packet[12:14], ())
    changed = bytearray(packet)
    for end in ends:
        host = int.from_bytes(packet[end - 2 : end]) + number
        changed[end - 2 : end] = (host & 0xFFFF).to_bytes(2)
    return bytes(changed)


class Sender(threading.Thread):
    """Sends at a rate and notes when each tick had sent how many."""

    def __init__(self, name: str, packets: list[bytes], rate: int, seconds: float) -> None:
        super().__init__()
        self._socket = inside(name, open_far_end)
        self._packets, self._rate, self._seconds = packets, rate, seconds
        self.times: list[float] = []
        self.counts: list[int] = []

    def run(self) -> None:
        began, sent = time.monotonic(), 0
        while sent < self._rate * self._seconds:
            now = time.monotonic()
            wanted = min(int((now - began) * self._rate), int(self._rate * self._seconds))
            for number in range(sent, wanted):
                again, index = divmod(number, len(self._packets))
                self._socket.send(between_others(self._packets[index], again))
            sent = max(sent, wanted)
            self.times.append(time.monotonic())
            self.counts.append(sent)
            time.sleep(TICK)

    def sent_at(self, number: int) -> float:
        """When this many had been sent."""
        return self.times[min(bisect_right(self.counts, number), len(self.times) - 1)]


def main(rate: int = 10_000, seconds: float = 60) -> None:
    with tempfile.TemporaryDirectory() as folder, namespace() as name:
        packets = packets_of(build("mixed", 2000, Path(folder)))
        capture = build("mixed", ALONE, Path(folder))
        alone = [limit(capture)]
        index = Path(folder) / "index"
        command = [str(shutil.which("ip")), "netns", "exec", name, sys.executable, "-m", "espcap", "-i", NEAR]
        command += ["--node", f"local:{index}", "--spool", f"{folder}/spool"]
        espcap = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        time.sleep(5)  # dumpcap and tshark are at work then
        sender = Sender(name, packets, rate, seconds)
        sender.start()
        lags = []
        while sender.is_alive() or committed(index) < sender.counts[-1]:
            time.sleep(0.5)
            if (count := committed(index)) and sender.counts:
                lags.append(time.monotonic() - sender.sent_at(min(count, sender.counts[-1] - 1)))
            if espcap.poll() is not None:
                sys.exit(espcap.communicate()[1])
            if not sender.is_alive() and time.monotonic() - sender.times[-1] > 10 * seconds + 60:
                break
        done = time.monotonic() - sender.times[-1]
        espcap.send_signal(signal.SIGINT)
        account = espcap.communicate()[1].splitlines()[-1]
        alone.append(limit(capture))
    took = sender.times[-1] - sender.times[0]
    print(f"{sender.counts[-1]:,} packets over {FAR} in {took:.1f} s; {account}")
    print(f"{LIMIT} alone: {alone[0]:,.0f} packets/s before, {alone[1]:,.0f} after")
    print(f"searchable {max(lags):.1f} s after they were sent at the latest; all were {done:.1f} s after the last")


def limit(capture: Path) -> float:
    """Packets that tshark dissects in a second when nothing else runs."""
    command = next(command for command in COMMANDS if command.name == LIMIT)
    return ALONE / run(command, capture, "").seconds


def committed(folder: Path) -> int:
    """Documents in the indices of all days."""
    days = list(folder.glob("packets-*")) if folder.exists() else []
    return sum(measure(day).documents for day in days if exists(day))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
