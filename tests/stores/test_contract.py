"""What every store answers, whatever it is made of."""

from dataclasses import replace
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import orjson
import pytest

from espcap.base.errors import StoreError, UsageError
from espcap.documents.packets import Document
from espcap.documents.types import PACKETS, DocumentType
from espcap.fields.registry import Registry
from espcap.query import Equals, Everything, Matches, Range, Unsearchable, Words
from espcap.query.lucene import parse
from espcap.sinks import Outcome
from espcap.stores import Store
from tests.support.documents import CAPTURE, FIRST, SECOND, documents, make

ALL = list(range(1, 31))
HTTP, DNS = [1, 2, 21], [3, 4]
QUERIES: dict[str, list[int]] = {
    "": ALL,
    "*:*": ALL,
    "protocol:http": HTTP,
    "protocol:HTTP": [],
    "protocol:htt": [],
    "http": HTTP,
    "10.0.0.4": [1, 21],
    "53": [3, 4, 20],
    "protocol:http AND source.port:80": [1, 21],
    "protocol:http source.port:443": [2],
    "protocol:(http OR dns)": sorted(HTTP + DNS),
    "protocol:http || protocol:dns": sorted(HTTP + DNS),
    "NOT protocol:(tcp OR dns)": HTTP,
    "protocol:http -source.port:80": [2],
    "protocol:http && !source.port:80": [2],
    "+protocol:http +source.ip:10.0.0.4": [1, 21],
    "source.port:[80 TO 443]": [1, 2, 21],
    "source.port:{80 TO 443]": [2],
    "source.port:{80 TO 443}": [],
    "source.port:{53 TO *}": [1, 2, 21],
    "source.port:<=53": [3, 4],
    "source.port:>=0x1bb": [2],
    "source.ip:10.0.0.0/8": [1, 2, 21],
    "source.ip:10.0.0.0/31": [],
    "source.ip:0.0.0.0/0": [1, 2, 3, 21],
    r"source.ip:2001\:db8\:\:/32": [4],
    'source.ip:"2001:db8::1"': [4],
    "source.ip:[10.0.0.5 TO 11.0.0.0]": [2, 3],
    "source.ip:{10.0.0.4 TO 11.0.0.0}": [2],
    "layers.ip.src:192.168.0.1": [5],
    "layers.ip.src:(10.1.1.1 AND 192.168.0.0/16)": [5],
    "NOT layers.ip.src:10.1.1.1 AND _exists_:layers.ip": [6],
    "layers.ipv6.src:10.0.0.9": [20],
    "layers.ptp.clock:18446744073709551615": [7],
    "layers.ptp.clock:18446744073709551614": [10],
    "layers.ptp.clock:9223372036854775807": [9],
    "layers.ptp.clock:>9223372036854775807": [7, 8, 10],
    "layers.ptp.clock:>=9223372036854775808": [7, 8, 10],
    "layers.ptp.clock:[0 TO 9223372036854775807]": [9, 10],
    "layers.ptp.clock:[9223372036854775807 TO 9223372036854775808]": [8, 9],
    "layers.ptp.clock:[6 TO 9223372036854775806]": [],
    "layers.tcp.flags_syn:true": [11, 13],
    "layers.tcp.flags_syn:false": [12, 13],
    "NOT layers.tcp.flags_syn:true AND layers.tcp.flags_syn:*": [12],
    "layers.tcp.analysis_initial_rtt:0.5": [11],
    "layers.tcp.analysis_initial_rtt:>0.5": [13],
    "layers.tcp.analysis_initial_rtt:<0": [12],
    "layers.tcp.analysis_initial_rtt:[-1 TO 0.000000001]": [12, 13],
    "layers.tcp.option_kind:1": [6],
    "layers.temp.celsius:-40": [19],
    "layers.temp.celsius:[-40 TO -5}": [19],
    "layers.temp.celsius:>-6": [20],
    "layers.ntp.xmt:2020-01-01": [14, 15],
    "layers.ntp.xmt:{2020-01-01 TO *}": [16],
    "layers.ntp.xmt:<2020-01-02": [14, 15],
    'layers.ntp.xmt:"2020-01-01T00:00:00.000000001Z"': [14],
    "@timestamp:[2015-07-30 TO 2015-07-30]": list(range(1, 21)),
    "@timestamp:2015-07-31": list(range(21, 31)),
    "@timestamp:[2015-07-30T22:00 TO 2015-07-31T00:00]": [24],
    "@timestamp:>2015-07-30": list(range(21, 31)),
    '@timestamp:"2015-07-30T05:00:12.000000005Z"': [5],
    '@timestamp:"2015-07-30T05:00:12.000000006Z"': [],
    "@timestamp:<2015": [],
    "@timestamp:2015-07-30 OR layers.frame.number:21": list(range(1, 22)),
    "layers.dns.qry_name:*": DNS,
    "_exists_:layers.dns": DNS,
    "_exists_:layers.dn": [],
    "_exists_:layers.gss-api": [19],
    "layers.gss-api.oid:1.2.*": [19],
    "layers.dns.qry_name:www.example.org": [3],
    "layers.dns.qry_name:*example.org": DNS,
    "layers.dns.qry_name:?.b": [3],
    "layers.dns.qry_name:example*": [4],
    "layers.dns.qry_name:[b TO f]": [4],
    r"layers.http.request_uri:\/a\*b\?c": [2],
    r'layers.http.request_uri:"/a*b?c"': [2],
    r"layers.http.request_uri:\/*\?c": [2],
    r"layers.http.request_uri:line*break": [22],
    r"layers.http.request_uri:line?break": [22],
    'layers.http.request_uri:""': [23],
    "layers.http.request_uri:ä*ü": [17],
    r'layers.http.request_uri:"ä' + "\u2028\x7f" + r":\"" + "'" + r'\\ü"': [17],
    f"layers.http.file_data:{'x' * 8191}": [18],
    f"layers.http.file_data:{'x' * 8192}": [],
    "layers.http.file_data:xx*": [18],
    "_exists_:layers.http.file_data": [17, 18],
    'layers.x509.date:"2020-01-01T00:00:00Z"': [25],
    'layers.x509.date:"2020-01-01T01:00:00.5+01:00"': [26],
    "layers.x509.date:2020-01-01": [25],
    "layers.x509.date:2020-01-01*": [25, 26],
    "layers.x509.date:2020-01-01?": [],
    "layers.x509.date:2020-01-0?": [25],
    'layers.x509.date:["2020-01-01T00:00" TO "2020-01-01T00:00:01"]': [25],
    "espcap.bad_time:true": [24],
    "espcap.left_out:7": [24],
    "espcap.left_out:[8 TO *]": [],
    "layers.none.such:1": [],
    "NOT _exists_:layers.none": ALL,
    "layers.frame.number:[29 TO *]": [29, 30],
}


