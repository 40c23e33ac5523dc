"""Services and conversations of an index of flows and transactions."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from espcap.documents.types import FLOWS, PACKETS, TRANSACTIONS
from espcap.query import Everything
from espcap.searches import links
from espcap.searches.links import packets_of, related_to_packet
from espcap.searches.searcher import Searcher
from espcap.searches.services import conversations, response_times, services
from espcap.stores import Hit, open_store
from espcap.tshark.program import find_program
from espcap.tshark.registry import open_registry
from tests.support.command import espcap
from tests.support.elasticsearch_node import remove_packets

pytestmark = pytest.mark.slow

FILES = [f"test_pcaps/{name}.pcap" for name in ("http_xml", "icmp", "tunnels", "vlan")] + [
    "test_transactions/redis.pcap"
]


@pytest.fixture(scope="module", params=["local", "elasticsearch"])
def node(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A store with all types of documents."""
    is_local = request.param == "local"
    index = tmp_path_factory.mktemp("services") / "index"
    found = f"local:{index}" if is_local else str(request.getfixturevalue("_elasticsearch_node"))
    files = [word for name in FILES for word in ("--file", name)]
    assert espcap(*files, "--types", "packets,flows,transactions", "--node", found).status == 0
    yield found
    if not is_local:
        remove_packets(found)


@pytest.fixture(scope="module")
def searcher(node: str) -> Iterator[Searcher]:
    """Searches packets."""
    program = find_program("")
    registry = open_registry(program)
    found = Searcher(program, registry, open_store([node], registry))
    yield found
    found.close()


def hits(searcher: Searcher, query: str = "") -> list[Hit]:
    return searcher.store.search(searcher.read_query(query).query, 1000).hits


def frame(hit: Hit) -> int:
    return int(hit.source["layers"]["frame"]["number"])


def test_each_service_has_its_errors_and_times(searcher: Searcher) -> None:
    """Also if others, which are not in the table, have more."""
    transactions = searcher.of_type(TRANSACTIONS)
    sources = [hit.source for hit in hits(transactions)]
    for size in (1, 10):
        for line in services(transactions, Everything(), size):
            of_type = [each for each in sources if each["type"] == line["value"]]
            times = [each["event"]["duration"] for each in of_type if "duration" in each["event"]]
            assert (line["transactions"], line["answered"]) == (len(of_type), len(times))
            assert line["errors"] == sum(each["status"] != "OK" for each in of_type)
            assert line["p95"] == (pytest.approx(np.percentile(times, 95)) if times else None)


def test_response_times_over_time(searcher: Searcher) -> None:
    transactions = searcher.of_type(TRANSACTIONS)
    sources = [hit.source for hit in hits(transactions)]
    found = response_times(transactions, Everything(), 20)
    assert 1 < len(found["over_time"]) <= 20
    assert sum(step["transactions"] for step in found["over_time"]) == found["transactions"] == len(sources)
    errors = sum(each["status"] != "OK" for each in sources)
    assert sum(step["errors"] for step in found["over_time"]) == found["errors"] == errors
    slowest = max(each["event"].get("duration", 0) for each in sources)
    assert max(step["p99"] or 0 for step in found["over_time"]) <= slowest


def test_conversations_have_both_directions(searcher: Searcher) -> None:
    flows = searcher.of_type(FLOWS)
    totals: dict[str, list[int]] = {}
    for hit in hits(flows):
        counts = [hit.source[end][name] for name in ("packets", "bytes") for end in ("source", "destination")]
        before = totals.get(hit.source["flow"]["id"], [0] * 4)
        totals[hit.source["flow"]["id"]] = [sum(pair) for pair in zip(before, counts, strict=True)]
    found = conversations(flows, Everything(), 3)
    assert [sum(totals[line["flow"]][2:]) for line in found] == sorted(
        map(lambda each: sum(each[2:]), totals.values())
    )[:-4:-1]
    for line in found:
        assert [line[name] for name in ("packets", "packets_back", "bytes", "bytes_back")] == totals[line["flow"]]


def test_packets_of_flows_and_back(searcher: Searcher) -> None:
    """Each record leads to as many packets as it counts, and each of these back to it alone: also in tunnels."""
    flows = searcher.of_type(FLOWS)
    for hit in hits(flows):
        packets = hits(searcher, packets_of(searcher, FLOWS, hit))
        assert len(packets) == hit.source["network"]["packets"]
        back = [hits(flows, related_to_packet(searcher, each.source, FLOWS)) for each in packets[:3]]
        assert [[each.id for each in found] for found in back] == [[hit.id]] * len(packets[:3])


def test_packets_of_transactions_and_back(searcher: Searcher) -> None:
    """Those with the request and with the answer, also if Wireshark reassembles them of several."""
    transactions = searcher.of_type(TRANSACTIONS)
    leads_to: dict[str, set[str]] = {}
    for hit in hits(transactions):
        packets = hits(searcher, packets_of(searcher, TRANSACTIONS, hit))
        halves = [hit.source.get(half, {}) for half in ("request", "response")]
        assert {each["frame"] for each in halves if each} <= {frame(each) for each in packets}
        for each in packets:
            leads_to.setdefault(each.id, set()).add(hit.id)
    for packet in hits(searcher):
        query = related_to_packet(searcher, packet.source, TRANSACTIONS)
        assert {hit.id for hit in hits(transactions, query)} == (leads_to.get(packet.id, set()) if query else set())
    [xml] = [hit for hit in hits(transactions, "type:http AND response.frame:12 AND file_name:*http_xml.pcap")]
    query = packets_of(searcher, TRANSACTIONS, xml)
    assert sorted(frame(each) for each in hits(searcher, query)) == [4, 6, 8, 10, 12]  # tcp.segment of frame 12, tshark


def test_documents_that_lead_nowhere(searcher: Searcher) -> None:
    """Packets without addresses, and documents of other programs."""
    sources: list[dict[str, Any]] = [{}, {"layers": {"frame": {"number": 1}}}, {"source": {"ip": "192.0.2.1"}}]
    for source in sources:
        assert related_to_packet(searcher, source, FLOWS) == related_to_packet(searcher, source, TRANSACTIONS) == ""
    assert searcher.of is PACKETS
    [packet] = hits(searcher, "layers.frame.number:1 AND file_name:*http_xml.pcap")
    assert [hit.id for hit in hits(searcher, packets_of(searcher, PACKETS, packet))] == [packet.id]


def test_an_answer_in_very_many_packets(searcher: Searcher, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its packets are named by their sender instead of their numbers."""
    monkeypatch.setattr(links, "_MOST_RUNS", 2)
    [xml] = hits(searcher.of_type(TRANSACTIONS), "type:http AND response.frame:12 AND file_name:*http_xml.pcap")
    query = packets_of(searcher, TRANSACTIONS, xml)
    assert "[6 TO 12]" in query
    assert sorted(frame(each) for each in hits(searcher, query)) == [4, 6, 8, 10, 12]
