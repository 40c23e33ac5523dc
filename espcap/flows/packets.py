"""Reads from a packet's messages what flows need: addresses, ports, Wireshark's stream, and the state of TCP."""

from collections.abc import Sequence
from dataclasses import dataclass
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

Members = dict[int, Any]
"""The values of a message by the indices of their names; the last of several."""


@dataclass(slots=True)
class FlowPacket:
    """What flows need of one packet."""

    number: int
    time: int
    """Nanoseconds since 1970."""
    length: int
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
    tcp: Members | None = None
    """The values of TCP."""
    tls: list[Any] | None = None
    """The message of the last TLS."""
    community_id: str = ""
    application: list[list[Any]] | None = None
    """The messages of all other layers; None if there are none."""

    @property
    def macs(self) -> tuple[str, str] | None:
        """The MAC addresses of source and destination; None if they are missing."""
        found = members(self.link) if self.link else {}
        source, destination = found.get(INDEX["eth.src"]), found.get(INDEX["eth.dst"])
        return (source, destination) if source and destination else None


def members(message: list[Any]) -> Members:
    """Returns the values of a message by the indices of their names."""
    return dict(zip(message[3::3], message[5::3], strict=True))


class PacketReader:
    """Makes a FlowPacket of the messages of each packet."""

    def __init__(self, names: Sequence[str]) -> None:
        """`names` are the wanted names, of which the first are NAMES."""
        assert tuple(names[: len(NAMES)]) == NAMES
        readers = {"eth": self._eth, "vlan": self._vlan, "tcp": self._tcp, "tls": self._tls}
        readers |= {"ip": self._ip, "ipv6": self._ip6, "udp": self._udp, "sctp": self._sctp}
        readers |= dict.fromkeys(COMMUNITY_IDS, self._community_id)
        self._readers = [readers.get(name, self._other) for name in names]

    def read(self, packet: PacketMessages) -> FlowPacket | None:
        """Returns what flows need of a packet; None if its time is not valid."""
        number, time, length, messages = packet
        if time is None:
            return None
        found = FlowPacket(number, time, length)
        for message in messages:
            self._readers[message[0]](found, message)
        return found

    def _other(self, packet: FlowPacket, message: list[Any]) -> None:
        if packet.application is None:
            packet.application = [message]
        else:
            packet.application.append(message)

    def _eth(self, packet: FlowPacket, message: list[Any]) -> None:
        packet.link = packet.link or message

    def _vlan(self, packet: FlowPacket, message: list[Any]) -> None:
        packet.vlans += tuple(message[5::3])

    def _ip(self, packet: FlowPacket, message: list[Any]) -> None:
        self._network(packet, message, _ADDRESSES["ip"])

    def _ip6(self, packet: FlowPacket, message: list[Any]) -> None:
        self._network(packet, message, _ADDRESSES["ipv6"])

    def _network(self, packet: FlowPacket, message: list[Any], names: tuple[int, ...]) -> None:
        values = members(message)
        if packet.source[0]:
            packet.outer += ((packet.source[0], packet.destination[0]),)
        source, destination, protocol = names
        near, far = values.get(source, ""), values.get(destination, "")
        packet.source, packet.destination = (near, 0), (far, 0)
        number = values.get(protocol)
        packet.transport = _PROTOCOLS.get(number) or str(number)  # type: ignore[arg-type]
        packet.key = (packet.transport, near, far) if near < far else (packet.transport, far, near)
        packet.tcp = None

    def _tcp(self, packet: FlowPacket, message: list[Any]) -> None:
        packet.tcp = self._connect(packet, message, "tcp")

    def _udp(self, packet: FlowPacket, message: list[Any]) -> None:
        self._connect(packet, message, "udp")

    def _sctp(self, packet: FlowPacket, message: list[Any]) -> None:
        self._connect(packet, message, "sctp")

    def _connect(self, packet: FlowPacket, message: list[Any], name: str) -> Members:
        values = members(message)
        source, destination, stream = _PORTS[name]
        packet.source = packet.source[0], values.get(source, 0)
        packet.destination = packet.destination[0], values.get(destination, 0)
        packet.transport = name
        if stream is not None and stream in values:
            packet.key = name, values[stream]
        else:
            packet.key = (name, *sorted((packet.source, packet.destination)))
        return values

    def _tls(self, packet: FlowPacket, message: list[Any]) -> None:
        if len(message) > 3:
            packet.tls = message
        self._other(packet, message)

    def _community_id(self, packet: FlowPacket, message: list[Any]) -> None:
        packet.community_id = str(message[5]) if len(message) > 5 else ""
