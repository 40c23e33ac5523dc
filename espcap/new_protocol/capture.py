"""Writes a capture of a client and a server, as bytes in the format pcap."""

import struct
from dataclasses import dataclass, field

CLIENT, SERVER = bytes([192, 0, 2, 1]), bytes([192, 0, 2, 2])
_CLIENT_PORT = 50_000
_START = 1_714_557_600_000_000
"""The time of the first packet, in microseconds since 1970: 2024-05-01 10:00."""
_STEP = 1_500
"""Microseconds between two packets."""
_MAC = {CLIENT: bytes.fromhex("020000000001"), SERVER: bytes.fromhex("020000000002")}
_SYN, _ACK, _PSH, _FIN = 2, 16, 8, 1


def checksum(data: bytes) -> int:
    """The checksum of RFC 1071."""
    total: int = sum(struct.unpack(f"!{len(data) // 2 + len(data) % 2}H", data + b"\0" * (len(data) % 2)))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


@dataclass
class Capture:
    """The packets of one connection, or of datagrams with the same ports."""

    transport: str
    port: int
    _packets: list[bytes] = field(default_factory=list)
    _next: dict[bytes, int] = field(default_factory=lambda: {CLIENT: 1000, SERVER: 2000})
    """The next sequence number of each side."""

    def send(self, from_client: bool, data: bytes) -> None:
        """Adds a segment or a datagram with this data."""
        source = CLIENT if from_client else SERVER
        if self.transport == "udp":
            self._add(source, 17, self._udp(source, data))
        else:
            self._segment(source, _PSH | _ACK, data)

    def open(self) -> None:
        """Adds the handshake of a TCP connection. Adds nothing for UDP."""
        if self.transport == "tcp":
            self._segment(CLIENT, _SYN)
            self._segment(SERVER, _SYN | _ACK)
            self._segment(CLIENT, _ACK)

    def close(self) -> None:
        """Adds the end of a TCP connection. Adds nothing for UDP."""
        if self.transport == "tcp":
            self._segment(CLIENT, _FIN | _ACK)
            self._segment(SERVER, _FIN | _ACK)
            self._segment(CLIENT, _ACK)

    def content(self) -> bytes:
        """The capture as a pcap file."""
        header = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 1)
        return header + b"".join(self._packets)

    def _ports(self, source: bytes) -> bytes:
        ports = (_CLIENT_PORT, self.port) if source == CLIENT else (self.port, _CLIENT_PORT)
        return struct.pack("!HH", *ports)

    def _segment(self, source: bytes, flags: int, data: bytes = b"") -> None:
        other = SERVER if source == CLIENT else CLIENT
        acknowledged = self._next[other] if flags & _ACK else 0
        head = self._ports(source) + struct.pack("!IIBBH", self._next[source], acknowledged, 0x50, flags, 64_240)
        self._next[source] += len(data) + bool(flags & (_SYN | _FIN))
        sum_ = checksum(self._pseudo_header(source, 6, len(head) + 4 + len(data)) + head + bytes(4) + data)
        self._add(source, 6, head + struct.pack("!HH", sum_, 0) + data)

    def _udp(self, source: bytes, data: bytes) -> bytes:
        head = self._ports(source) + struct.pack("!H", 8 + len(data))
        sum_ = checksum(self._pseudo_header(source, 17, 8 + len(data)) + head + bytes(2) + data)
        return head + struct.pack("!H", sum_ or 0xFFFF) + data

    def _pseudo_header(self, source: bytes, protocol: int, length: int) -> bytes:
        return source + (SERVER if source == CLIENT else CLIENT) + struct.pack("!HH", protocol, length)

    def _add(self, source: bytes, protocol: int, payload: bytes) -> None:
        """Adds a packet with its headers of pcap, Ethernet and IP."""
        destination = SERVER if source == CLIENT else CLIENT
        fields = (0x45, 0, 20 + len(payload), len(self._packets) + 1, 0x4000, 64, protocol)
        head = struct.pack("!BBHHHBB", *fields)
        sum_ = checksum(head + bytes(2) + source + destination)
        frame = _MAC[destination] + _MAC[source] + b"\x08\0" + head + struct.pack("!H", sum_) + source + destination
        frame += payload
        seconds, rest = divmod(_START + _STEP * len(self._packets), 1_000_000)
        self._packets.append(struct.pack("<IIII", seconds, rest, len(frame), len(frame)) + frame)
