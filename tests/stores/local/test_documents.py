"""Documents come back as they were stored."""

import json
from typing import Any

import orjson
import pytest

from espcap.documents.packets import Document
from espcap.fields.field import Kind
from espcap.fields.registry import Registry
from espcap.stores.local.documents import documents
from tests.stores.local.conftest import Write
from tests.support.documents import CAPTURE, make
from tests.support.documents import documents as thirty


def altered(number: int, **parts: Any) -> Document:
    """A document with other parts; None removes one."""
    source = make(number).source | parts
    source = {name: part for name, part in source.items() if part is not None}
    return Document("packets-2015-07-30", f"{CAPTURE}-{number}", {}, orjson.dumps(source))


def test_documents_are_equal(write: Write) -> None:
    stored = thirty()
    segment = write(*stored)
    assert documents(segment, range(30)) == [document.source for document in stored]
    assert documents(segment, [7, 3]) == [stored[7].source, stored[3].source]
    assert documents(segment, []) == []


def test_order_of_keys(write: Write) -> None:
    stored = [
        make(1, tcp={"srcport": 1, "flags_syn": True}, ip={}),
        make(2, ip={}, tcp={"flags_syn": True, "srcport": 1}),
    ]
    found = documents(write(*stored), [0, 1])
    assert [json.dumps(each["layers"]) for each in found] == [json.dumps(each.source["layers"]) for each in stored]


@pytest.mark.parametrize(
    "layers",
    [
        {"http": {"request_uri": ["b", "a", "b"]}},
        {"tcp": {"srcport": [2**63 - 1, -(2**63)], "flags_syn": [True, False]}},
        {"ptp": {"clock": 2**64 - 1}},
        {"ntp": {"xmt": ["1970-01-01T00:00:00.000000001Z", "2200-01-01T00:00:00.999999999Z"]}},
        {"tcp": {"srcport": 2**64 - 1, "analysis_initial_rtt": 1, "flags_syn": "no"}},
        {"tcp": {"srcport": [1, "two"], "option_kind": []}},
        {"http": {"request_uri": ""}, "empty": {}},
        {"http": {"request_uri": "\0\u2028\U0001f600"}},
        {"ip": {"src": None}},
    ],
)
def test_values(layers: dict[str, Any], write: Write) -> None:
    """Among packets without them."""
    stored = [make(1), make(2, **layers), make(3)]
    assert documents(write(*stored), range(3)) == [document.source for document in stored]


@pytest.mark.parametrize(
    "parts",
    [
        {"@timestamp": None, "sniff_timestamp": None, "espcap": {"bad_time": True, "left_out": 7}},
        {"sniff_timestamp": 5.0},
        {"sniff_date_utc": "another"},
        {"capture_id": None},
        {"unparsed": {"tcp": {"srcport": "x", "option_kind": ["y", "z"]}}},
        {"protocols": ["eth"], "payload_fields": []},
    ],
)
def test_members(parts: dict[str, Any], write: Write) -> None:
    stored = [make(1), altered(2, **parts)]
    assert documents(write(*stored), range(2)) == [document.source for document in stored]


def test_another_kind_than_that_of_the_column(write: Write, packet_registry: Registry) -> None:
    stored, port = [make(1, tcp={"srcport": 80})], "layers.tcp.srcport"
    segment = write(*stored, kind=lambda path: Kind.STRING if path == port else packet_registry.kind(path))
    assert segment.others()[0][port] == 80
    assert documents(segment, [0]) == [stored[0].source]
