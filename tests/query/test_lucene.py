"""The query language: text to tree."""

import random
import re
from contextlib import suppress
from ipaddress import ip_address

import pytest

from espcap.base.errors import UsageError
from espcap.fields.field import PATHS, Kind
from espcap.fields.registry import Registry
from espcap.query import And, Equals, Everything, Exists, Matches, Not, Or, Query, Range, Wildcard, Words
from espcap.query.lucene import DEFAULT_PATHS, parse
from espcap.query.values import Time
from espcap.query.word_paths import WORD_PATHS

pytest_plugins = ["tests.support.core_fixtures"]

KINDS = PATHS | {
    "layers.ip.src": Kind.IP,
    "layers.tcp.flags_syn": Kind.BOOLEAN,
    "layers.tcp.time_delta": Kind.FLOAT,
    "layers.ptp.clock": Kind.UNSIGNED,
    "layers.data.data": Kind.BYTES,
}
DAY = 86_400 * 10**9
START = 16_646 * DAY  # 2015-07-30


def kind(path: str) -> Kind:
    return KINDS.get(path, Kind.STRING)


A, B, C = Equals("a", "1"), Equals("b", "2"), Equals("c", "3")
PORT = "source.port"

TREES: dict[str, Query] = {
    "": Everything(),
    " \n": Everything(),
    "*": Everything(),
    "*:*": Everything(),
    "a:1": A,
    "a: 1": A,
    "a:1 b:2": And((A, B)),
    "a:1 AND b:2 AND c:3": And((A, B, C)),
    "a:1 && b:2": And((A, B)),
    "a:1 || b:2": Or((A, B)),
    "a:1 OR b:2 AND c:3": Or((A, And((B, C)))),
    "a:1 b:2 OR c:3": And((A, Or((B, C)))),
    "(a:1 OR b:2) c:3": And((Or((A, B)), C)),
    "NOT a:1": Not(A),
    "!a:1": Not(A),
    "-a:1 +b:2": And((Not(A), B)),
    "-(a:1 b:2)": Not(And((A, B))),
    "a:1 AND !(b:2)": And((A, Not(B))),
    "a:(1 OR 2)": Or((A, Equals("a", "2"))),
    "a:(1 2 -3)": And((A, Equals("a", "2"), Not(Equals("a", "3")))),
    'a:"x y"': Equals("a", "x y"),
    r'a:"x \"y\" \\ && ! *"': Equals("a", 'x "y" \\ && ! *'),
    r"a:x\ y\:z\*": Equals("a", "x y:z*"),
    r"a\:b:1": Equals("a:b", "1"),
    "a:x!y": Equals("a", "x!y"),
    "a:*": Exists("a"),
    "_exists_:layers.dns": Exists("layers.dns"),
    "a:x*": Wildcard("a", "x*"),
    r"a:x\*\?\:?": Wildcard("a", r"x\*\?:?"),
    "layers.data.data:00?11*": Wildcard("layers.data.data", "00?11*"),
    "source.port:80": Equals(PORT, 80),
    'source.port:"80"': Equals(PORT, 80),
    "source.port:0x50": Equals(PORT, 80),
    "source.port:-80": Equals(PORT, -80),
    "source.port:[80 TO 443]": Range(PORT, 80, 443),
    "source.port:{80 TO 443}": Range(PORT, 80, 443, False, False),
    "source.port:[80 TO 443}": Range(PORT, 80, 443, True, False),
    "source.port:[-5 TO -1]": Range(PORT, -5, -1),
    "source.port:{80 TO *}": Range(PORT, 80, None, False, False),
    "source.port:[* TO *]": Exists(PORT),
    "source.port:>=80": Range(PORT, 80, None),
    "source.port:>-80": Range(PORT, -80, None, False),
    "source.port:<80": Range(PORT, None, 80, True, False),
    "source.port:(>=80 AND <90)": And((Range(PORT, 80, None), Range(PORT, None, 90, True, False))),
    "layers.ptp.clock:18446744073709551615": Equals("layers.ptp.clock", 2**64 - 1),
    "layers.tcp.time_delta:5": Equals("layers.tcp.time_delta", 5.0),
    "layers.tcp.time_delta:<1e-3": Range("layers.tcp.time_delta", None, 0.001, True, False),
    "layers.tcp.flags_syn:true": Equals("layers.tcp.flags_syn", True),
    "source.ip:10.0.0.4": Equals("source.ip", ip_address("10.0.0.4")),
    "source.ip:10.0.0.4/8": Range("source.ip", ip_address("10.0.0.0"), ip_address("10.255.255.255")),
    r"source.ip:2001\:db8\:\:1": Equals("source.ip", ip_address("2001:db8::1")),
    'source.ip:"2001:db8::/127"': Range("source.ip", ip_address("2001:db8::"), ip_address("2001:db8::1")),
    "source.ip:[10.0.0.0/8 TO 11.0.0.0/8}": Range(
        "source.ip", ip_address("10.0.0.0"), ip_address("11.0.0.0"), True, False
    ),
    "@timestamp:2015-07-30": Range("@timestamp", Time(START), Time(START + DAY - 1)),
    "@timestamp:2015-07": Range("@timestamp", Time(START - 29 * DAY), Time(START + 2 * DAY - 1)),
    "@timestamp:2015": Range("@timestamp", Time(16_436 * DAY), Time(16_801 * DAY - 1)),
    "@timestamp:[2015-07-30 TO 2015-07-31]": Range("@timestamp", Time(START), Time(START + 2 * DAY - 1)),
    "@timestamp:{2015-07-30 TO 2015-07-31}": Range(
        "@timestamp", Time(START + DAY - 1), Time(START + DAY), False, False
    ),
    "@timestamp:[2015-07-30T00:00 TO 2015-07-30T12:00]": Range(
        "@timestamp", Time(START), Time(START + DAY // 2 + 60 * 10**9 - 1)
    ),
    "layers.tcp.flags_syn:1": Equals("layers.tcp.flags_syn", True),
    "layers.tcp.flags_syn:False": Equals("layers.tcp.flags_syn", False),
    "source.ip:192.168.1.*": Range("source.ip", ip_address("192.168.1.0"), ip_address("192.168.1.255")),
    "source.ip:10.*": Range("source.ip", ip_address("10.0.0.0"), ip_address("10.255.255.255")),
    "source.ip:10.1.*.*": Range("source.ip", ip_address("10.1.0.0"), ip_address("10.1.255.255")),
    '@timestamp:"2015-07-30 00:00:00.5Z"': Equals("@timestamp", Time(START + 500_000_000)),
    '@timestamp:"2015-07-30T02:00:00.000000001+02:00"': Equals("@timestamp", Time(START + 1)),
}


@pytest.mark.parametrize("text", TREES)
def test_tree(text: str) -> None:
    assert parse(text, kind) == TREES[text]


ERRORS: dict[str, str] = {
    "source.port:http": "source.port: 'http' is not an integer of 64 bits",
    "source.port:9223372036854775808": "source.port: '9223372036854775808' is not an integer of 64 bits",
    "source.port:[1 TO x]": "source.port: 'x' is not an integer of 64 bits",
    "layers.ptp.clock:-1": "layers.ptp.clock: '-1' is not an unsigned integer of 64 bits",
    "layers.ptp.clock:2e9": "layers.ptp.clock: '2e9' is not an unsigned integer of 64 bits",
    "source.bytes:99999999999999999999": "source.bytes: '99999999999999999999' is not an integer of 64 bits",
    "layers.tcp.time_delta:inf": "layers.tcp.time_delta: 'inf' is not a number",
    "layers.tcp.flags_syn:2": "layers.tcp.flags_syn: '2' is not true or false",
    "layers.tcp.flags_syn:>false": "layers.tcp.flags_syn: a range does not fit true and false",
    "source.ip:10.0.0": "source.ip: '10.0.0' is not an IP address or network such as 10.0.0.0/8",
    "source.ip:10.*.1": "source.ip: wildcards fit text, and this field is of type ip",
    "source.port:8?": "source.port: wildcards fit text, and this field is of type integer",
    "@timestamp:2015-02-30": "@timestamp: '2015-02-30' is not a time between 1970 and 2262 such as 2015-07-30T05:22",
    "@timestamp:1969": "@timestamp: '1969' is not a time between 1970 and 2262 such as 2015-07-30T05:22",
    "a:roam~": "query: fuzzy words (~) are not supported: roam~",
    'a:"b c"~2': 'query: proximity (~) are not supported: "b c"~2',
    "a:b^2": "query: boosts (^) are not supported: b^2",
    "a:/b/": "query: regular expressions (/) are not supported: /b/",
    "/b/": "query: regular expressions (/) are not supported: /b/",
    "layers.*:1": "query: layers.*: the name of a field cannot have wildcards",
    "a:b:c": "query: a:b: has two colons",
    "[1 TO 2]": "query: [1 TO 2] needs a field",
    "(a": "query '(a': unexpected end of expression (maybe due to unmatched parenthesis) at the end",
    'a:"b': "query 'a:\"b': Illegal character '\"b' at position 2",
    "tcp^..": "query 'tcp^..': the text after ^ or ~ is not a number",
    '"a b"~1.': "query '\"a b\"~1.': the text after ^ or ~ is not a number",
    "(" * 2000 + "a" + ")" * 2000: "the query is nested too deeply",
}  # fmt: skip


def test_odd_texts_are_read_or_refused() -> None:
    chance = random.Random(1)
    pieces = [
        "tcp",
        "a:",
        '"a b"',
        "^",
        "~",
        ".",
        "..",
        "1",
        "[",
        "]",
        "{",
        "}",
        "(",
        ")",
        " TO ",
        "*",
        "?",
        "\\",
        "/",
        "-",
        "+",
        "!",
        "&&",
        " AND ",
        " NOT ",
        ":",
        ">=",
        "é",
        " ",
    ]
    for _ in range(5000):
        with suppress(UsageError):
            parse("".join(chance.choices(pieces, k=chance.randint(1, 7))), kind)


@pytest.mark.parametrize("text", ERRORS)
def test_error(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text, kind)
    assert caught.value.message == ERRORS[text]


def test_word_without_a_field() -> None:
    """Whole values, the protocols in lower case, and the words of texts."""
    found = parse("HTTP", kind)
    whole = [Equals(path, "HTTP") for path in DEFAULT_PATHS if kind(path) is Kind.STRING]
    assert found == Or((*whole, Equals("protocols", "http"), *(Words(path, "HTTP") for path in WORD_PATHS)))
    assert {"info", "layers.http.host", "layers.dns.qry_name"} < set(WORD_PATHS)


def test_words_in_quotes_and_patterns() -> None:
    found = parse('"GET /index"', kind)
    assert isinstance(found, Or)
    assert Words("layers.http.request_uri", "GET /index") in found.parts
    pattern = parse("goog*", kind)
    assert isinstance(pattern, Or)
    [uri] = [part for part in pattern.parts if isinstance(part, Matches) and part.path == "layers.http.request_uri"]
    expression = re.compile(uri.pattern, re.DOTALL)
    for text in ("google", "www.Google.com", "/?q=googol", "x\ngoog"):
        assert expression.fullmatch(text)
    for text in ("agoog", "go", "https://goo.gl"):
        assert not expression.fullmatch(text)


def test_addresses_without_a_field() -> None:
    """Colons in them are no fields'."""
    for text, values in {
        "02:00:00:00:00:0a": {
            Equals("source.mac", "02-00-00-00-00-0A"),
            Equals("destination.mac", "02-00-00-00-00-0A"),
        },
        "fe80::1": {Equals("source.ip", ip_address("fe80::1"))},
        "NOT (fe80::1 OR tcp)": {Equals("source.ip", ip_address("fe80::1"))},
        "2001:db8:0:0:0:0:0:1": {Equals("destination.ip", ip_address("2001:db8::1"))},
    }.items():
        found = str(parse(text, kind))
        assert all(str(value) in found for value in values)


@pytest.mark.parametrize("path", [path for path in WORD_PATHS if path != "info"])
def test_words_are_looked_for_in_texts(path: str, registry: Registry) -> None:
    """Of every version but the oldest, which has no names of HTTP/3."""
    layer, _, key = path.removeprefix("layers.").partition(".")
    assert registry.kind(path) is Kind.STRING
    assert registry.has_path(layer, key) or layer == "http3"


def test_number_without_a_field() -> None:
    found = parse("80", kind)
    assert isinstance(found, Or)
    assert Equals("source.port", 80) in found.parts
    assert Equals("protocol", "80") in found.parts
    assert not any(isinstance(part, Equals) and part.path.endswith(".ip") for part in found.parts)


def test_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time_ns", lambda: START)
    found = parse("@timestamp:[now-1d-1h TO now]", kind)
    assert found == Range("@timestamp", Time(START - DAY - 3600 * 10**9), Time(START))


def test_time_as_text() -> None:
    assert str(Time(START + 1)) == "2015-07-30T00:00:00.000000001Z"
