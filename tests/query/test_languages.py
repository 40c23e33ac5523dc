"""Queries in another language than that of QUERY."""

import pytest

from espcap.base.errors import UsageError
from espcap.fields.registry import Registry
from espcap.query import Query
from espcap.query.display_filter import parse as parse_filter
from espcap.query.filter_language import Language
from espcap.query.languages import FILTER_NOTE, capture_filter, read_query, sign_of_filter
from espcap.query.lucene import parse
from espcap.query.paths import Paths

pytest_plugins = ["tests.support.core_fixtures"]


def _filter(text: str, registry: Registry) -> Query:
    return parse_filter(text, registry, lambda name: [], Language((4, 0)))


def _string(text: str, registry: Registry) -> Query:
    paths = Paths(registry)
    return parse(text, registry.kind, paths.field, paths.exists)


def _read(text: str, registry: Registry) -> tuple[Query, list[str]]:
    sign = sign_of_filter(text, registry)
    return read_query(text, sign, lambda text: _string(text, registry), lambda text: _filter(text, registry))


@pytest.mark.parametrize(
    "text",
    [
        *("ip.src == 10.0.0.4", "ip.src==10.0.0.4", "tcp.flags.syn == 1", "dns && ip.addr == 10.0.0.4"),
        *(
            "http.request",
            "!http.request",
            "tcp.analysis.retransmission",
            "tcp.port in {80, 443}",
            "ip.addr eq 10.0.0.4",
        ),
        *("frame.len > 1000", "frame.len>=1000", 'http.host contains "google"', 'http.host matches "g.*e"'),
        *("tcp and dns", "not arp", "dns or http", "(tcp or udp) and not dns", "tcp && !http.request"),
        *('lower(http.host) == "x"', "ip.src != 10.0.0.4 && tcp", 'frame.time >= "2024-05-01 10:00:00"'),
        *("eth.src == 02:00:00:00:00:01", "ipv6.addr == 2001:db8::1", "any ip.addr == 10.0.0.0/8"),
    ],
)
def test_display_filters(text: str, registry: Registry) -> None:
    assert _read(text, registry) == (_filter(text, registry), [FILTER_NOTE])


@pytest.mark.parametrize(
    "text",
    [
        *("dns", "http", "10.0.0.4", "google.com", "http/1.1", "dns AND http", "NOT arp", "tcp udp", "Nikto/2.1.6"),
        *("ip.src:10.0.0.4", "source.port:>=80", "source.port:(>80 AND <90)", "_exists_:http.host", "http.host:a*"),
        *(
            '"ip.src == 10.0.0.4"',
            '"http.request"',
            "http.host:*",
            "-protocol:tcp",
            "@timestamp:>=2024",
            "www.http.host*",
        ),
        *("2001:db8\\:\\:1".replace("2001:", "2001\\:"), "http://x/?a=b".replace(":", "\\:").replace("/", "\\/")),
    ],
)
def test_query_strings(text: str, registry: Registry) -> None:
    """A word stays a word."""
    assert _read(text, registry) == (_string(text, registry), [])


def test_words_that_join_nothing(registry: Registry) -> None:
    query, notes = _read("404 not found and gone", registry)
    assert query == _string("404 not found and gone", registry)
    assert notes == ["'and', 'not' is searched for like any other word; AND, OR and NOT join conditions"]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (
            "ip.sorce == 10.0.0.4",
            ("unknown field 'ip.sorce': did you mean ip.src", "to search for its words, put it in double quotes"),
        ),
        (
            "ip.src == 10.0.0",
            ("ip.src: '10.0.0' is not an IPv4 address", "to search for its words, put it in double quotes"),
        ),
        ("ip.src ==", ("it ends too early", "to search for its words, put it in double quotes")),
        ("ip.src = 10.0.0.4", ("'=' was not expected", "to search for its words, put it in double quotes")),
        (
            'http.hst contains "x"',
            ("unknown field 'http.hst': did you mean http.host", "to search for its words, put it in double quotes"),
        ),
        ("frame[0:2] == 47:45", ("slices", "it is not a query string either: query ")),
        (
            "source.port >= 80",
            ("unknown field 'source.port'", "it is not a query string either", "write source.port:>=VALUE"),
        ),
        ("protocol == http", ("unknown field 'protocol'", "protocol is a path of documents: write protocol:VALUE")),
        (
            "http.request && source.port:80",
            ("unknown field 'source.port:80'", "to search for its words, put it in double quotes"),
        ),
        ("ip.src=10.0.0.4", ("write == for equal",)),
        ("source.ip=10.0.0.4", ("source.ip is a path of documents: write source.ip:VALUE",)),
        ("protocol=dns", ("protocol is a path of documents: write protocol:VALUE",)),
        ('info contains "GET"', ("info is a path of documents: write info:VALUE",)),
        ("x>=0", ("unknown field 'x'", "to search for its words, put it in double quotes")),
        ("ip.src==10.0.0.4 AND dns", ("in a display filter write and; AND joins conditions",)),
        ("http.request.method in {GET POST}", ('in {"GET", "POST"}',)),
        ("foo(bar", ("query 'foo(bar'", "it is not a display filter either: filter 'foo(bar': it ends too early")),
        ("source.prot:80", ("no such field: source.prot: did you mean source.port",)),
    ],
)
def test_neither(text: str, parts: tuple[str, ...], registry: Registry) -> None:
    with pytest.raises(UsageError) as caught:
        _read(text, registry)
    for part in parts:
        assert part in f"{caught.value.message} ({caught.value.hint})"


TRANSLATIONS = {
    "tcp port 80": "tcp.port == 80",
    "port 53": "(tcp.port == 53 || udp.port == 53)",
    "not port 22": "not (tcp.port == 22 || udp.port == 22)",
    "udp dst portrange 6000-6010": "udp.dstport in {6000..6010}",
    "tcp port http": 'tcp.port == "http"',
    "host 10.0.0.4": "ip.addr == 10.0.0.4",
    "src host 10.0.0.4": "ip.src == 10.0.0.4",
    "ip6 host 2001:db8::1": "ipv6.addr == 2001:db8::1",
    "dst net 10.0.0.0/8 and tcp dst port 443": "ip.dst == 10.0.0.0/8 and tcp.dstport == 443",
    "udp and (port 53 or host 10.0.0.4)": "udp and ((tcp.port == 53 || udp.port == 53) or ip.addr == 10.0.0.4)",
    "ether host 02:00:00:00:00:01": "eth.addr == 02:00:00:00:00:01",
    "host example.com": '(dns.qry.name == "example.com" || http.host == "example.com")',
}


@pytest.mark.parametrize(("text", "translation"), TRANSLATIONS.items())
def test_capture_filters(text: str, translation: str, registry: Registry) -> None:
    assert capture_filter(text) == translation
    if "http" not in translation:  # names of values come from tshark
        _filter(translation, registry)
    with pytest.raises(UsageError, match="is a capture filter") as caught:
        _read(text, registry)
    assert translation in caught.value.hint


@pytest.mark.parametrize(
    "text", ["port unreachable", "port http", "host", "tcp", "net neutrality", "host alice", "icmp"]
)
def test_words_that_are_no_capture_filter(text: str, registry: Registry) -> None:
    assert capture_filter(text) == ""
    assert _read(text, registry)[0] == _string(text, registry)
