"""Names in query strings that no document has."""

import pytest

from espcap.fields import Registry
from espcap.query.display_filter import parse as parse_filter
from espcap.query.lucene import parse
from espcap.query.unknown import unknown_paths

pytest_plugins = ["tests.core_fixtures"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("layers.tcp.prot:80", "layers.tcp.port"),
        ("NOT (a OR layers.htp.host:x)", "layers.http.host"),
        ("_exists_:layers.htp", "layers.http"),
        ("tcp.port:80", "layers.tcp.port"),
        ("layers.http.response.code:[1 TO 2]", "layers.http.response_code"),
        ("protcol:http", "protocol"),
        ("source.prot:80", "source.port"),
        ("qqqqqqqqq:80", ""),
    ],
)
def test_unknown(text: str, expected: str, registry: Registry) -> None:
    """The nearest of the paths that are like it comes first."""
    (found,) = unknown_paths(parse(text, registry.kind), registry).values()
    assert next(iter(found), "") == expected


@pytest.mark.parametrize(
    "text",
    [
        *("", "http", "source.port:80 AND layers.tcp.srcport:[1 TO 2]", "_exists_:layers.dns", "_exists_:source"),
        *("layers.xml.envelope:http", "_exists_:unparsed", "_exists_:unparsed.ntp.rec", "_id:x-1", "protocols:ber"),
        *(
            "stack.network:ip",
            "network.community_id:x",
            "file_name:*http*",
            "espcap.bad_time:true",
            "sniff_timestamp:>5",
        ),
        *("observer.hostname:x", "_exists_:espcap", "network.bytes:>5", "_exists_:layers"),
    ],
)
def test_known(text: str, registry: Registry) -> None:
    assert unknown_paths(parse(text, registry.kind), registry) == {}


def test_display_filters_have_only_known_paths(registry: Registry) -> None:
    query = parse_filter(
        "http && ntp.rec != 2015-07-30 && tcp.port in {1, 2} && frame.time_epoch", registry, lambda _: []
    )
    assert unknown_paths(query, registry) == {}
