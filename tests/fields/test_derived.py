"""The fields of flows and transactions are looked up by their paths."""

from pathlib import Path

import pytest

from espcap.base.errors import UsageError
from espcap.fields.derived import DerivedRegistry
from espcap.fields.field import Kind
from espcap.query import Equals, Exists, Range
from espcap.query.display_filter import parse as parse_filter
from espcap.query.filter_language import Language
from espcap.query.lucene import parse
from espcap.query.paths import Paths
from tests.support.small_registry import small_registry

KINDS = {"source.ip": Kind.IP, "event.duration": Kind.INTEGER, "status": Kind.STRING, "flow.final": Kind.BOOLEAN}


@pytest.fixture
def registry(tmp_path: Path) -> DerivedRegistry:
    return DerivedRegistry(small_registry(tmp_path), KINDS)


def test_a_path_is_a_name(registry: DerivedRegistry) -> None:
    field = registry.field("event.duration")
    assert field
    assert (field.name, field.path, field.kind) == ("event.duration", "event.duration", Kind.INTEGER)
    assert registry.field("tcp.port") is None
    assert (registry.kind("source.ip"), registry.kind("other")) == (Kind.IP, Kind.STRING)
    assert registry.names_starting("s", 10) == ["source.ip", "status"]
    assert registry.names_below("flow") == ["flow.final"]
    assert registry.paths(Kind.STRING) == ["status"]
    assert not registry.is_protocol("dns")
    assert registry.value_names("status") == []


def test_both_languages(registry: DerivedRegistry) -> None:
    found = parse_filter("event.duration > 5", registry, lambda name: [], Language((4, 0)))
    assert found == Range("event.duration", 5, None, include_low=False)
    assert parse_filter("flow.final", registry, lambda name: [], Language((4, 0))) == Exists("flow.final")
    paths = Paths(registry, outside_layers=KINDS)
    assert parse("status:OK", registry.kind, paths.field) == Equals("status", "OK")
    with pytest.raises(UsageError, match=r"no such field: event\.durations: did you mean event\.duration"):
        paths.field("event.durations")