@pytest.fixture
def store(empty_store: Store) -> Store:
    """The store with all documents, readable."""
    empty_store.write(documents())
    return empty_store


def test_texts_that_are_too_long(empty_store: Store) -> None:
    """Also one among others."""
    uris = ["x" * 8191, "x" * 8192, ["a", "x" * 9000, "b"], ["a", "b"], "\U0001f600" * 4096, "ü" * 8191]
    empty_store.write([make(number, http={"request_uri": uri}) for number, uri in enumerate(uris)])
    found = empty_store.search(Unsearchable("layers.http.request_uri")).hits
    assert sorted(hit.source["layers"]["frame"]["number"] for hit in found) == [1, 2, 4]
    assert empty_store.search(Unsearchable("layers.http.file_data")).total == 0
    assert empty_store.search(Equals("layers.http.request_uri", "b")).total == 2


def numbers(store: Store, text: str, registry: Registry, **more: Any) -> list[int]:
    found = store.search(parse(text, registry.kind), **{"size": 100, **more})
    return [hit.source["layers"]["frame"]["number"] for hit in found.hits]


def test_queries(store: Store, packet_registry: Registry) -> None:
    """One test for all of them: the store is filled once."""
    answers = {text: store.search(parse(text, packet_registry.kind), size=100) for text in QUERIES}
    found = {
        text: sorted(hit.source["layers"]["frame"]["number"] for hit in answer.hits) for text, answer in answers.items()
    }
    assert found == QUERIES
    assert {text: answer.total for text, answer in answers.items()} == {text: len(QUERIES[text]) for text in QUERIES}


