"""ElasticsearchStore against real nodes of both versions."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from espcap.base.errors import StoreError
from espcap.documents.packets import Document
from espcap.fields.registry import Registry
from espcap.query import Equals, Everything, Exists, Not, Query, Range, Wildcard
from espcap.query.lucene import parse
from espcap.stores.elasticsearch.connection import Connection
from espcap.stores.elasticsearch.store import ElasticsearchStore
from espcap.stores.elasticsearch.template import build_template
from tests.support.elasticsearch_node import call
from tests.support.small_registry import small_registry

DAY = "packets-2015-07-30"


@pytest.fixture
def url(any_elasticsearch_url: str) -> str:
    return any_elasticsearch_url


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return small_registry(tmp_path)


@pytest.fixture
def store(url: str, registry: Registry) -> Iterator[ElasticsearchStore]:
    opened = ElasticsearchStore(Connection((url,)), registry)
    opened.prepare()
    yield opened
    opened.close()


def document(number: int, day: str = "2015-07-30", date: str | None = None, **layers: Any) -> Document:
    source = {
        "@timestamp": f"{day}T05:22:12.662099001Z",
        "capture_id": "c",
        "layers": {"frame": {"number": number}, **layers},
    }
    source |= {"sniff_date_utc": date} if date else {}
    return Document(f"packets-{day}", f"c-{number}", {}, json.dumps(source).encode())


def refresh(url: str) -> None:
    call(url, "POST", "/packets-*/_refresh")


def numbers(store: ElasticsearchStore, query: Query) -> list[int]:
    return [hit.source["layers"]["frame"]["number"] for hit in store.search(query, size=100).hits]


def test_same_documents_again(url: str, store: ElasticsearchStore) -> None:
    batch = [document(number) for number in range(5)]
    first, second = store.write(batch[:3]), store.write(batch)
    assert (first.stored, first.already_there, second.stored, second.already_there) == (3, 0, 2, 3)
    refresh(url)
    found = store.search(Everything())
    assert found.total == 5
    assert [(hit.index, hit.id, hit.source) for hit in found.hits] == [(DAY, item.id, item.source) for item in batch]


def test_rejected_document_does_not_stop_the_others(store: ElasticsearchStore) -> None:
    batch = [document(number) for number in range(100)]
    broken = Document(DAY, "c-broken", {}, b'{"layers": 5}')
    outcome = store.write([*batch[:50], broken, *batch[50:]])
    assert outcome.stored == 100
    assert [rejection.document for rejection in outcome.rejected] == [broken]
    assert "layers" in outcome.rejected[0].reason


def test_documents_are_found_after_close(store: ElasticsearchStore, url: str, registry: Registry) -> None:
    other = ElasticsearchStore(Connection((url,)), registry)
    other.write([document(1), document(2, "2015-07-31")])
    other.close()
    assert store.search(Everything()).total == 2


def test_a_node_that_is_named_twice(url: str, store: ElasticsearchStore, registry: Registry) -> None:
    store.write([document(1)])
    refresh(url)
    twice = ElasticsearchStore(Connection((url, f"{url}/")), registry)
    assert twice.search(Everything()).total == 1
    twice.close()


def test_nothing_is_there(store: ElasticsearchStore) -> None:
    found = store.search(Everything(), aggregations={"protocols": {"terms": {"field": "protocol"}}})
    assert (found.total, found.hits, found.aggregations) == (0, [], {"protocols": {"buckets": []}})


def test_template_is_put_only_where_it_differs(url: str, store: ElasticsearchStore, registry: Registry) -> None:
    def installed() -> dict[str, Any]:
        answer: dict[str, Any] = call(url, "GET", "/_index_template/packets")["index_templates"][0]["index_template"]
        return answer

    template = build_template(registry)
    assert installed()["version"] == template["version"]
    call(url, "PUT", "/_index_template/packets", template | {"_meta": {"changed by": "an administrator"}})
    store.prepare()
    assert installed()["_meta"] == {"changed by": "an administrator"}
    call(url, "PUT", "/_index_template/packets", template | {"version": 1})
    store.prepare()
    assert installed()["version"] == template["version"]


QUERIES: dict[str, list[int]] = {
    "": [1, 2, 3, 4, 5],
    "layers.ip.src:10.0.0.0/8": [1, 2],
    "layers.ip.src:10.0.0.1": [1],
    "NOT layers.ip.src:10.0.0.1": [2, 3, 4, 5],
    "layers.tcp.port:80": [1, 2],
    "layers.tcp.port:[81 TO *]": [2, 3],
    "layers.tcp.port:>443": [3],
    "layers.tcp.rtt:{0.5 TO *]": [2],
    "layers.tcp.syn:true": [1],
    "layers.tcp.syn:false OR layers.tcp.port:8080": [2, 3],
    r"layers.http.uri:\/a*": [1, 2],
    r"layers.http.uri:\/a?": [2],
    r'layers.http.uri:"/A"': [],
    "layers.http.uri:*": [1, 2, 3],
    "_exists_:layers.http": [1, 2, 3],
    "layers.ptp.clock:5": [1],
    "layers.ptp.clock:18446744073709551615": [2],
    "layers.ptp.clock:9223372036854775808": [3],
    "layers.ptp.clock:>5": [2, 3],
    "layers.ptp.clock:{9223372036854775808 TO *]": [2],
    "layers.ptp.clock:[6 TO 9223372036854775807]": [],
    "layers.ptp.clock:[0 TO 9999999999999999999]": [1, 3],
    "layers.ptp.clock:<5": [],
    "_exists_:layers.ptp.clock": [1, 2, 3],
    "layers.ntp.xmt:2015": [1],
    "layers.ntp.xmt:[2015-07-30T05:22:12.000000001Z TO 2015-07-30T05:22:12.000000001Z]": [1],
    "layers.ntp.xmt:>2015-07-30T05:22:12.000000001Z": [],
    "_exists_:layers.ntp.xmt": [1, 2, 3],
    "\\@timestamp:2015-07-30": [1, 2, 3, 4, 5],
    "sniff_date_utc:2015-07-30T05*": [5],
    r'sniff_date_utc:"2015-07-30T05:22:12+0000"': [5],
    "layers.nothing.here:5": [],
}


@pytest.fixture
def packets(url: str, store: ElasticsearchStore) -> ElasticsearchStore:
    first: dict[str, Any] = {"ip": {"src": "10.0.0.1"}, "tcp": {"port": [80, 50], "rtt": 0.5, "syn": True}}
    second: dict[str, Any] = {
        "ip": {"src": ["10.0.0.2", "192.0.2.1"]},
        "tcp": {"port": [80, 443], "rtt": 0.75, "syn": False},
    }
    batch = [
        document(1, **first, http={"uri": "/a"}, ptp={"clock": 5}, ntp={"xmt": "2015-07-30T05:22:12.000000001Z"}),
        document(
            2, **second, http={"uri": "/ab"}, ptp={"clock": 2**64 - 1}, ntp={"xmt": "1874-01-01T00:00:00.000000000Z"}
        ),
        document(
            3,
            tcp={"port": 8080},
            http={"uri": "x" * 40_000},
            ptp={"clock": 2**63},
            ntp={"xmt": "9999-01-01T00:00:00.000000000Z"},
        ),
        document(4),
        document(5, date="2015-07-30T05:22:12+0000"),
    ]
    outcome = store.write(batch)
    assert (outcome.stored, outcome.rejected) == (5, [])
    refresh(url)
    return store


def test_queries(packets: ElasticsearchStore, registry: Registry) -> None:
    answers = {text: numbers(packets, parse(text, registry.kind)) for text in QUERIES}
    assert answers == QUERIES


def test_tree_without_text(packets: ElasticsearchStore) -> None:
    assert numbers(packets, Not(Exists("layers.tcp"))) == [4, 5]
    assert numbers(packets, Range("layers.tcp.port", 80, 443, include_low=False)) == [2]
    assert numbers(packets, Equals("layers.http.uri", "/a")) == [1]
    assert numbers(packets, Wildcard("layers.http.uri", r"\*")) == []


def test_order(url: str, packets: ElasticsearchStore) -> None:
    packets.write([document(7, "2015-07-29"), document(6, "2015-07-31", tcp={"port": 1})])
    refresh(url)

    def order(*sort: tuple[str, bool], **page: Any) -> list[int]:
        return [hit.source["layers"]["frame"]["number"] for hit in packets.search(Everything(), sort=sort, **page).hits]

    assert order(("@timestamp", False)) == [7, 1, 2, 3, 4, 5, 6]
    assert order(("@timestamp", True)) == [6, 1, 2, 3, 4, 5, 7]
    assert order(("layers.tcp.port", False)) == [6, 1, 2, 3, 7, 4, 5]
    assert order(("layers.tcp.port", True)) == [3, 2, 1, 6, 7, 4, 5]
    assert order(("layers.unknown.field", True)) == [7, 1, 2, 3, 4, 5, 6]
    assert order(("@timestamp", False), start=2, size=3) == [2, 3, 4]


def test_aggregations_are_plain(packets: ElasticsearchStore) -> None:
    wanted = {
        "ports": {"terms": {"field": "layers.tcp.port"}},
        "minutes": {"date_histogram": {"field": "@timestamp", "fixed_interval": "1m"}},
        "sum": {"sum": {"field": "layers.tcp.rtt"}},
        "stats": {"stats": {"field": "layers.tcp.rtt"}},
    }
    found = packets.search(Everything(), size=0, aggregations=wanted)
    assert found.aggregations == {
        "ports": {
            "buckets": [{"key": port, "doc_count": count} for port, count in [(80, 2), (50, 1), (443, 1), (8080, 1)]]
        },
        "minutes": {"buckets": [{"key": 1438233720000, "key_as_string": "2015-07-30T05:22:00.000Z", "doc_count": 5}]},
        "sum": {"value": 1.25},
        "stats": {"count": 2, "min": 0.5, "max": 0.75, "avg": 0.625, "sum": 1.25},
    }


def test_closed_index(url: str, packets: ElasticsearchStore) -> None:
    call(url, "POST", f"/{DAY}/_close")
    with pytest.raises(StoreError, match=f"{DAY} accepts no documents: .*closed"):
        packets.write([document(9)])


def test_write_block(url: str, packets: ElasticsearchStore) -> None:
    call(url, "PUT", f"/{DAY}/_settings", {"index.blocks.write": True})
    with pytest.raises(StoreError, match=f"{DAY} accepts no documents: .*blocked"):
        packets.write([document(9)])


def test_description(url: str, store: ElasticsearchStore) -> None:
    version = call(url, "GET", "/_nodes/_local")["nodes"].popitem()[1]["version"]
    assert store.describe() == f"Elasticsearch {version} at {url}"


def another_template(url: str, **body: Any) -> str:
    """Puts a template of somebody else's, which `remove_packets` takes for one of ours."""
    call(url, "PUT", "/_index_template/packets-house-rules", {"index_patterns": ["*"], "priority": 500} | body)
    return "another index template, packets-house-rules (priority 500), that applies to packets-*"


