"""Makes captures with scapy. Each function with a single argument `path` writes one capture to this path."""

from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

from scapy.contrib.lldp import (
    LLDPDUChassisID,
    LLDPDUEndOfLLDPDU,
    LLDPDUPortID,
    LLDPDUSystemName,
    LLDPDUTimeToLive,
)
from scapy.layers.dns import DNS, DNSQR, DNSRR
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import GRE, LLC, STP, Dot1AD, Dot1Q, Dot3, Ether
from scapy.layers.ntp import NTP
from scapy.layers.radius import Radius, RadiusAttribute
from scapy.layers.sctp import SCTP, SCTPChunkData, SCTPChunkInit
from scapy.layers.snmp import SNMP, SNMPget, SNMPvarbind
from scapy.layers.vxlan import VXLAN
from scapy.utils import PcapWriter

START = Decimal("1714557600")  # 2024-05-01T10:00:00Z
MIDNIGHT = Decimal("1700006400")  # 2023-11-15T00:00:00Z
ETHERNET = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
INNER_ETHERNET = Ether(src="02:00:00:00:01:01", dst="02:00:00:00:01:02")
OUTER = IP(src="192.0.2.1", dst="192.0.2.2")
INNER = IP(src="198.51.100.1", dst="198.51.100.2")
INNERMOST = IP(src="203.0.113.1", dst="203.0.113.2")
REQUEST = b"GET /inner HTTP/1.1\r\nHost: www.example.test\r\n\r\n"


def write(path: Path, packets: Iterable[tuple[Decimal, Any]]) -> None:
    """Writes packets, (seconds since 1970, packet), to a pcap file with microseconds."""
    with PcapWriter(str(path), linktype=1) as writer:
        for time, packet in packets:
            packet.time = time
            writer.write(packet)


def each_millisecond(packets: Iterable[Any]) -> Iterable[tuple[Decimal, Any]]:
    """Yields (seconds since 1970, packet), with one millisecond between packets."""
    for number, packet in enumerate(packets):
        yield START + Decimal(number) / 1000, packet


def vlan(path: Path) -> None:
    """An echo in VLAN 5, a DNS query in VLAN 6, and an echo in two tags, 802.1ad around 802.1Q."""
    echo, reply = (
        OUTER / ICMP(type=8, id=1),
        IP(src="192.0.2.2", dst="192.0.2.1") / ICMP(type=0, id=1),
    )
    query = OUTER / UDP(sport=40000) / DNS(id=1, qd=DNSQR(qname="www.example.test"))
    packets = [
        ETHERNET / Dot1Q(vlan=5, prio=3) / echo,
        ETHERNET / Dot1Q(vlan=5, prio=3) / reply,
        ETHERNET / Dot1Q(vlan=6) / query,
        ETHERNET / Dot1AD(vlan=100) / Dot1Q(vlan=5) / echo,
        ETHERNET / Dot1Q(vlan=200) / Dot1Q(vlan=7) / echo,
    ]
    write(path, each_millisecond(packets))


def tunnels(path: Path) -> None:
    """Packets inside packets: IP in IP, GRE, VXLAN, and VXLAN that carries GRE."""
    request = TCP(sport=40000, dport=80, flags="PA", seq=1, ack=1) / REQUEST
    back = IP(src=INNER.dst, dst=INNER.src)
    echo = INNER / ICMP(id=1)
    vxlan = OUTER / UDP(sport=50000, dport=4789) / VXLAN(vni=42)
    packets = [
        ETHERNET / OUTER / echo,
        ETHERNET / OUTER / GRE() / echo,
        ETHERNET / OUTER / GRE() / INNER / request,
        ETHERNET / vxlan / INNER_ETHERNET / echo,
        ETHERNET / vxlan / INNER_ETHERNET / back / request,
        ETHERNET / vxlan / INNER_ETHERNET / INNER / GRE() / INNERMOST / ICMP(id=1),
    ]
    write(path, each_millisecond(packets))


def midnight(path: Path) -> None:
    """Echo requests around midnight UTC: three packets of one day, four of the next."""
    offsets = ("-3600", "-1", "-0.000001", "0", "0.000001", "1", "3600")
    echoes = ((MIDNIGHT + Decimal(o), ETHERNET / OUTER / ICMP(id=1, seq=n)) for n, o in enumerate(offsets))
    write(path, echoes)


def mixed(path: Path) -> None:
    """One or two packets of each of many protocols, some without IP."""
    write(path, each_millisecond([*without_ip(), *datagrams(), *sctp(), *tcp()]))


def without_ip() -> list[Any]:
    lldp = [
        LLDPDUChassisID(subtype=4, id="02:00:00:00:00:01"),
        LLDPDUPortID(subtype=5, id="port 1"),
        LLDPDUTimeToLive(ttl=120),
        LLDPDUSystemName(system_name="switch.example.test"),
        LLDPDUEndOfLLDPDU(),
    ]
    frame = Ether(src="02:00:00:00:00:01", dst="01:80:c2:00:00:0e", type=0x88CC)
    for unit in lldp:
        frame = frame / unit
    bridge = Dot3(src="02:00:00:00:00:01", dst="01:80:c2:00:00:00") / LLC(dsap=0x42, ssap=0x42, ctrl=3)
    return [frame, bridge / STP(rootmac="02:00:00:00:00:01", bridgemac="02:00:00:00:00:01")]


def datagrams() -> list[Any]:
    mdns = DNS(qr=1, aa=1, qd=None, an=DNSRR(rrname="printer.local", rdata="192.0.2.9", ttl=120))
    name = RadiusAttribute(type=1, value=b"user")
    snmp = SNMP(PDU=SNMPget(varbindlist=[SNMPvarbind(oid="1.3.6.1.2.1.1.1.0")]))
    payloads = [
        (123, NTP(sent=0, orig=0, recv=0, ref=0)),
        (161, snmp),
        (514, b"<13>1 2024-05-01T10:00:00Z host.example.test app 1 - - A line of syslog"),
        (1812, Radius(code=1, id=1, attributes=[name])),
        (5353, mdns),
        (5060, b"OPTIONS sip:user@example.test SIP/2.0\r\nCall-ID: 1@example.test\r\n"
               b"CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"),
        (40000, b"nobody's protocol"),
    ]  # fmt: skip
    return [ETHERNET / OUTER / UDP(sport=port, dport=port) / data for port, data in payloads]


def sctp() -> list[Any]:
    header = ETHERNET / OUTER / SCTP(sport=40000, dport=40001)
    return [header / SCTPChunkInit(init_tag=1), header / SCTPChunkData(tsn=1, data=b"first chunk")]


def tcp() -> list[Any]:
    """A refused TCP connection, and two lines of Redis."""
    back = Ether(src=ETHERNET.dst, dst=ETHERNET.src) / IP(src=OUTER.dst, dst=OUTER.src)
    return [
        ETHERNET / OUTER / TCP(sport=40000, dport=9, flags="S", seq=1),
        back / TCP(sport=9, dport=40000, flags="RA", ack=2),
        ETHERNET / OUTER / TCP(sport=40001, dport=6379, flags="PA", seq=1, ack=1) / b"*1\r\n$4\r\nPING\r\n",
        back / TCP(sport=6379, dport=40001, flags="PA", seq=1, ack=15) / b"+PONG\r\n",
    ]