PATTERNS = {
    ("http.request_uri", "/a.b.c|/index.*"): [1, 2],
    ("http.request_uri", r"/a[*]b\?c"): [2],
    ("http.request_uri", "line.break"): [22],
    ("http.request_uri", ""): [23],
    ("x509.date", "[0-9-]*"): [25],
    ("x509.date", "2020-01-01"): [25],
    ("x509.date", "2020-01-01|.*Z"): [25],
    ("x509.date", "2020-01-01."): [],
    ("x509.date", "2020-01-01[^T]?"): [25],
    ("x509.date", ".*[05](Z|0)"): [25, 26],
    ("none.such", ".*"): [],
}
"""What `Matches` finds. No part of a pattern may match what a store puts after texts that look like times."""


def test_patterns(store: Store) -> None:
    found = {
        (path, pattern): sorted(
            hit.source["layers"]["frame"]["number"]
            for hit in store.search(Matches(f"layers.{path}", pattern), size=100).hits
        )
        for path, pattern in PATTERNS
    }
    assert found == PATTERNS


LONG = [f"{'a' * 40}{letter}" for letter in "xyz"]
URIS = [
    "",
    "a",
    "a.b",
    "aZ",
    "ab",
    "b",
    "2020-01-01",
    "2020-01-01Z",
    "\ud7ff",
    "\ue000",
    "\U0001f600",
    "a",
    ["0", "z"],
    *LONG,
]
BOUNDS = ["", "a", "a.", "aZ", "b", "2020-01-01", "\ud7ff", "\ue000", "\U0001f600", *LONG[:2]]


def test_ranges_of_texts(empty_store: Store) -> None:
    """In the order of code points, which is that of UTF-8. One value of a list has to be between both bounds."""
    empty_store.write([make(number, http={"request_uri": uri}) for number, uri in enumerate(URIS, start=1)])
    limits = [(low, high) for low in [None, *BOUNDS] for high in [None, *BOUNDS] if (low, high) != (None, None)]
    for (low, high), with_low in product(limits, (True, False)):
        query = Range("layers.http.request_uri", low, high, with_low, not with_low or low == high)
        found = empty_store.search(query, size=100).hits
        expected = [number for number, uri in enumerate(URIS, start=1) if any(map(partial(within, query), listed(uri)))]
        assert sorted(hit.source["layers"]["frame"]["number"] for hit in found) == expected, query


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def within(query: Range, text: str) -> bool:
    low, high = query.low, query.high
    above = low is None or text > str(low) or (query.include_low and text == low)
    return above and (high is None or text < str(high) or (query.include_high and text == high))


WORDS = {
    ("info", "get"): [1],
    ("info", "GET /index"): [1],
    ("info", "index get"): [],
    ("info", "ind"): [],
    ("info", "query 0x00FF a example"): [4],
    ("info", "example.org"): [4],
    ("info", "größe"): [20],
    ("info", "GRÖSSE"): [],
    ("info", "größe äö"): [20],
    ("info", "53 → 80"): [20],
    ("layers.dns.qry_name", "EXAMPLE"): [3, 4],
    ("layers.dns.qry_name", "www.example"): [3],
    ("layers.dns.qry_name", "www a"): [],
    ("layers.dns.qry_name", "org"): [3, 4],
    ("layers.dns.qry_name", "xample"): [],
    ("layers.dns.qry_name", "a b"): [3],
    ("layers.http.request_uri", "a"): [2],
    ("layers.http.request_uri", "line break"): [22],
    ("layers.http.request_uri", "Ä"): [],
    ("layers.http.request_uri", "Ä\u2028"): [17],
    ("layers.http.request_uri", "ü"): [17],
    ("layers.x509.date", "2020-01-01"): [25],
    ("layers.x509.date", "00Z"): [25],
    ("layers.none.such", "a"): [],
    ("protocol", "HTTP"): HTTP,
}


def test_words(store: Store) -> None:
    """Case does not count, and words are whole, on a text that is indexed by its words and on any other."""
    found = {
        (path, text): sorted(
            hit.source["layers"]["frame"]["number"] for hit in store.search(Words(path, text), size=100).hits
        )
        for path, text in WORDS
    }
    assert found == WORDS


