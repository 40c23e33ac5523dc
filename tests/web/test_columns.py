"""The cells of the packet list, also of documents of other programs."""

from typing import Any

from espcap.base.errors import UsageError
from espcap.stores import Hit
from espcap.web.columns import STREAM_COLOURS, columns, row
from espcap.web.view import DEFAULT_COLUMNS

DOCUMENT: dict[str, Any] = {
    "@timestamp": "2024-05-01T10:00:00.123456789Z",
    "protocol": "dns",
    "info": "Standard query",
    "source": {"ip": "10.0.0.1", "mac": "02-00-00-00-00-01"},
    "destination": {"mac": "02-00-00-00-00-02"},
    "network": {"bytes": 80, "community_id": "1:abc"},
    "layers": {"frame": {"number": 7}, "dns": {"qry_name": ["a.test", "b.test"]}},
    "file_name": "/x/a.pcap",
}


def path(name: str) -> str:
    """The path of a field; only one is known."""
    if name != "dns.qry.name":
        raise UsageError(f"no such field: {name}")
    return "layers.dns.qry_name"


def cells(document: dict[str, Any], *names: str) -> list[str]:
    return row(Hit("packets-2024-05-01", "id", document), columns(list(names), path)[0]).cells


def test_predefined() -> None:
    expected = ["7", "2024-05-01 10:00:00.123456", "10.0.0.1", "02-00-00-00-00-02", "dns", "80", "Standard query"]
    assert cells(DOCUMENT, *DEFAULT_COLUMNS.split()) == expected
    assert cells(DOCUMENT, "file") == ["/x/a.pcap"]


def test_a_field() -> None:
    assert cells(DOCUMENT, "dns.qry.name") == ["a.test, b.test"]
    assert cells({"layers": {"dns": {"qry_name": "x" * 300}}}, "dns.qry.name") == ["x" * 200 + "…"]


def test_unknown_names() -> None:
    found, errors = columns(["number", "nonsense", "dns.qry.name"], path)
    assert [column.name for column in found] == ["number", "dns.qry.name"]
    assert errors == ["no such field: nonsense"]


def test_documents_of_other_programs() -> None:
    documents: list[dict[str, Any]] = [
        {},
        {"layers": 1, "source": "x", "network": None, "@timestamp": None},
        {"layers": {"frame": []}},
    ]
    for document in documents:
        found = cells(document, *DEFAULT_COLUMNS.split(), "dns.qry.name", "file")
        assert len(found) == 9
        assert found[0] == found[2] == found[7] == ""


def test_colour_of_a_conversation() -> None:
    """The same for all packets of the conversation, and none without one."""
    shown = columns(["number"], path)[0]
    colours = [
        row(Hit("packets-2024-05-01", "id", {"network": {"community_id": f"1:{n}"}}), shown).stream for n in range(100)
    ]
    assert set(colours) == set(range(STREAM_COLOURS))
    assert row(Hit("packets-2024-05-01", "other", {"network": {"community_id": "1:0"}}), shown).stream == colours[0]
    assert row(Hit("packets-2024-05-01", "id", {}), shown).stream is None
