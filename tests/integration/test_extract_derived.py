"""`espcap extract` of a stored transaction or flow: its packets, which can be dissected again."""

from pathlib import Path
from typing import Any

import pytest
from scapy.layers.dns import DNS, DNSQR, DNSRR
from scapy.layers.inet import IP, TCP, UDP, fragment
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw
from scapy.utils import wrpcap

from espcap.documents.types import FLOWS, TRANSACTIONS
from tests.support.command import CAPTURES, ROOT, Ran, espcap
from tests.support.messages import follow

REQUEST = b"GET /%d HTTP/1.1\r\nHost: www.example.test\r\n\r\n"
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n" + b"%d" * 900


def store(capture: Path, node: str, types: str = "packets,flows,transactions") -> None:
    assert espcap("--file", capture, "--node", node, "--types", types).status == 0


def derived(node: str, kind: str) -> list[dict[str, Any]]:
    return espcap(kind, "--size", "500", "--node", node).documents


def extract(node: str, *arguments: str | Path) -> Ran:
    return espcap("extract", *arguments, "--node", node)


def meaning(transaction: dict[str, Any]) -> tuple[Any, ...]:
    """What does not depend on the numbers of packets."""
    members = [transaction.get(key) for key in ("type", "method", "query", "status")]
    return *members, transaction["event"].get("duration"), transaction["event"].get("first_response")


@pytest.fixture
def local(tmp_path: Path) -> str:
    return f"local:{tmp_path / 'index'}"


@pytest.mark.parametrize(
    "capture", [CAPTURES / "http_xml.pcap", CAPTURES / "dns.pcap", ROOT / "test_transactions/redis.pcap"], ids=str
)
def test_transaction_is_dissected_again(capture: Path, local: str, tmp_path: Path) -> None:
    store(capture, local)
    for number, transaction in enumerate(derived(local, "transactions")[::5]):
        output = tmp_path / f"{number}.pcapng"
        assert extract(local, "--transaction", transaction["event"]["id"], "-w", output).status == 0
        again = follow(output, types=[FLOWS, TRANSACTIONS])
        assert meaning(transaction) in [meaning(each) for each in again if each["type"] != "flow"]


def pipelined() -> list[Packet]:
    """Two requests in a segment. The second answer begins in the segment in which the first one ends."""
    ends = Ether() / IP(src="192.0.2.1", dst="192.0.2.2"), Ether() / IP(src="192.0.2.2", dst="192.0.2.1")
    answers = RESPONSE.replace(b"%d", b"1") + RESPONSE.replace(b"%d", b"2")
    pieces = [answers[start : start + 600] for start in range(0, len(answers), 600)]
    asked = REQUEST % 1 + REQUEST % 2
    found: list[Packet] = [ends[0] / TCP(sport=40000, dport=80, seq=1, ack=1, flags="PA") / Raw(asked)]
    for place, piece in enumerate(pieces):
        found.append(ends[1] / TCP(sport=80, dport=40000, seq=1 + 600 * place, ack=1 + len(asked), flags="PA") / piece)
    return found


def test_packets_before_that_are_needed(local: str, tmp_path: Path) -> None:
    """The packet in which the answer begins is dissected only with those of the answer before."""
    capture, output = tmp_path / "pipelined.pcap", tmp_path / "second.pcapng"
    wrpcap(str(capture), pipelined())
    store(capture, local)
    first, second = derived(local, "transactions")
    assert (first["resource"], second["resource"]) == ("/1", "/2")
    ran = extract(local, "--transaction", second["event"]["id"], "-w", output)
    assert ran.summary == f"{len(pipelined())} packets of 1 capture extracted, 0 missing"
    again = [each["resource"] for each in follow(output) if each["type"] == "http"]
    assert again == ["/1", "/2"]
    assert extract(local, "--transaction", first["event"]["id"], "-w", "-").summary.startswith("3 packets")