def test_a_text_of_words_exists_and_is_not_sorted(store: Store, packet_registry: Registry) -> None:
    assert numbers(store, "_exists_:info", packet_registry) == [1, 4, 20, 24]
    assert numbers(store, 'info:"INDEX.html"', packet_registry) == [1]
    message = "info is indexed by its words: it cannot be sorted or counted"
    for more in ({"sort": [("info", False)]}, {"aggregations": {"a": {"terms": {"field": "info"}}}}):
        with pytest.raises(UsageError, match=message):
            store.search(Everything(), **more)


@pytest.mark.parametrize("text", ["info:a*", "info:[a TO b]"])
def test_words_are_searched_whole(text: str, packet_registry: Registry) -> None:
    with pytest.raises(UsageError, match="info is searched by whole words"):
        parse(text, packet_registry.kind)


def test_write_again(empty_store: Store) -> None:
    batch = documents()
    first, second = empty_store.write([*batch, *batch[:3]]), empty_store.write(batch)
    assert (first.stored, first.already_there, first.rejected) == (30, 3, [])
    assert (second.stored, second.already_there, second.rejected) == (0, 30, [])
    assert empty_store.search(Everything()).total == 30


def test_hit_is_the_document(store: Store) -> None:
    for document in documents():
        found = store.search(Equals("_id", document.id))
        assert [(hit.index, hit.id, hit.source) for hit in found.hits] == [
            (document.index, document.id, orjson.loads(document.body))
        ]


SORTS: dict[str, tuple[str, list[tuple[str, bool]], list[int]]] = {
    "text": ("layers.dns.qry_name:*", [("layers.dns.qry_name", False)], [3, 4]),
    "the greatest of a list": ("layers.dns.qry_name:*", [("layers.dns.qry_name", True)], [3, 4]),
    "addresses": ("source.ip:*", [("source.ip", False)], [1, 21, 2, 3, 4]),
    "descending, missing last": ("protocol:(http OR dns OR tcp) AND layers.frame.number:<=5",
                                 [("source.port", True)], [2, 1, 3, 4, 5]),
    "ascending, missing last": ("layers.frame.number:<=5", [("source.port", False)], [3, 4, 1, 2, 5]),
    "two fields": ("layers.frame.number:<=5", [("protocol", True), ("source.port", True)], [5, 2, 1, 3, 4]),
    "booleans": ("layers.tcp.flags_syn:*", [("layers.tcp.flags_syn", True)], [11, 13, 12]),
    "floats": ("layers.tcp.flags_syn:*", [("layers.tcp.analysis_initial_rtt", False)], [12, 13, 11]),
    "floats down": ("layers.tcp.flags_syn:*", [("layers.tcp.analysis_initial_rtt", True)], [13, 11, 12]),
    "negative": ("layers.temp:* OR layers.temp.celsius:*", [("layers.temp.celsius", True)], [20, 19]),
    "nanoseconds": ("layers.ntp.xmt:*", [("layers.ntp.xmt", True)], [16, 15, 14]),
    "texts that look like times": ("layers.x509.date:*", [("layers.x509.date", True)], [26, 25]),
    "time": ("layers.frame.number:[19 TO 23]", [("@timestamp", False)], [19, 20, 21, 22, 23]),
    "time down": ("layers.frame.number:[19 TO 23]", [("@timestamp", True)], [23, 22, 21, 20, 19]),
    "a field that no document has": ("layers.frame.number:[19 TO 22]", [("layers.none.such", True)], [19, 20, 21, 22]),
}  # fmt: skip


def test_sorts(store: Store, packet_registry: Registry) -> None:
    found = {name: numbers(store, text, packet_registry, sort=sort) for name, (text, sort, _) in SORTS.items()}
    assert found == {name: expected for name, (_, _, expected) in SORTS.items()}


@pytest.mark.parametrize("sort", [[("layers.frame.len", True)], [("@timestamp", True)], [("protocol", False)], []])
def test_pages_are_parts_of_one_order(sort: list[tuple[str, bool]], store: Store, packet_registry: Registry) -> None:
    whole = numbers(store, "", packet_registry, sort=sort)
    pages = [numbers(store, "", packet_registry, sort=sort, start=start, size=7) for start in range(0, 35, 7)]
    assert sorted(whole) == ALL
    assert [number for page in pages for number in page] == whole


def test_order_of_equal_documents(store: Store, packet_registry: Registry) -> None:
    by_length = [number for remainder in (2, 1, 0) for number in ALL if number % 3 == remainder]
    assert numbers(store, "", packet_registry, sort=[("layers.frame.len", True)]) == by_length


