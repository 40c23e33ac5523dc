"""Thirty queries as newcomers write them first: each gives packets, or says why not. Both stores answer alike."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether
from scapy.packet import Raw
from scapy.utils import wrpcap

from tests.support.command import CAPTURES, Ran, espcap
from tests.support.elasticsearch_node import remove_packets

FOUND = [
    *("dns", "DNS", "http", "tcp udp", "192.0.2.1", "80", "icmp", "arp OR icmp", "dns or http", "not arp"),
    *(
        "ip.src == 192.0.2.2",
        "tcp.flags.syn == 1",
        "dns && ip.addr == 192.0.2.1",
        "http.request",
        "tcp.port in {80, 443}",
    ),
    *("ip.src:192.0.2.2", "source.ip:192.0.2.0/24", "_exists_:http.host", "protocol:http", "layers.dns.qry_name:www*"),
    *("Nikto", "nikto 2.1.6", "google.com", "password", "alice", '"GET /order"', "goog*", "02:00:00:00:00:01"),
    *("192.0.2.*", "ip.src:192.0.*", "tcp.flags.syn:1"),
    *("2001:db8::1", 'http.user_agent contains "Nikto"'),
]
REASONS = {
    "tcp port 80": "is a capture filter; stored packets are found by display filters (write -Y 'tcp.port == 80'",
    "host 10.0.0.4": "write -Y 'ip.addr == 10.0.0.4'",
    "ip.sorce == 10.0.0.4": "unknown field 'ip.sorce': did you mean ip.src",
    "ip.addr = 10.0.0.4": "to search for its words, put it in double quotes",
    "protocl:http": "no such field: protocl: did you mean protocol",
    'frame contains "google"': "--captures",
    "source.port == 80": "source.port is a path of documents: write source.port:VALUE",
    "(http": "it is not a display filter either",
    "http.hst:x": "no such field: http.hst: did you mean http.host",
    "10.9.9.9": "packets from 2023-11-14",
    "tcp.analysis.retransmission && dns": "packets from 2023-11-14",
    "nosuchword": "'nosuchword' is searched for as a whole word; nosuchword* finds words that begin with it",
    "protocol:DNS": "names of protocols are in lower case: protocol:dns",
    "2024-05-01": "@timestamp:2024-05-01 finds packets by their time",
    "198.18.7": "write 198.18.7.* for addresses that begin with it",
    "http.host:google.com": "is compared as a whole value; layers.http.host:*google.com* finds",
    "source.ip=192.0.2.1": "write source.ip:VALUE",
    "ip.src=192.0.2.1": "write == for equal",
    'info contains "GET"': "write info:VALUE",
    "port:80": "did you mean tcp.port or udp.port?",
    "ip:192.0.2.1": "did you mean ip.addr?",
}


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scan, a search and a login, as HTTP."""
    path = tmp_path_factory.mktemp("first") / "web.pcap"
    link = Ether(src="02:00:00:00:00:07", dst="02:00:00:00:00:08") / IP(src="192.0.2.7", dst="192.0.2.8")
    says = [
        b"GET /order HTTP/1.1\r\nHost: www.google.com\r\nUser-Agent: Mozilla/5.00 (Nikto/2.1.6)\r\n\r\n",
        b"POST /login HTTP/1.1\r\nHost: www.example.test\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        b"Content-Length: 26\r\n\r\nuser=alice&password=secret",
    ]
    packets = [
        link / TCP(sport=40000 + number, dport=80, flags="PA", seq=1, ack=1) / Raw(text)
        for number, text in enumerate(says)
    ]
    for number, packet in enumerate(packets):
        packet.time = 1714557600 + number
    wrpcap(str(path), packets)
    return path


@pytest.fixture(scope="module", params=["local", "elasticsearch"])
def node(request: pytest.FixtureRequest, capture: Path) -> Iterator[str]:
    """A store with the samples and that capture."""
    if request.param == "local":
        filled = f"local:{capture.parent / 'index'}"
        assert espcap("--dir", CAPTURES, "--file", capture, "--node", filled).status == 0
        yield filled
        return
    filled = str(request.getfixturevalue("_elasticsearch_node"))
    assert espcap("--dir", CAPTURES, "--file", capture, "--again", "--node", filled).status == 0
    yield filled
    remove_packets(filled)


def ask(node: str, text: str) -> Ran:
    return espcap("search", text, "--size", "300", "--node", node)


@pytest.mark.parametrize("text", FOUND)
def test_packets(text: str, node: str) -> None:
    ran = ask(node, text)
    assert ran.status == 0, ran.errors
    assert ran.documents


@pytest.mark.parametrize("text", REASONS)
def test_reasons(text: str, node: str) -> None:
    ran = ask(node, text)
    assert not ran.documents
    assert REASONS[text] in ran.errors
    assert ran.status == (2 if ran.errors.startswith("Error:") else 0)


def test_words_without_quotes(node: str) -> None:
    """The shell takes them apart."""
    quoted = ask(node, "ip.src == 192.0.2.7").documents
    assert len(quoted) == 2
    assert espcap("search", "ip.src", "==", "192.0.2.7", "--node", node).documents == quoted
    assert len(espcap("search", "nikto", "mozilla", "--node", node).documents) == 1


def test_packets_that_are_not_printed_are_reported(node: str) -> None:
    """A pipe gets the first ten packets, or values."""
    assert espcap("search", "dns", "--node", node).lines == [
        "Note: 10 of 17 packets are printed (--size N prints more)"
    ]
    assert espcap("search", "dns", "--size", "17", "--node", node).lines == []
    assert espcap("search", "dns", "--from", "7", "--node", node).lines == []
    assert espcap("search", "dns", "--from", "17", "--node", node).lines == [
        "Note: --from skips all 17 packets that match"
    ]
    few = espcap("search", "--agg", "protocol", "--size", "2", "--node", node)
    assert (len(few.documents), few.lines) == (2, ["Note: protocol has more than 2 values (--size prints more)"])
    none = espcap("search", "dns", "--agg", "http.host", "--node", node)
    assert none.lines == ["Note: none of the 17 packets that match has http.host"]
    assert espcap("search", "--agg", "protocol", "--size", "0", "--node", node).output == b""


def test_options_that_an_aggregation_does_not_use(node: str) -> None:
    ran = espcap("search", "--agg", "protocol", "--sort=-frame.len", "--from", "1", "--size", "99", "--node", node)
    assert ran.lines == [
        f"Note: --agg does not use {name}: the most frequent values come first" for name in ("--sort", "--from")
    ]
    assert ran.documents


@pytest.mark.parametrize("field", ["", " "])
def test_aggregation_without_a_field(field: str, node: str) -> None:
    ran = espcap("search", "--agg", field, "--node", node)
    assert (ran.status, ran.lines) == (2, ["Error: --agg has no field (name one, such as --agg protocol)"])


def test_times_that_no_packet_has(node: str) -> None:
    ran = espcap("search", "dns", "--since", "2025-01-01", "--node", node)
    assert "matches; none of them is at or after 2025-01-01T00:00:00.000Z" in ran.errors


def test_words_find_what_has_them(node: str, capture: Path) -> None:
    """And nothing else."""
    for text, numbers in (("nikto", [1]), ("NIKTO/2.1", [1]), ("google.com", [1]), ("alice", [2]), ("secret", [2])):
        found = ask(node, text).documents
        assert [(packet["file_name"], packet["layers"]["frame"]["number"]) for packet in found] == [
            (str(capture), number) for number in numbers
        ]
    for text in ("ikto", "google.org", "nikt", "googlecom", "com.google"):
        assert ask(node, text).documents == []