def test_fragments(local: str, tmp_path: Path) -> None:
    """The answer came in fragments of IP, of which only the last one is dissected as DNS."""
    capture, output = tmp_path / "fragments.pcap", tmp_path / "answer.pcapng"
    name = DNSQR(qname="www.example.test", qtype="TXT")
    asked = IP(src="192.0.2.1", dst="192.0.2.2", id=7) / UDP(sport=4000, dport=53) / DNS(id=9, qd=name)
    texts = [DNSRR(rrname="www.example.test", type="TXT", rdata="x" * 200) for _ in range(9)]
    answer = IP(src="192.0.2.2", dst="192.0.2.1", id=8) / UDP(sport=53, dport=4000) / DNS(id=9, qr=1, qd=name, an=texts)
    others = [asked / Raw(b"") for _ in range(3)]
    for place, other in enumerate(others):
        other[DNS].id, other[UDP].sport = 20 + place, 5000 + place
    wrpcap(str(capture), [Ether() / each for each in [*others, asked, *fragment(answer, 800)]])  # type: ignore[no-untyped-call]
    store(capture, local)
    [transaction] = espcap("transactions", "status:OK", "--node", local).documents
    assert extract(local, "--transaction", transaction["event"]["id"], "-w", output).summary.startswith("4 packets")
    assert [meaning(each) for each in follow(output) if each["type"] == "dns"] == [meaning(transaction)]


def test_parts_of_a_request(local: str) -> None:
    """A message of several packets, of which the document has the first and the last one."""
    store(ROOT / "test_transactions/postgresql.pcap", local)
    several = [each for each in derived(local, "transactions") if "last_frame" in each["request"]]
    for transaction in several:
        request = transaction["request"]
        assert request["frame"] < request["last_frame"] <= transaction["response"]["first_frame"]


def test_whole_conversation(local: str, tmp_path: Path) -> None:
    store(CAPTURES / "http_xml.pcap", local)
    [transaction, *_] = derived(local, "transactions")
    output = tmp_path / "flow.pcapng"
    extract(local, "--transaction", transaction["event"]["id"], "--flow", "-w", output)
    [flow] = [each for each in follow(output) if each["type"] == "flow"]
    assert flow["network"]["packets"] == derived(local, "flows")[0]["network"]["packets"]


@pytest.mark.parametrize("name", ["mixed.pcap", "tunnels.pcap", "http2.pcap", "ipv6.pcap"])
def test_flow_has_as_many_packets(name: str, local: str, tmp_path: Path) -> None:
    store(CAPTURES / name, local)
    flows = derived(local, "flows")
    for number, flow in enumerate(flows[:4]):
        output = tmp_path / f"{number}.pcapng"
        ran = extract(local, "--flow-id", flow["flow"]["id"], "-w", output)
        assert ran.summary.startswith(f"{flow['network']['packets']} packet"), ran.summary


def test_names_that_do_not_exist(local: str, tmp_path: Path) -> None:
    store(CAPTURES / "dns.pcap", local)
    for option, name in (("--transaction", "transaction"), ("--flow-id", "flow")):
        ran = extract(local, option, "none-t1", "-w", tmp_path / "no.pcapng")
        assert (ran.status, f"the {name} none-t1 does not exist" in ran.summary) == (2, True)
    assert not (tmp_path / "no.pcapng").exists()


def test_packets_that_are_not_stored(local: str, tmp_path: Path) -> None:
    store(CAPTURES / "dns.pcap", local, types="flows,transactions")
    identifier = derived(local, "transactions")[0]["event"]["id"]
    ran = extract(local, "--transaction", identifier, "-w", tmp_path / "no.pcapng")
    assert ran.status == 2
    assert "the packets of this transaction are not stored" in ran.summary


@pytest.mark.parametrize(
    "arguments",
    [
        ("--transaction", "a-t1", "--flow-id", "a-f1"),
        ("--transaction", "a-t1", "dns"),
        ("--flow-id", "a-f1", "-Y", "dns"),
        ("--transaction", "a-t1", "--since", "1h"),
    ],
)
def test_two_ways_to_select(arguments: tuple[str, ...], local: str) -> None:
    ran = extract(local, *arguments, "-w", "-")
    assert (ran.status, len(ran.lines)) == (2, 1)
    assert "cannot be used together" in ran.summary or "already selects the packets" in ran.summary