def test_no_hits_wanted(store: Store) -> None:
    found = store.search(Everything(), size=0)
    assert (found.total, found.hits) == (30, [])


def test_terms(store: Store) -> None:
    request = {
        "protocol": {"terms": {"field": "protocol"}},
        "two": {"terms": {"field": "source.port", "size": 2}},
        "address": {"terms": {"field": "layers.ip.src"}},
        "boolean": {"terms": {"field": "layers.tcp.flags_syn"}},
        "repeated": {"terms": {"field": "layers.tcp.option_kind"}},
        "float": {"terms": {"field": "layers.tcp.analysis_initial_rtt"}},
        "texts that look like times": {"terms": {"field": "layers.x509.date", "size": 2}},
        "none": {"terms": {"field": "layers.none.such"}},
    }
    answers = store.search(Everything(), size=0, aggregations=request).aggregations
    buckets = {name: [tuple(bucket.values()) for bucket in answer["buckets"]] for name, answer in answers.items()}
    assert buckets == {
        "protocol": [("tcp", 25), ("http", 3), ("dns", 2)],
        "two": [(53, 2), (80, 2)],
        "address": [("10.1.1.1", 1), ("172.16.0.1", 1), ("192.168.0.1", 1)],
        "boolean": [(0, "false", 2), (1, "true", 2)],
        "repeated": [(1, 1), (3, 1)],
        "float": [(-0.25, 1), (1e-9, 1), (0.5, 1), (1.0, 1)],
        "texts that look like times": [("2020-01-01", 1), ("2020-01-01T00:00:00Z", 1)],
        "none": [],
    }


def test_date_histogram(store: Store, packet_registry: Registry) -> None:
    request = {"hours": {"date_histogram": {"field": "@timestamp", "fixed_interval": "1h"}}}
    query = parse("layers.frame.number:(22 OR 20)", packet_registry.kind)
    buckets = store.search(query, aggregations=request).aggregations["hours"]["buckets"]
    assert buckets[0] == {"key_as_string": "2015-07-30T20:00:00.000Z", "key": 1438286400000, "doc_count": 1}
    assert [bucket["doc_count"] for bucket in buckets] == [1] + 25 * [0] + [1]


def test_sum_and_stats(store: Store) -> None:
    request = {
        "sum": {"sum": {"field": "layers.frame.len"}},
        "stats": {"stats": {"field": "layers.temp.celsius"}},
        "repeated": {"sum": {"field": "layers.tcp.option_kind"}},
        "none": {"stats": {"field": "source.bytes"}},
    }
    assert store.search(Everything(), aggregations=request).aggregations == {
        "sum": {"value": 2100.0},
        "stats": {"count": 3, "min": -40.0, "max": 20.0, "avg": -25 / 3, "sum": -25.0},
        "repeated": {"value": 5.0},
        "none": {"count": 0, "min": None, "max": None, "avg": None, "sum": 0.0},
    }


def test_percentiles(store: Store) -> None:
    """Of all packets and in buckets; each number of a packet counts, and a packet is in the bucket of each value."""
    percents = [0, 25, 50, 95, 100]

    def asked(path: str) -> dict[str, Any]:
        percentiles = {"field": path, "percents": percents, "tdigest": {"compression": 1000}}
        return {"stats": {"stats": {"field": path}}, "percentiles": {"percentiles": percentiles}}

    request: dict[str, Any] = {
        "lengths": asked("layers.frame.len")["percentiles"],
        "floats": asked("layers.tcp.analysis_initial_rtt")["percentiles"],
        "none": asked("source.bytes")["percentiles"],
        "kinds": {"terms": {"field": "layers.tcp.option_kind"}, "aggs": asked("layers.tcp.option_kind")},
        "protocol": {"terms": {"field": "protocol", "size": 2}, "aggs": asked("layers.frame.len")},
    }
    answers = store.search(Everything(), size=0, aggregations=request).aggregations
    lengths = [document.source["layers"]["frame"]["len"] for document in documents()]
    for numbers, found in ((lengths, answers["lengths"]), ([-0.25, 0.5, 1.0, 1e-9], answers["floats"])):
        expected = np.percentile(numbers, percents).tolist()
        assert found == {
            "values": {f"{each}.0": pytest.approx(value) for each, value in zip(percents, expected, strict=True)}
        }
    assert answers["none"] == {"values": dict.fromkeys((f"{each}.0" for each in percents), None)}
    for bucket in answers["kinds"]["buckets"]:  # of one packet, with the numbers 1, 1 and 3
        assert bucket["stats"] == {"count": 3, "min": 1.0, "max": 3.0, "avg": pytest.approx(5 / 3), "sum": 5.0}
    assert [bucket["key"] for bucket in answers["kinds"]["buckets"]] == [1, 3]
    assert [bucket["key"] for bucket in answers["protocol"]["buckets"]] == ["tcp", "http"]
    for bucket in answers["protocol"]["buckets"]:
        of_protocol = [
            document.source["layers"]["frame"]["len"]
            for document in documents()
            if document.source["protocol"] == bucket["key"]
        ]
        assert (bucket["doc_count"], bucket["stats"]["count"]) == (len(of_protocol), len(of_protocol))
        assert bucket["percentiles"]["values"]["50.0"] == pytest.approx(np.percentile(of_protocol, 50))


