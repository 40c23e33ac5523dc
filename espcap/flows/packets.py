"""Reads from a packet's messages what flows need: addresses, ports, Wireshark's stream, and the state of TCP."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from espcap.dissection.messages import COMMUNITY_IDS, PacketMessages

RETRANSMISSIONS = (
    "tcp.analysis.retransmission",
    "tcp.analysis.fast_retransmission",
    "tcp.analysis.spurious_retransmission",
)
OUT_OF_ORDER, LOST, ZERO_WINDOW = "tcp.analysis.out_of_order", "tcp.analysis.lost_segment", "tcp.analysis.zero_window"
SERVER_NAME, JA3, JA3S = "tls.handshake.extensions_server_name", "tls.handshake.ja3", "tls.handshake.ja3s"
JA4 = "tls.handshake.ja4"
_MEMBERS = {
    "eth": ("eth.src", "eth.dst"),
    "vlan": ("vlan.id",),
    "ip": ("ip.src", "ip.dst", "ip.proto"),
    "ipv6": ("ipv6.src", "ipv6.dst", "ipv6.nxt"),
    "tcp": (
        *("tcp.srcport", "tcp.dstport", "tcp.stream", "tcp.flags", "tcp.analysis.initial_rtt"),
        *(*RETRANSMISSIONS, OUT_OF_ORDER, LOST, ZERO_WINDOW),
    ),
    "tcp.segments": ("tcp.segment",),
    "udp": ("udp.srcport", "udp.dstport"),
    "sctp": ("sctp.srcport", "sctp.dstport"),
    "icmp": (),
    "icmpv6": (),
    "tls": (SERVER_NAME, JA3, JA3S, JA4),
    **{name: () for name in COMMUNITY_IDS},
}
"""The protocols that flows are made from, and their fields."""

NAMES = tuple(dict.fromkeys([*_MEMBERS, *(name for members in _MEMBERS.values() for name in members)]))
"""The names that are wanted in messages. Their indices are those in this list: others follow."""
INDEX = {name: index for index, name in enumerate(NAMES)}

SYN, FIN, RST, ACK = 0x02, 0x01, 0x04, 0x10
"""Flags of TCP."""
_PROTOCOLS = {1: "icmp", 2: "igmp", 6: "tcp", 17: "udp", 47: "gre", 50: "esp", 51: "ah", 58: "ipv6-icmp", 132: "sctp"}
"""Names of transport protocols by their numbers, as ECS has them."""
# Wireshark can give the answer of a server another udp.stream than the request, as with SNMP, and sctp.assoc_index is
# mostly the same number for all associations: ports identify the flow.
_PORTS = {
    name: (INDEX[f"{name}.srcport"], INDEX[f"{name}.dstport"], INDEX.get(stream))
    for name, stream in (("tcp", "tcp.stream"), ("udp", ""), ("sctp", ""))
}
_ADDRESSES = {name: tuple(INDEX[member] for member in _MEMBERS[name]) for name in ("ip", "ipv6")}

_TCP_FLAGS, _INITIAL_RTT = INDEX["tcp.flags"], INDEX["tcp.analysis.initial_rtt"]
_BEFORE_FLAGS = 12
"""Length of a message of TCP before its flags: its head, both ports and the stream. Others have them elsewhere."""
_MOST_HEADS = 10_000

Members = dict[int, Any]
"""The values of a message by the indices of their names; the last of several."""
_NO_MEMBERS: Members = {}


@dataclass(slots=True, eq=False)
class Head:
    """What the packets of a flow have in common that go in one direction."""

    key: tuple[Any, ...] = ()
    """The same for all packets of a flow; empty if the packet is in no flow."""
    transport: str = ""
    source: tuple[str, int] = ("", 0)
    destination: tuple[str, int] = ("", 0)
    """Address and port; the port is 0 if there is none."""
    link: list[Any] | None = None
    """The message of the outermost Ethernet."""
    vlans: tuple[int, ...] = ()
    outer: tuple[tuple[str, str], ...] = ()
    """Addresses of the tunnels that the packet is in, from the outermost."""
    initial_rtt: float | None = None
    """The first round-trip time of a connection, in seconds."""

    @property
    def macs(self) -> tuple[str, str] | None:
        """The MAC addresses of source and destination; None if they are missing."""
        found = members(self.link) if self.link else {}
        source, destination = found.get(INDEX["eth.src"]), found.get(INDEX["eth.dst"])
        return (source, destination) if source and destination else None


@dataclass(slots=True)
class FlowPacket:
    """What flows need of one packet."""

    number: int
    time: int
    """Nanoseconds since 1970."""
    length: int
    head: Head = field(default_factory=Head)
    flags: int = 0
    """The flags of TCP."""
    tcp: Members | None = None
    """What Wireshark's analysis says of a segment of TCP; None if the packet is not TCP."""
    tls: list[Any] | None = None
    """The message of the last TLS."""
    community_id: str = ""
    application: list[list[Any]] | None = None
    """The messages of all other layers; None if there are none."""


