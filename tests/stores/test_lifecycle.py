"""Retention by the server. No node from packages alone has ILM: the requests go to a server of our own."""

from pathlib import Path

import pytest

from espcap.stores.elasticsearch.connection import Connection
from espcap.stores.elasticsearch.lifecycle import build_policy, seconds_kept
from espcap.stores.elasticsearch.store import ElasticsearchStore
from espcap.stores.elasticsearch.template import build_template
from tests.support.fault_server import fault_server
from tests.support.small_registry import small_registry


def test_policy() -> None:
    assert build_policy(30)["phases"] == {
        "hot": {"min_age": "0ms", "actions": {}},
        "delete": {"min_age": "30d", "actions": {"delete": {}}},
    }


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        ({"packets": {"version": 1, "policy": build_policy(30)}}, 30 * 86400),
        ({"packets": {"policy": {"phases": {"delete": {"min_age": "12h"}}}}}, 12 * 3600),
        ({"packets": {"policy": {"phases": {"hot": {}}}}}, None),
        ({"packets": {"policy": {"phases": {"delete": {"min_age": "1micros"}}}}}, None),
        ({}, None),
        ([], None),
    ],
)
def test_seconds_kept(answer: object, seconds: float | None) -> None:
    assert seconds_kept(answer) == seconds


def test_template_names_the_lifecycle(tmp_path: Path) -> None:
    registry = small_registry(tmp_path)
    plain, kept = build_template(registry), build_template(registry, "packets")
    assert "lifecycle" not in plain["template"]["settings"]["index"]
    assert kept["template"]["settings"]["index"]["lifecycle"] == {"name": "packets"}
    assert kept["version"] != plain["version"]


def test_keep_sends_policy_template_and_settings(tmp_path: Path) -> None:
    with fault_server() as node:
        ElasticsearchStore(Connection((node.url,)), small_registry(tmp_path)).keep(30)
        templates = [f"PUT /_index_template/{name}" for name in ("packets", "flows", "transactions")]
        settings = "PUT /packets-*,flows-*,transactions-*/_settings"
        assert node.requests == ["PUT /_ilm/policy/packets", *templates, settings]
