"""The bytes of captures and frames, written without a library so that they may be wrong."""

import struct
from collections.abc import Iterable
from pathlib import Path

ETHERNET = 1
START = 1_714_557_600  # 2024-05-01T10:00:00Z
LONGEST_DATAGRAM = 65_535


def pcap_header(link_type: int = ETHERNET) -> bytes:
    """The file header of a pcap with microseconds."""
    return struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, link_type)


def record(data: bytes, seconds: int = START, fraction: int = 0, caplen: int | None = None, cut: int = 0) -> bytes:
    """A packet of a pcap; `caplen` is what the record claims, `cut` how many bytes the snap length took."""
    claimed = len(data) if caplen is None else caplen
    return struct.pack("<IIII", seconds, fraction, claimed, claimed + cut) + data


def write_pcap(path: Path, records: Iterable[bytes], link_type: int = ETHERNET) -> Path:
    """Write records behind a file header."""
    path.write_bytes(pcap_header(link_type) + b"".join(records))
    return path


def write_packet(path: Path, frame: bytes, link_type: int = ETHERNET) -> Path:
    """Write a capture of one packet."""
    return write_pcap(path, [record(frame)], link_type)


def block(kind: int, body: bytes) -> bytes:
    """A block of a pcapng."""
    body += bytes(-len(body) % 4)
    length = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + length + body + length


def _options(options: dict[int, bytes] | None) -> bytes:
    text = b"".join(
        struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4) for code, value in (options or {}).items()
    )
    return text + bytes(4) if text else b""


def section(options: dict[int, bytes] | None = None) -> bytes:
    """The block that begins a pcapng, which leaves its length open; options by their code."""
    return block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1) + _options(options))


def interface(options: dict[int, bytes] | None = None) -> bytes:
    """The block of an Ethernet interface; options by their code."""
    return block(1, struct.pack("<HHI", ETHERNET, 0, 262_144) + _options(options))


def enhanced_packet(data: bytes, ticks: int, interface_id: int = 0, options: dict[int, bytes] | None = None) -> bytes:
    """A packet of a pcapng; ticks are microseconds unless the interface says otherwise."""
    times = struct.pack("<II", ticks >> 32, ticks & 0xFFFFFFFF)
    body = struct.pack("<I", interface_id) + times + struct.pack("<II", len(data), len(data))
    return block(6, body + data + bytes(-len(data) % 4) + _options(options))


def ethernet(payload: bytes, ether_type: int = 0x0800) -> bytes:
    """An Ethernet frame between two locally administered addresses."""
    return bytes.fromhex("020000000002 020000000001") + struct.pack(">H", ether_type) + payload


def ipv4(payload: bytes, protocol: int) -> bytes:
    """An IPv4 packet; the checksum stays 0, which Wireshark does not look at."""
    length = 20 + len(payload)
    assert length <= LONGEST_DATAGRAM
    header = struct.pack(">BBHHHBBH", 0x45, 0, length, 1, 0, 64, protocol, 0)
    return header + bytes([192, 0, 2, 1, 192, 0, 2, 2]) + payload


def udp(payload: bytes, port: int) -> bytes:
    """A frame with a UDP datagram to a port."""
    header = struct.pack(">HHHH", 40_000, port, 8 + len(payload), 0)
    return ethernet(ipv4(header + payload, 17))


def tcp(payload: bytes, port: int) -> bytes:
    """A frame with a TCP segment to a port, jumbo if it must be."""
    header = struct.pack(">HHIIBBHHH", 40_000, port, 1, 1, 0x50, 0x18, 65_535, 0, 0)
    return ethernet(ipv4(header + payload, 6))


def http_request(target: bytes, headers: dict[bytes, bytes], body: bytes = b"") -> bytes:
    """A frame with an HTTP request."""
    lines = b"".join(b"%s: %s\r\n" % header for header in headers.items())
    return tcp(b"POST %s HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n%s" % (target, lines, len(body), body), 80)


def echo(number: int) -> bytes:
    """A frame with an ICMP echo request that gzip cannot make much smaller."""
    noise = bytes((number * 131 + position * position * 29) % 256 for position in range(56))
    return ethernet(ipv4(struct.pack(">BBHHH", 8, 0, 0, 1, number) + noise, 1))


def echoes(count: int) -> list[bytes]:
    """Good records, a millisecond apart."""
    return [record(echo(number), START, number * 1000) for number in range(count)]