def test_percentiles_over_time(store: Store) -> None:
    """In each step of time, also in steps without a number."""
    aggregations = {"lengths": {"percentiles": {"field": "layers.frame.len", "percents": [50]}}}
    histogram = {"field": "@timestamp", "fixed_interval": "1d"}
    request = {"days": {"date_histogram": histogram, "aggs": aggregations}}
    lengths: dict[str, list[int]] = {}
    for document in documents():
        if "@timestamp" in document.source:
            lengths.setdefault(document.source["@timestamp"][:10], []).append(document.source["layers"]["frame"]["len"])
    found = store.search(Everything(), size=0, aggregations=request).aggregations["days"]["buckets"]
    for bucket in found:
        of_day = lengths.pop(bucket["key_as_string"][:10], [])
        median = pytest.approx(np.percentile(of_day, 50)) if of_day else None
        assert (bucket["doc_count"], bucket["lengths"]["values"]["50.0"]) == (len(of_day), median)
    assert found
    assert lengths == {}


def test_percentiles_of_many_numbers(empty_store: Store) -> None:
    """Elasticsearch approximates so many: a result is between the exact ones of 0.1 percentiles less and more."""
    numbers = np.random.default_rng(1).lognormal(-6, 2, 25_000)
    rows = enumerate(numbers.reshape(50, -1).tolist(), 1)
    empty_store.write([make(number, tcp={"analysis_initial_rtt": row}) for number, row in rows])
    field = {"field": "layers.tcp.analysis_initial_rtt"}
    asked = {"percents": [50, 95, 99], "tdigest": {"compression": 1000}}
    request = {"stats": {"stats": field}, "percentiles": {"percentiles": field | asked}}
    found = empty_store.search(Everything(), size=0, aggregations=request).aggregations
    assert [found["stats"][name] for name in ("count", "min", "max")] == [25_000, numbers.min(), numbers.max()]
    assert found["percentiles"]["values"].keys() == {"50.0", "95.0", "99.0"}
    for percent, value in found["percentiles"]["values"].items():
        low, high = np.percentile(numbers, [float(percent) - 0.1, float(percent) + 0.1])
        assert low <= value <= high


def test_sums_in_buckets(store: Store) -> None:
    sums = {"bytes": {"sum": {"field": "layers.frame.len"}}, "none": {"sum": {"field": "source.bytes"}}}
    request = {
        "protocol": {"terms": {"field": "protocol", "size": 2}, "aggs": sums},
        "days": {"date_histogram": {"field": "@timestamp", "fixed_interval": "1d"}, "aggs": sums},
    }
    answers = store.search(Everything(), size=0, aggregations=request).aggregations
    lengths: dict[str, dict[str, int]] = {"protocol": {}, "days": {}}
    for document in documents():
        length = document.source["layers"]["frame"]["len"]
        for name, key in (("protocol", document.source["protocol"]), ("days", document.source["@timestamp"][:10])):
            lengths[name][key] = lengths[name].get(key, 0) + length
    names = {"protocol": ("key",), "days": ("key_as_string",)}
    found = {
        name: [
            tuple(bucket[key] for key in (*names[name], "doc_count", "bytes", "none")) for bucket in answer["buckets"]
        ]
        for name, answer in answers.items()
    }
    nothing = {"value": 0.0}
    assert found["protocol"] == [
        ("tcp", 25, {"value": lengths["protocol"]["tcp"]}, nothing),
        ("http", 3, {"value": lengths["protocol"]["http"]}, nothing),
    ]
    assert [(day[0][:10], *day[1:]) for day in found["days"]] == [
        ("2015-07-30", 20, {"value": lengths["days"]["2015-07-30"]}, nothing),
        ("2015-07-31", 10, {"value": lengths["days"]["2015-07-31"]}, nothing),
    ]


