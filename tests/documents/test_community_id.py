"""`network.community_id` against the results that the Community ID specification publishes for version 1."""

from pathlib import Path

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6DestUnreach, ICMPv6EchoReply, ICMPv6EchoRequest, ICMPv6TimeExceeded, IPv6
from scapy.layers.l2 import ARP, GRE, Ether
from scapy.layers.sctp import SCTP
from scapy.packet import Packet, Raw
from scapy.utils import wrpcap

from espcap.ingest.job import Job
from tests.support import read

pytest_plugins = ["tests.support.core_fixtures"]

A, B = "1.2.3.4", "5.6.7.8"
A6, B6 = "fe80:1:203:405:607:809:a0b:c0d", "fe80:1011:1213:1415:1617:1819:1a1b:1c1d"
ROUTER6, HOST6 = "3ffe:501:1800:2345::2", "3ffe:507:0:1:200:86ff:fe05:80da"
SERVER6 = "3ffe:501:410:0:2c0:dfff:fe47:33e"
RSVP_PATH = bytes.fromhex("1001 0000 ff00 0008")

# The tables of the specification's baseline folder, seed 0; the last of ICMPv6 are of its captures.
BASELINE: list[tuple[Packet, str]] = [
    (IP(src=A, dst=B) / TCP(sport=1122, dport=3344), "1:wCb3OG7yAFWelaUydu0D+125CLM="),
    (IP(src=B, dst=A) / TCP(sport=3344, dport=1122), "1:wCb3OG7yAFWelaUydu0D+125CLM="),
    (IP(src=A, dst=B) / UDP(sport=1122, dport=3344), "1:0Mu9InQx6z4ZiCZM/7HXi2WMhOg="),
    (IP(src=B, dst=A) / UDP(sport=3344, dport=1122), "1:0Mu9InQx6z4ZiCZM/7HXi2WMhOg="),
    (IP(src=A, dst=B) / SCTP(sport=1122, dport=3344), "1:EKt4MsxuyaE6mL+hmrEkQ9csDD8="),
    (IP(src=B, dst=A) / SCTP(sport=3344, dport=1122), "1:EKt4MsxuyaE6mL+hmrEkQ9csDD8="),
    (IP(src=A, dst=B) / ICMP(type=8), "1:crodRHL2FEsHjbv3UkRrfbs4bZ0="),
    (IP(src=B, dst=A) / ICMP(type=0), "1:crodRHL2FEsHjbv3UkRrfbs4bZ0="),
    (IP(src=A, dst=B) / ICMP(type=11), "1:f/YiSyWqczrTgfUCZlBUnvHRcPk="),
    (IPv6(src=A6, dst=B6) / ICMPv6EchoRequest(), "1:0bf7hyMJUwt3fMED7z8LIfRpBeo="),
    (IPv6(src=B6, dst=A6) / ICMPv6EchoReply(), "1:0bf7hyMJUwt3fMED7z8LIfRpBeo="),
    (IP(src=A, dst=B, proto=46) / Raw(RSVP_PATH), "1:ikv3kmf89luf73WPz1jOs49S768="),
    (IP(src=B, dst=A, proto=46) / Raw(RSVP_PATH), "1:ikv3kmf89luf73WPz1jOs49S768="),
    (
        IPv6(src="2001:470:e5bf:dead:4957:2174:e82c:4887", dst="2607:f8b0:400c:c03::1a") / TCP(sport=63943, dport=25),
        "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4=",
    ),
    (
        IPv6(src="2607:f8b0:400c:c03::1a", dst="2001:470:e5bf:dead:4957:2174:e82c:4887") / TCP(sport=25, dport=63943),
        "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4=",
    ),
    (IP(src="192.168.1.52", dst="8.8.8.8") / UDP(sport=54585, dport=53), "1:d/FP5EW3wiY1vCndhwleRRKHowQ="),
    (IP(src="8.8.8.8", dst="192.168.1.52") / UDP(sport=53, dport=54585), "1:d/FP5EW3wiY1vCndhwleRRKHowQ="),
    (IP(src="192.168.170.8", dst="192.168.170.56") / SCTP(sport=7, dport=7), "1:MP2EtRCAUIZvTw6MxJHLV7N7JDs="),
    # Errors, with the packet that they are about: their own addresses count.
    (
        IP(src=A, dst=B) / ICMP(type=11) / IP(src=B, dst=A) / UDP(sport=1122, dport=3344),
        "1:f/YiSyWqczrTgfUCZlBUnvHRcPk=",
    ),
    (
        IPv6(src=SERVER6, dst=HOST6) / ICMPv6DestUnreach(code=4) / IPv6(src=HOST6, dst=SERVER6) / UDP(sport=1, dport=2),
        "1:hLZd0XGWojozrvxqE0dWB1iM6R0=",
    ),
    (
        IPv6(src=ROUTER6, dst=HOST6) / ICMPv6TimeExceeded() / IPv6(src=HOST6, dst=SERVER6) / UDP(sport=1, dport=2),
        "1:2ObVBgIn28oZvibYZhZMBgh7WdQ=",
    ),
    # The innermost packet of a tunnel.
    (
        IP(src="192.0.2.1", dst="192.0.2.2") / GRE() / IP(src=A, dst=B) / TCP(sport=1122, dport=3344),
        "1:wCb3OG7yAFWelaUydu0D+125CLM=",
    ),
    (IP(src="192.0.2.1", dst="192.0.2.2") / IP(src=A, dst=B) / ICMP(type=8), "1:crodRHL2FEsHjbv3UkRrfbs4bZ0="),
]


def community_ids(job: Job, path: Path, packets: list[Packet]) -> list[str | None]:
    ether = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
    wrpcap(str(path), [ether / packet for packet in packets])
    report, store = read(job, path)
    assert (report.exit_code, report.read) == (0, len(packets))
    return [source["network"].get("community_id") for source in store.sources]


def test_baseline(job: Job, tmp_path: Path) -> None:
    packets, expected = zip(*BASELINE, strict=True)
    assert community_ids(job, tmp_path / "capture.pcap", list(packets)) == list(expected)


@pytest.mark.parametrize("packet", [ARP(), Raw(b"no protocol")], ids=["arp", "data"])
def test_none(job: Job, tmp_path: Path, packet: Packet) -> None:
    assert community_ids(job, tmp_path / "capture.pcap", [packet]) == [None]
