"""`espcap ask`: named questions, on every store, and those of the user."""

from pathlib import Path

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether
from scapy.utils import wrpcap

from espcap.searches.questions import questions
from tests.support.command import CAPTURES, ROOT, espcap, on_terminal

NAMES = ("http_xml.pcap", "dns.pcap", "mixed.pcap", "tls13.pcapng")
FOUND = {"errors", "files", "resets", "slow", "tls", "credentials", "failed-logins"}
"""Questions that find something in these captures, and in ftp.pcap of the transactions."""


@pytest.fixture
def filled(node: str) -> str:
    captures = [*(CAPTURES / name for name in NAMES), ROOT / "test_transactions" / "ftp.pcap"]
    files = [word for capture in captures for word in ("--file", capture)]
    assert espcap(*files, "--types", "packets,flows,transactions", "--node", node).status == 0
    return node


def test_every_question_is_answered(filled: str) -> None:
    found = set()
    for name, question in questions().items():
        ran = espcap("ask", name, "--node", filled)
        assert ran.status == 0, ran.errors
        assert all(list(row) == question.columns for row in ran.documents)
        found |= {name} if ran.documents else set()
    assert found >= FOUND
    slow = [row["event.duration"] for row in espcap("ask", "slow", "--node", filled).documents]
    assert slow == sorted(slow, reverse=True)
    assert espcap("ask", "errors", "--since", "2030-01-01", "--node", filled).documents == []
    assert "url.full" in on_terminal("ask", "files", "--node", filled)


def test_a_list() -> None:
    listed = espcap("ask").documents
    assert [each["question"] for each in listed] == sorted(questions())
    assert "Logins that failed" in on_terminal("ask")


def test_errors(tmp_path: Path) -> None:
    assert espcap("ask", "slwo").lines[-1] == "Error: there is no question slwo (did you mean slow?)"
    assert "does not exist (name a folder with questions)" in espcap("ask", "--questions", tmp_path / "none").lines[-1]
    (tmp_path / "mine.toml").write_text('about = "x"\ncolums = []\n')
    assert "mine.toml is not valid" in espcap("ask", "--questions", tmp_path).lines[-1]
    assert (
        "its keys are about, columns, type, query, filter, group, sort"
        in espcap("ask", "--questions", tmp_path).lines[-1]
    )


def test_own_questions(tmp_path: Path) -> None:
    node = f"local:{tmp_path / 'index'}"
    espcap("--file", CAPTURES / "dns.pcap", "--node", node)
    folder = tmp_path / "questions"
    folder.mkdir()
    (folder / "names.toml").write_text(
        'about = "Names"\nquery = "protocol:dns"\ncolumns = ["dns.qry.name", "frame.number"]\n'
    )
    found = espcap("ask", "names", "--questions", folder, "--node", node, "--size", "2").documents
    assert found == [{"dns.qry.name": "www.example.test", "frame.number": number} for number in (1, 2)]


def test_beacons(tmp_path: Path) -> None:
    """Ten connections, one each minute, to a server that refuses them."""
    node, capture = f"local:{tmp_path / 'index'}", tmp_path / "beacons.pcap"
    packets = []
    for number in range(10):
        for flags, (near, far) in (("S", (40000 + number, 443)), ("RA", (443, 40000 + number))):
            one, other = ("192.0.2.1", "192.0.2.2") if flags == "S" else ("192.0.2.2", "192.0.2.1")
            packet = Ether() / IP(src=one, dst=other) / TCP(sport=near, dport=far, flags=flags, ack=int(flags != "S"))
            packet.time = 1_714_557_600 + 60 * number
            packets.append(packet)
    wrpcap(str(capture), packets)
    assert espcap("--file", capture, "--types", "flows", "--node", node).status == 0
    [row] = espcap("ask", "beacons", "--node", node).documents
    assert (row["destination.ip"], row["destination.port"], row["count"]) == ("192.0.2.2", 443, 10)
    assert (row["interval.mean"], row["interval.deviation"]) == (60, 0)
    assert "1 of 1 groups of flows" in on_terminal("ask", "beacons", "--node", node)
    early = espcap("ask", "beacons", "--until", "2024-05-01T10:02", "--node", node)
    assert early.lines == ["Note: no groups of flows are at regular intervals"]