def members(message: list[Any]) -> Members:
    """Returns the values of a message by the indices of their names."""
    return dict(zip(message[3::3], message[5::3], strict=True))


_HEAD, _NETWORK, _TCP, _TLS, _COMMUNITY_ID, _OTHER = range(6)
_ROLES = {
    **dict.fromkeys(("eth", "vlan", "udp", "sctp"), _HEAD),
    **dict.fromkeys(("ip", "ipv6"), _NETWORK),
    "tcp": _TCP,
    "tls": _TLS,
    **dict.fromkeys(COMMUNITY_IDS, _COMMUNITY_ID),
}
"""What a layer is for flows."""


class PacketReader:
    """Makes a FlowPacket of the messages of each packet."""

    def __init__(self, names: Sequence[str]) -> None:
        """`names` are the wanted names, of which the first are NAMES."""
        assert tuple(names[: len(NAMES)]) == NAMES
        self._roles = [_ROLES.get(name, _OTHER) for name in names]
        self._heads: dict[tuple[Any, ...], Head] = {}
        """The heads by all that they were made of, because most packets have the head of one before."""

    def read(self, packet: PacketMessages) -> FlowPacket | None:
        """Returns what flows need of a packet; None if its time is not valid."""
        number, time, length, messages = packet
        if time is None:
            return None
        parts: list[Any] = []
        flags, tcp, tls, community_id, application = 0, None, None, "", None
        for message in messages:
            role = self._roles[message[0]]
            if role <= _NETWORK:
                parts += message
                if role == _NETWORK:
                    tcp = None
            elif role == _TCP:
                flags, tcp, initial_rtt = _read_tcp(message)
                parts += message[:_BEFORE_FLAGS]
                parts.append(initial_rtt)
            elif role == _COMMUNITY_ID:
                community_id = str(message[5]) if len(message) > 5 else ""
            else:
                if role == _TLS and len(message) > 3:
                    tls = message
                if application is None:
                    application = []
                application.append(message)
        head = self._heads.get(key := tuple(parts)) or self._add_head(key, messages)
        return FlowPacket(number, time, length, head, flags, tcp, tls, community_id, application)

    def _add_head(self, key: tuple[Any, ...], messages: list[list[Any]]) -> Head:
        if len(self._heads) >= _MOST_HEADS:
            self._heads.clear()
        head = self._heads[key] = Head()
        for message in messages:
            if reader := _READERS.get(NAMES[message[0]] if message[0] < len(NAMES) else ""):
                reader(head, message)
        return head


def _read_tcp(message: list[Any]) -> tuple[int, Members, float | None]:
    """Returns the flags, the values that are not the same for all packets of a flow, and the initial RTT."""
    length = len(message)
    if length > _BEFORE_FLAGS and message[_BEFORE_FLAGS] == _TCP_FLAGS:  # most packets
        if length == _BEFORE_FLAGS + 3:
            return message[-1], _NO_MEMBERS, None
        if length == _BEFORE_FLAGS + 6 and message[-3] == _INITIAL_RTT:
            return message[-4], _NO_MEMBERS, message[-1]
    values = members(message)
    for index in _OF_HEAD:
        values.pop(index, None)
    return values.pop(_TCP_FLAGS, 0), values, values.pop(_INITIAL_RTT, None)


_OF_HEAD = [INDEX[name] for name in ("tcp.srcport", "tcp.dstport", "tcp.stream")]


def _add_eth(head: Head, message: list[Any]) -> None:
    head.link = head.link or message


def _add_vlan(head: Head, message: list[Any]) -> None:
    head.vlans += tuple(message[5::3])


def _add_network(head: Head, message: list[Any], names: tuple[int, ...]) -> None:
    values = members(message)
    if head.source[0]:
        head.outer += ((head.source[0], head.destination[0]),)
    source, destination, protocol = names
    near, far = values.get(source, ""), values.get(destination, "")
    head.source, head.destination = (near, 0), (far, 0)
    number = values.get(protocol)
    head.transport = _PROTOCOLS.get(number) or str(number)  # type: ignore[arg-type]
    head.key = (head.transport, near, far) if near < far else (head.transport, far, near)


def _add_transport(head: Head, message: list[Any], name: str) -> None:
    values = members(message)
    source, destination, stream = _PORTS[name]
    head.source = head.source[0], values.get(source, 0)
    head.destination = head.destination[0], values.get(destination, 0)
    head.transport, head.initial_rtt = name, values.get(_INITIAL_RTT)
    if stream is not None and stream in values:
        head.key = name, values[stream]
    else:
        head.key = (name, *sorted((head.source, head.destination)))


_READERS: dict[str, Callable[[Head, list[Any]], None]] = {
    "eth": _add_eth,
    "vlan": _add_vlan,
    **{name: partial(_add_network, names=names) for name, names in _ADDRESSES.items()},
    **{name: partial(_add_transport, name=name) for name in _PORTS},
}
