"""The command line that rebuilds the captures; see the package."""

import argparse
import gzip
from collections.abc import Callable
from pathlib import Path

from . import __doc__ as description
from . import recorded, synthetic
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
COMPRESSED = "http_xml.pcap"


def main() -> None:
    """Rebuilds the named captures, by default all, and updates the table in the folder's README."""
    parser = argparse.ArgumentParser(prog="python -m scripts.captures", description=description)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("names", nargs="*", metavar="NAME", help="such as dns.pcap or dns")
    parser.add_argument("--to", type=Path, default=Path("test_pcaps"), metavar="DIR")
    arguments = parser.parse_args()
    arguments.to.mkdir(parents=True, exist_ok=True)
    for name in chosen(arguments.names, parser):
        CAPTURES[name](arguments.to / name)
        if name == COMPRESSED:
            compress(arguments.to / name)
    refresh(arguments.to / "README.md")


def chosen(names: list[str], parser: argparse.ArgumentParser) -> list[str]:
    """The names of the chosen captures, by default all. `names` may be without their suffixes.

    Ends the program if a capture does not exist.
    """
    stems = {name.partition(".")[0]: name for name in CAPTURES}
    for name in names:
        if name.partition(".")[0] not in stems:
            parser.error(f"no capture {name!r}; there are {', '.join(stems)}")
    return [stems[name.partition(".")[0]] for name in names] or list(CAPTURES)


def compress(path: Path) -> None:
    """Writes a copy with the suffix .gz, without name and time inside, so that equal content gives equal files."""
    with path.with_name(path.name + ".gz").open("wb") as file:
        file.write(gzip.compress(path.read_bytes(), mtime=0))


if __name__ == "__main__":
    main()
