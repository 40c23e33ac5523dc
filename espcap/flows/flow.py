"""The state of one flow, and the record of it that becomes a document."""

from dataclasses import dataclass, field
from typing import Any

from espcap.flows.packets import (
    ACK,
    FIN,
    INDEX,
    JA3,
    JA3S,
    JA4,
    LOST,
    OUT_OF_ORDER,
    RETRANSMISSIONS,
    RST,
    SERVER_NAME,
    SYN,
    ZERO_WINDOW,
    FlowPacket,
    Members,
    members,
)

_SERVERS_BELOW = 1024
"""Ports below this are those of servers, if no packet shows which end has opened the flow."""
_REPEATS = tuple(INDEX[name] for name in RETRANSMISSIONS)
_NOTED = {INDEX[OUT_OF_ORDER]: 1, INDEX[LOST]: 2, INDEX[ZERO_WINDOW]: 3}
_FLAGS = {SYN: "syn", FIN: "fin", RST: "rst", 0x08: "psh", ACK: "ack", 0x20: "urg", 0x40: "ece", 0x80: "cwr"}
_STATE_FLAGS = SYN | FIN | RST
CLIENT, SERVER = 0, 1
"""The directions: packets that the client sends, and those that the server sends."""


@dataclass(slots=True)
class Share:
    """What one record of a flow has: the packets since the record before it."""

    first_frame: int
    start: int
    """The time of the first packet in nanoseconds since 1970."""
    end: int
    last_frame: int = 0
    packets: list[int] = field(default_factory=lambda: [0, 0])
    bytes: list[int] = field(default_factory=lambda: [0, 0])
    flags: list[int] = field(default_factory=lambda: [0, 0])
    noted: list[list[int]] = field(default_factory=lambda: [[0, 0] for _ in range(4)])
    """For each direction: retransmissions, packets out of order, lost segments, zero windows."""


@dataclass(slots=True)
class Flow:
    """One flow."""

    key: tuple[Any, ...]
    transport: str
    ends: tuple[tuple[str, int], tuple[str, int]]
    """Address and port of the client, and of the server."""
    number: int
    """The frame number of its first packet in the capture."""
    share: Share
    macs: tuple[str, str] | None = None
    vlans: tuple[int, ...] = ()
    outer: tuple[tuple[str, str], ...] = ()
    community_id: str = ""
    application: str = ""
    """The protocol above the transport."""
    facts: dict[str, Any] = field(default_factory=dict)
    """Values that are seen once, such as the server's name in TLS, by their path in documents."""
    sequence: int = 0
    """Number of records so far."""
    last: int = 0
    """The largest time of its packets."""
    closed: int = 0
    """Which ends have sent FIN, as bits."""
    has_answer: bool = False
    is_reset: bool = False
    has_syn: bool = False
    has_syn_ack: bool = False
    shown: tuple[dict[str, Any], dict[str, Any]] | None = None
    """Client and server as documents have them."""
    state: Any = None
    """What transactions remember of the flow."""
    place: int | None = None
    """Its class in the table of flows; None if it is not in the table."""

    def direction(self, packet: FlowPacket) -> int:
        """Returns CLIENT if the client has sent the packet, else SERVER."""
        return CLIENT if packet.head.source == self.ends[0] else SERVER

    @property
    def is_over(self) -> bool:
        """Whether TCP has closed the connection."""
        return self.is_reset or self.closed == 3

    def add(self, packet: FlowPacket) -> None:
        """Counts a packet."""
        direction, time = self.direction(packet), packet.time
        share = self.share
        share.packets[direction] += 1
        share.bytes[direction] += packet.length
        share.last_frame = packet.number
        if time > share.end:
            share.end = time
        elif time < share.start:
            share.start = time
        self.last = max(self.last, time)
        if direction == SERVER:
            self.has_answer = True
        if packet.tcp is not None:
            share.flags[direction] |= packet.flags
            if packet.flags & _STATE_FLAGS:
                self._add_state(packet.flags, direction)
            if packet.head.initial_rtt is not None and "tcp.initial_rtt" not in self.facts:
                self.facts["tcp.initial_rtt"] = round(packet.head.initial_rtt * 1e9)
            if packet.tcp:
                self._add_analysis(packet.tcp, direction)
        if packet.tls:
            self._add_tls(members(packet.tls))

    def _add_state(self, flags: int, direction: int) -> None:
        if flags & SYN:
            self.has_syn |= not flags & ACK
            self.has_syn_ack |= bool(flags & ACK)
        if flags & FIN:
            self.closed |= 1 << direction
        if flags & RST:
            self.is_reset = True

    def _add_analysis(self, values: Members, direction: int) -> None:
        noted = self.share.noted
        noted[0][direction] += any(index in values for index in _REPEATS)
        for index, place in _NOTED.items():
            noted[place][direction] += index in values

    def _add_tls(self, values: Members) -> None:
        for index, path in _TLS_PATHS.items():
            if index in values:
                self.facts.setdefault(path, values[index])


_TLS_PATHS = {
    INDEX[SERVER_NAME]: "tls.client.server_name",
    INDEX[JA3]: "tls.client.ja3",
    INDEX[JA4]: "tls.client.ja4",
    INDEX[JA3S]: "tls.server.ja3s",
}


def open_flow(packet: FlowPacket) -> Flow:
    """Returns the flow that begins with a packet."""
    head = packet.head
    from_client = _is_from_client(packet)
    ends = (head.source, head.destination) if from_client else (head.destination, head.source)
    macs = head.macs
    if macs and not from_client:
        macs = macs[1], macs[0]
    outer = head.outer if from_client else tuple((far, near) for near, far in head.outer)
    return Flow(
        head.key,
        head.transport,
        ends,
        packet.number,
        Share(packet.number, packet.time, packet.time),
        macs,
        head.vlans,
        outer,
        packet.community_id,
    )


def _is_from_client(packet: FlowPacket) -> bool:
    """Returns whether the client sends the first packet of a flow that was seen.

    That is so unless it is the answer to a SYN, or comes from the port of a server to one that is none.
    """
    if packet.tcp is not None and packet.flags & SYN:
        return not packet.flags & ACK
    source, destination = packet.head.source[1], packet.head.destination[1]
    return not 0 < source < _SERVERS_BELOW <= destination


def flag_names(flags: int) -> list[str]:
    """Returns the names of TCP's flags."""
    return [name for bit, name in _FLAGS.items() if flags & bit]