@pytest.mark.parametrize("patterns", [["*"], ["pack*"], ["packets-20*"], ["logs-*", "*-*"]])
def test_another_template_decides(url: str, registry: Registry, patterns: list[str]) -> None:
    """Nothing is stored in an index whose fields could not be searched."""
    message = another_template(url, index_patterns=patterns)
    opened = ElasticsearchStore(Connection((url,)), registry)
    for check in (opened.prepare, opened.check):
        with pytest.raises(StoreError) as caught:
            check()
        assert message in caught.value.message
        assert "below 200" in caught.value.hint
    opened.close()


def test_templates_that_change_nothing(url: str, registry: Registry) -> None:
    """One for other indices, one of a lower priority, and a copy of ours with settings of the house."""
    template = build_template(registry)["template"] | {"settings": {"number_of_replicas": 0}}
    for body in (
        {"index_patterns": ["logs-*"]},
        {"priority": 1},
        {"index_patterns": ["packets-*"], "template": template},
    ):
        another_template(url, **body)
        opened = ElasticsearchStore(Connection((url,)), registry)
        opened.prepare()
        opened.check()
        opened.close()


def test_index_with_other_types(url: str, registry: Registry) -> None:
    """As Elasticsearch itself makes it of documents: told before any is stored, and by whatever asks for its values."""
    call(url, "PUT", f"/{DAY}/_create/1?refresh", {"capture_id": "c", "layers": {"frame": {"number": 1}}})
    call(url, "PUT", "/packets-2015-07-31", {})
    opened = ElasticsearchStore(Connection((url,)), registry)
    expected = f"{url} has indices in which packets cannot be searched: index {DAY} has capture_id as text"
    with pytest.raises(StoreError) as caught:
        opened.prepare()
    assert caught.value.message == expected
    with pytest.raises(StoreError) as caught:
        opened.search(Everything(), aggregations={"values": {"terms": {"field": "capture_id"}}})
    assert caught.value.message == expected
    opened.close()


def test_documents_without_a_source(store: ElasticsearchStore, url: str) -> None:
    """An index of another program may keep none."""
    call(url, "PUT", "/packets-metrics", {"mappings": {"_source": {"enabled": False}}})
    call(url, "PUT", "/packets-metrics/_create/1?refresh", {"value": 1})
    [hit] = store.search(Everything()).hits
    assert (hit.index, hit.source) == ("packets-metrics", {})
