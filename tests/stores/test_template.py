"""The index template: no document of a hostile capture is rejected, and every kind is searchable as what it is."""

import json
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest

from espcap.base.errors import EspcapError
from espcap.fields.registry import Registry
from espcap.stores.elasticsearch.template import build_template
from espcap.tshark.program import find_program
from espcap.tshark.registry import open_registry
from tests.support.elasticsearch_node import call
from tests.support.small_registry import FIELDS, small_registry

SHIPPED = Path(__file__).parents[2] / "scripts" / "packets_template.json"
INDEX = "/packets-2015-07-30"


@pytest.fixture
def node(any_elasticsearch_url: str, tmp_path: Path) -> str:
    call(any_elasticsearch_url, "PUT", "/_index_template/packets", build_template(small_registry(tmp_path)))
    return any_elasticsearch_url


def test_version_follows_the_content(tmp_path: Path) -> None:
    first = build_template(small_registry(tmp_path))
    assert build_template(small_registry(tmp_path)) == first
    assert build_template(small_registry(tmp_path, FIELDS | {"x.y": "FT_STRING"})) == first
    assert build_template(small_registry(tmp_path, FIELDS | {"x.y": "FT_IPv6"}))["version"] != first["version"]


def index(node: str, *sources: dict[str, Any]) -> None:
    for number, source in enumerate(sources):
        try:
            call(node, "PUT", f"{INDEX}/_create/{number}", source)
        except HTTPError as error:
            pytest.fail(f"{str(source)[:200]}: {error.read()[:500]!r}")
    call(node, "POST", f"{INDEX}/_refresh")


def types(node: str, properties: dict[str, Any] | None = None, path: str = "") -> dict[str, str]:
    """The type of each indexed path."""
    if properties is None:
        properties = next(iter(call(node, "GET", f"{INDEX}/_mapping").values()))["mappings"]["properties"]
    found: dict[str, str] = {}
    for name, field in properties.items():
        inner = types(node, field["properties"], f"{path}{name}.") if "properties" in field else {}
        found |= inner or {path + name: field.get("type", "object")}
    return found


def test_types(node: str) -> None:
    layers = {
        "ip": {"src": "10.0.0.1"},
        "ntp": {"xmt": "2015-07-30T05:22:12.662099000Z"},
        "ptp": {"clock": 1},
        "tcp": {"port": [80, 81], "rtt": 0.5, "syn": True, "text": "2015-07-30T05:22:12.662099000Z"},
        "http": {"uri": "10"},
    }
    index(node, {"layers": layers, "unparsed": {"layers": {"tcp": {"port": "x"}}}, "observer": {"hostname": "h"}})
    expected = {
        "layers.ip.src": "ip",
        "layers.ntp.xmt": "date_nanos",
        "layers.ptp.clock": "long",
        "layers.tcp.port": "long",
        "layers.tcp.rtt": "double",
        "layers.tcp.syn": "boolean",
        "layers.tcp.text": "keyword",
        "layers.http.uri": "keyword",
        "unparsed.layers.tcp.port": "keyword",
        "observer.hostname": "keyword",
        "@timestamp": "date_nanos",
        "sniff_timestamp": "double",
        "sniff_date_utc": "date",
        "source.ip": "ip",
        "source.port": "long",
        "capture_id": "keyword",
    }
    assert expected.items() <= types(node).items()


def test_values_that_do_not_fit(node: str) -> None:
    times = ["1874-01-01T00:00:00.000000000Z", "9999-01-01T00:00:00.000000000Z", "36812-02-20T00:00:00.000000000Z"]
    index(
        node,
        *({"@timestamp": time, "layers": {"ntp": {"xmt": [time, "2015-07-30T05:22:12.000000001Z"]}}} for time in times),
        *({"layers": {"ptp": {"clock": [5, number]}}} for number in (2**63, 2**64 - 1, 2**200)),
        *({"layers": {"tcp": {"port": value}}} for value in (1, "text", True, 0.5, 2**80)),
        *({"layers": {"tcp": {"syn": value}}} for value in (True, "text", 5)),
        *({"layers": {"tcp": {"rtt": value}}} for value in (0.5, "text", True)),
        *({"layers": {"ip": {"src": value}}} for value in ("10.0.0.1", "text", "", 5)),
        *({"unparsed": {"layers": {"ip": {"src": value}}}} for value in (5, "text", [True, 0.5])),
        {"source": {"ip": "text", "port": "text"}, "sniff_date_utc": "text", "sniff_timestamp": "text"},
    )


def test_sizes(node: str) -> None:
    deep: dict[str, Any] = {"value": 1}
    for _ in range(15):
        deep = {"deeper": deep}
    index(
        node,
        {"layers": {"http": {"uri": "x" * 1_000_000, "wide": "\u20ac" * 30_000}}},
        {"layers": {"http": {"uri": ["x"] * 50_000, "\0name": 1, "n" * 600: 1, "a*b": 1}}},
        {"layers": {"http": deep}},
        *({"layers": {f"many{n}": {f"text{m}": "x" for m in range(1_000)}}} for n in range(12)),
    )
    assert len(types(node)) < 10_000
    found = call(node, "POST", f"{INDEX}/_search", {"query": {"term": {"layers.many1.text5": "x"}}})
    assert found["hits"]["total"]["value"] == 1


def installed_registry() -> Registry:
    try:
        program = find_program()
    except EspcapError as error:
        pytest.skip(str(error))
    if (program.version.major, program.version.minor) != (4, 0):
        pytest.skip(f"the shipped template is for tshark 4.0, and {program.version} is installed")
    return open_registry(program)


def test_shipped_template_is_the_one_that_is_built() -> None:
    shipped = json.loads(SHIPPED.read_text())
    assert shipped == build_template(installed_registry()), f"run: espcap setup --print > scripts/{SHIPPED.name}"


def test_node_takes_the_shipped_template(any_elasticsearch_url: str) -> None:
    call(any_elasticsearch_url, "PUT", "/_index_template/packets", json.loads(SHIPPED.read_text()))
    index(any_elasticsearch_url, {"layers": {"ip": {"src": "10.0.0.1"}, "dns": {"a": "10.0.0.2"}}})
    assert {"layers.ip.src": "ip", "layers.dns.a": "ip"}.items() <= types(any_elasticsearch_url).items()