def test_terms_are_added_over_days(empty_store: Store) -> None:
    """The most frequent value of all is not among the first of any day."""
    batch = []
    for number in range(1, 129):
        day, place = divmod(number - 1, 64)
        document = make(number)
        moment = f"2015-07-{30 + day}T05:00:12.{number:09}Z"
        name = "everywhere" if place < 2 else f"day {day}, {place // 3 if place < 62 else 100 + place}"
        document.index = f"packets-{moment[:10]}"
        document.body = orjson.dumps(document.source | {"@timestamp": moment, "protocol": name})
        batch.append(document)
    empty_store.write(batch)
    terms = {"values": {"terms": {"field": "protocol", "size": 1}}}
    found = empty_store.search(Everything(), size=0, aggregations=terms).aggregations["values"]["buckets"]
    assert found == [{"key": "everywhere", "doc_count": 4}]


def test_another_capture_of_the_same_day(store: Store) -> None:
    outcome = store.write([make(1), make(1, capture="fedcba")])
    assert (outcome.stored, outcome.already_there) == (1, 1)
    assert store.search(Everything()).total == 31


def test_days(store: Store) -> None:
    store.flush()
    days = store.days()
    assert [(day.name, day.documents) for day in days] == [("packets-2015-07-30", 20), ("packets-2015-07-31", 10)]
    assert all(day.bytes > 1000 for day in days)
    assert all(day.expires is None for day in days)
    assert len({day.identity for day in days} - {""}) == 2
    assert store.days() == days


def test_aggregations_of_an_empty_store(empty_store: Store) -> None:
    asked = {
        "values": {"terms": {"field": "protocol", "size": 3}},
        "steps": {"date_histogram": {"field": "@timestamp", "fixed_interval": "1d"}},
        "bytes": {"sum": {"field": "network.bytes"}},
        "times": {"stats": {"field": "@timestamp"}},
    }
    found = empty_store.search(Everything(), size=0, aggregations=asked)
    assert (found.total, found.hits) == (0, [])
    assert found.aggregations == {
        "values": {"buckets": []},
        "steps": {"buckets": []},
        "bytes": {"value": 0.0},
        "times": {"count": 0, "min": None, "max": None, "avg": None, "sum": 0.0},
    }


