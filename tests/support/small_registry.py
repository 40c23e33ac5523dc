"""A registry of a few fields, one of each kind, that needs no tshark."""

from pathlib import Path

from espcap.fields.registry import Registry, build_registry

FIELDS = {
    "ip.src": "FT_IPv4",
    "ntp.xmt": "FT_ABSOLUTE_TIME",
    "ptp.clock": "FT_UINT64",
    "tcp.port": "FT_UINT16",
    "tcp.rtt": "FT_RELATIVE_TIME",
    "tcp.syn": "FT_BOOLEAN",
    "http.uri": "FT_STRING",
}


def small_registry(folder: Path, fields: dict[str, str] = FIELDS) -> Registry:
    """The registry of these names and types of Wireshark, as `tshark -G fields` would list them."""
    path = folder / "fields.sqlite"
    lines = [f"F\tText\t{name}\t{kind}\t{name.partition('.')[0]}\tBASE_NONE\t0x0\t" for name, kind in fields.items()]
    build_registry(path, lines, ["Internet Protocol\tIP\tip"])
    return Registry(path)
