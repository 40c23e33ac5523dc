"""The command line that rebuilds the captures; see the package."""

import argparse
import gzip
from collections.abc import Callable
from pathlib import Path

from . import __doc__ as description
from . import recorded, synthetic
from .conversations import CONVERSATIONS, log
from .table import refresh

CAPTURES: dict[str, Callable[[Path], None]] = {
    "http_xml.pcap": recorded.http_xml,
    "http2.pcap": recorded.http2,
    "tls13.pcapng": recorded.tls13,
    "quic.pcapng": recorded.quic,
    "smtp.pcap": recorded.smtp,
    "dns.pcap": recorded.dns,
    "icmp.pcap": recorded.icmp,
    "arp.pcap": recorded.arp,
    "ipv6.pcap": recorded.ipv6,
    "dhcp.pcap": recorded.dhcp,
    "nanoseconds.pcapng": recorded.nanoseconds,
    "vlan.pcap": synthetic.vlan,
    "tunnels.pcap": synthetic.tunnels,
    "midnight.pcap": synthetic.midnight,
    "mixed.pcap": synthetic.mixed,
}
SAMPLES, TALKS = Path("test_pcaps"), Path("test_transactions")
COMPRESSED = "http_xml.pcap"


def main() -> None:
    """Rebuilds the named captures, by default all, and updates the tables in the READMEs of their folders."""
    parser = argparse.ArgumentParser(prog="python -m scripts.captures", description=description)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("names", nargs="*", metavar="NAME", help="such as dns.pcap or dns")
    parser.add_argument("--to", type=Path, metavar="DIR", help="by default test_pcaps and test_transactions")
    arguments = parser.parse_args()
    for name in chosen(arguments.names, parser):
        folder = arguments.to or (SAMPLES if name in CAPTURES else TALKS)
        folder.mkdir(parents=True, exist_ok=True)
        make(folder / name)
        refresh(folder / "README.md")


def make(path: Path) -> None:
    """Rebuilds one capture, and what belongs to it: a compressed copy, or its transactions."""
    if path.name in CONVERSATIONS:
        log.save(path, CONVERSATIONS[path.name](path))
        return
    CAPTURES[path.name](path)
    if path.name == COMPRESSED:
        compress(path)


def chosen(names: list[str], parser: argparse.ArgumentParser) -> list[str]:
    """The names of the chosen captures, by default all. `names` may be without their suffixes.

    Ends the program if a capture does not exist.
    """
    everything = [*CAPTURES, *CONVERSATIONS]
    stems = {name.partition(".")[0]: name for name in everything}
    for name in names:
        if name.partition(".")[0] not in stems:
            parser.error(f"no capture {name!r}; there are {', '.join(stems)}")
    return [stems[name.partition(".")[0]] for name in names] or everything


def compress(path: Path) -> None:
    """Writes a copy with the suffix .gz, without name and time inside, so that equal content gives equal files."""
    with path.with_name(path.name + ".gz").open("wb") as file:
        file.write(gzip.compress(path.read_bytes(), mtime=0))


if __name__ == "__main__":
    main()
