"""Flows against Wireshark's own tables of conversations, and in every store."""

import re
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from scapy.layers.inet import IP
from scapy.layers.l2 import Ether
from scapy.layers.sctp import SCTP, SCTPChunkInit, SCTPChunkInitAck
from scapy.utils import wrpcap

from espcap.documents.types import FLOWS
from tests.support.command import CAPTURES, espcap
from tests.support.messages import follow

pytest_plugins = ["tests.support.native"]
pytestmark = pytest.mark.usefixtures("native_reader")

_LINE = re.compile(r"^(\S+)\s+<->\s+(\S+)\s+(\d+)\s+(\d+) \S+\s+(\d+)\s+(\d+) \S+\s+(\d+)\s+(\d+) \S+", re.M)
Conversation = tuple[str, str, int, int, int, int]


def conversations(capture: Path, transport: str) -> Counter[Conversation]:
    """Both ends, and packets and bytes of each, as `tshark -z conv` counts them, with the lesser end first."""
    command = ["tshark", "-n", "-r", str(capture), "-q", "-o", "gui.decimal_places1:0", "-z", f"conv,{transport}"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = Counter[Conversation]()
    for one, other, to_one, bytes_to_one, to_other, bytes_to_other, *_ in _LINE.findall(printed):
        found[_ordered(one, other, (int(to_other), int(bytes_to_other)), (int(to_one), int(bytes_to_one)))] += 1
    return found


def _ordered(one: str, other: str, of_one: tuple[int, int], of_other: tuple[int, int]) -> Conversation:
    return (one, other, *of_one, *of_other) if one < other else (other, one, *of_other, *of_one)


def _conversation(flow: dict[str, Any]) -> Conversation:
    ends = [flow["source"], flow["destination"]]
    names = [f"{end['ip']}:{end['port']}" for end in ends]
    return _ordered(*names, *((end["packets"], end["bytes"]) for end in ends))  # type: ignore[arg-type]


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_counts_are_those_of_wireshark(sample: Path, transport: str) -> None:
    if sample.name in ("tunnels.pcap",):
        pytest.skip("tshark counts the packets of a tunnel once for each of its conversations")
    if sample.suffix == ".gz":
        pytest.skip("its capture is among the others")
    flows = [flow for flow in follow(sample, types=[FLOWS]) if flow["network"]["transport"] == transport]
    assert Counter(map(_conversation, flows)) == conversations(sample, transport)


def test_associations_of_sctp_are_flows_of_their_own(tmp_path: Path) -> None:
    """Two clients at the same time, in the counts of Wireshark's conversations."""
    made = []
    for port in (40000, 40001, 40001):
        made.append(Ether() / IP(src="192.0.2.1", dst="192.0.2.2") / SCTP(sport=port, dport=5000) / SCTPChunkInit())
        made.append(Ether() / IP(src="192.0.2.2", dst="192.0.2.1") / SCTP(sport=5000, dport=port) / SCTPChunkInitAck())
    capture = tmp_path / "sctp.pcap"
    wrpcap(str(capture), made)
    flows = follow(capture, types=[FLOWS])
    assert Counter(map(_conversation, flows)) == conversations(capture, "sctp")
    assert [flow["source"]["port"] for flow in flows] == [40000, 40001]


def test_members_of_a_flow() -> None:
    [flow] = follow(CAPTURES / "http_xml.pcap", types=[FLOWS])
    assert flow["event"]["start"] == "2024-05-01T10:00:00.123456000Z"
    assert flow["event"]["end"] == "2024-05-01T10:00:00.261116000Z"
    assert flow["event"]["duration"] == 137_660_000
    assert flow["flow"] == {
        "id": "capture-f1",
        "sequence": 0,
        "final": True,
        "end_reason": "closed",
        "first_frame": 1,
        "last_frame": 33,
    }
    assert flow["network"]["community_id"] == "1:ZCuzMprfT26bFQxettHJgvbpykU="
    assert flow["tcp"]["state"] == "closed"
    assert flow["tcp"]["client"]["flags"] == ["syn", "fin", "psh", "ack"]


def test_names_of_tls() -> None:
    [flow] = follow(CAPTURES / "tls13.pcapng", types=[FLOWS])
    assert flow["tls"]["client"]["server_name"] == "www.example.test"
    assert len(flow["tls"]["client"]["ja3"]) == 32


def test_vlans_and_tunnels() -> None:
    by_vlan = [flow["network"].get("vlan", {}).get("id") for flow in follow(CAPTURES / "vlan.pcap", types=[FLOWS])]
    assert "5" in by_vlan
    assert any("tunnel" in flow for flow in follow(CAPTURES / "tunnels.pcap", types=[FLOWS]))


def test_stored_once(node: str) -> None:
    """The same file again, and with flows after it was stored without them, leaves one copy of each document."""
    capture = str(CAPTURES / "dns.pcap")
    assert "24 stored" in espcap("--file", capture, "--node", node).summary
    more = ("--file", capture, "--node", node, "--types", "packets,flows,transactions")
    assert "24 packets read, 8 flows, 8 transactions, 16 stored, 24 already there" in espcap(*more).summary
    assert "40 already there" in espcap(*more, "--again").summary
    assert espcap("search", "--size", "0", "--node", node, "--agg", "protocol").status == 0
    printed = espcap("--file", capture, "--types", "flows,transactions").documents
    for name in ("flows", "transactions"):
        stored = espcap(name, "--node", node, "--size", "100").documents
        wanted = [each for each in printed if (each["type"] == "flow") == (name == "flows")]
        assert sorted(map(str, stored)) == sorted(map(str, wanted))


def test_display_filters_are_not_for_flows() -> None:
    """As with tshark, whose -Y does not change the conversations that it counts."""
    capture = CAPTURES / "mixed.pcap"
    command = ["tshark", "-n", "-r", str(capture), "-q", "-z", "conv,tcp"]
    printed = [
        subprocess.run([*command, *more], capture_output=True, check=True).stdout for more in ([], ["-Y", "dns"])
    ]
    assert printed[0] == printed[1]
    ran = espcap("--file", capture, "--types", "packets,flows", "-Y", "dns")
    assert (ran.status, "give -Y to espcap search" in ran.summary) == (2, True)