def test_types_side_by_side(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A search says which type of documents it is for; days and deletion are those of all types."""
    flows = DocumentType("flows", "Flows")
    monkeypatch.setattr("espcap.documents.types.TYPES", (PACKETS, flows))
    monkeypatch.setattr("espcap.stores.elasticsearch.store.TYPES", (PACKETS, flows))
    monkeypatch.setattr("espcap.stores.elasticsearch.store._PATTERNS", "packets-*,flows-*")
    store.prepare()
    written = [replace(make(number), index=flows.index(FIRST)) for number in (1, 2)]
    assert store.write(written).stored == 2
    assert store.search(Everything()).total == 30
    found = store.search(Everything(), of=flows)
    assert (found.total, {hit.index for hit in found.hits}) == (2, {f"flows-{FIRST}"})
    assert (store.days()[0].name, store.days()[0].documents) == (f"flows-{FIRST}", 2)
    store.delete(f"flows-{FIRST}")
    assert store.search(Everything(), of=flows).total == 0
    assert store.search(Everything()).total == 30


def test_days_of_an_empty_store(empty_store: Store) -> None:
    assert empty_store.days() == []


def test_a_deleted_day_is_gone_and_can_be_written_anew(store: Store) -> None:
    first, second = store.days()
    store.delete(first.name)
    assert store.days() == [second]
    assert store.search(Everything()).total == 10
    store.delete(first.name)
    outcome = store.write(documents())
    assert (outcome.stored, outcome.already_there) == (20, 10)
    again = store.days()[0]
    assert (again.name, again.documents) == (first.name, 20)
    assert again.identity != first.identity


def test_a_store_that_cannot_delete_by_itself_says_so(store: Store) -> None:
    """The node of the tests has no ILM."""
    with pytest.raises(StoreError, match=r"no lifecycle management \(ILM\)|deletes nothing by itself") as failure:
        store.keep(28)
    assert "espcap prune --keep 28d" in failure.value.hint


def with_settings(documents: list[Document], settings: str, protocol: str = "tcp") -> list[Document]:
    """The same packets, as other settings dissect them."""
    return [
        replace(document, settings_id=settings, body=orjson.dumps(document.source | more))
        for more in [{"settings_id": settings, "protocol": protocol}]
        for document in documents
    ]


def counted(outcome: Outcome) -> tuple[int, int, int, int]:
    return outcome.stored, outcome.replaced, outcome.already_there, len(outcome.rejected)


def values(store: Store, path: str) -> dict[str, int]:
    terms = {"values": {"terms": {"field": path, "size": 10}}}
    buckets = store.search(Everything(), size=0, aggregations=terms).aggregations["values"]["buckets"]
    return {bucket["key"]: bucket["doc_count"] for bucket in buckets}


def test_other_settings_replace(empty_store: Store) -> None:
    packets = [*(make(number) for number in range(1, 21)), *(make(number, SECOND) for number in range(21, 31))]
    assert counted(empty_store.write(with_settings(packets, "a"))) == (30, 0, 0, 0)
    assert counted(empty_store.write(with_settings(packets[5:25], "b", "udp"))) == (0, 20, 0, 0)
    assert values(empty_store, "settings_id") == {"a": 10, "b": 20}
    assert values(empty_store, "protocol") == {"tcp": 10, "udp": 20}
    hits = empty_store.search(Everything(), size=100).hits
    assert sorted(hit.id for hit in hits) == sorted(document.id for document in packets)
    assert [day.documents for day in empty_store.days()] == [20, 10]
    assert counted(empty_store.write(with_settings(packets, "b", "udp"))) == (0, 10, 20, 0)
    assert counted(empty_store.write(with_settings(packets, "b", "udp"))) == (0, 0, 30, 0)
    assert values(empty_store, "protocol") == {"udp": 30}


def test_settings_and_back_at_once(empty_store: Store) -> None:
    """Without a commit in between."""
    packets = [make(number) for number in range(1, 4)]
    batch = [*with_settings(packets, "a"), *with_settings(packets, "b", "udp"), *with_settings(packets, "a", "sctp")]
    for part in (batch[:3], batch[3:6], batch[6:]):
        empty_store.write(part)
    assert values(empty_store, "settings_id") == {"a": 3}
    assert values(empty_store, "protocol") == {"sctp": 3}


def test_documents_without_settings(empty_store: Store) -> None:
    """Those of earlier versions are replaced, and replace nothing."""
    packets = [make(number) for number in range(1, 11)]
    empty_store.write(packets)
    assert counted(empty_store.write(with_settings(packets[:6], "a", "udp"))) == (0, 6, 0, 0)
    assert counted(empty_store.write(packets)) == (0, 0, 10, 0)
    assert values(empty_store, "protocol") == {"tcp": 4, "udp": 6}


def test_a_capture_is_forgotten(empty_store: Store) -> None:
    of_two_days = [make(1), make(2), make(3, SECOND), make(4, SECOND, capture="other")]
    empty_store.write(with_settings(of_two_days, "a"))
    empty_store.write(with_settings(of_two_days[:1], "b"))
    assert empty_store.forget([CAPTURE], keep="b") == 2
    assert values(empty_store, "capture_id") == {CAPTURE: 1, "other": 1}
    assert empty_store.forget([CAPTURE]) == 1
    assert empty_store.forget([CAPTURE, "none"]) == 0
    assert values(empty_store, "capture_id") == {"other": 1}
    assert counted(empty_store.write(with_settings(of_two_days, "a"))) == (3, 0, 1, 0)


def test_nothing_is_forgotten_of_an_empty_store(empty_store: Store) -> None:
    assert empty_store.forget([CAPTURE]) == 0
