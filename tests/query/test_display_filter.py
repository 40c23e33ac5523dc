"""Display filters: text to tree, and every complaint. What the trees find is tested against tshark."""

import re
from ipaddress import ip_address

import pytest

from espcap.base.errors import UsageError
from espcap.fields.registry import Registry
from espcap.query import And, Equals, Everything, Exists, Matches, Not, Or, Query, Range, Wildcard
from espcap.query.display_filter import parse
from espcap.query.display_filter.patterns import translate
from espcap.query.filter_language import Language
from espcap.query.unindexed import payload_fields
from espcap.query.values import Time

pytest_plugins = ["tests.support.core_fixtures"]

OLD, NEWER, NEWEST = Language((4, 0)), Language((4, 4)), Language((4, 6))
NAMES = {"ip.proto": [(6, 6, "TCP"), (253, 254, "Experimental")], "tcp.flags.syn": [(1, 1, "Set"), (0, 0, "Not set")]}
PORT, HOST, SYN, PROTO = "layers.tcp.port", "layers.http.host", "layers.tcp.flags_syn", "layers.ip.proto"
HTTP, DNS, TCP = (Equals("protocols", name) for name in ("http", "dns", "tcp"))
NOTHING = Not(Everything())
REC = "layers.ntp.rec"
START = 1_438_214_400 * 10**9  # 2015-07-30

TREES: dict[str, Query] = {
    "": Everything(),
    " \n": Everything(),
    "http": HTTP,
    "http or dns and tcp": Or((HTTP, And((DNS, TCP)))),
    "http || dns || tcp": Or((HTTP, DNS, TCP)),
    "!http && dns": And((Not(HTTP), DNS)),
    "not (http and dns)": Not(And((HTTP, DNS))),
    "!!http": HTTP,
    "tcp.port": Exists(PORT),
    "tcp.port == 80": Equals(PORT, 80),
    "tcp.port eq '\\n'": Equals(PORT, 10),
    "tcp.port != 80": And((Exists(PORT), Not(Equals(PORT, 80)))),
    "tcp.port ~= 80": Or((Range(PORT, None, 80, True, False), Range(PORT, 80, None, False))),
    "all tcp.port < 80": And((Exists(PORT), Not(Range(PORT, 80, None)))),
    ".tcp.port == 0X50": Equals(PORT, 80),
    "tcp.port in {80, 1..5}": Or((Equals(PORT, 80), Range(PORT, 1, 5))),
    "tcp.port not in {80}": Not(Equals(PORT, 80)),
    "tcp.flags.syn == true": Equals(SYN, True),
    "tcp.flags.syn < 0": NOTHING,
    'tcp.flags.syn == "SET"': Equals(SYN, True),
    'ip.proto == "tcp"': Equals(PROTO, 6),
    'ip.proto == "Experimental"': Range(PROTO, 253, 254),
    "ip.src > 10.0.0.4/8": Range("layers.ip.src", ip_address("10.255.255.255"), None, False),
    "eth.src == 2-0-0-0-0-A": Equals("layers.eth.src", "02:00:00:00:00:0a"),
    'http.host == "a\\x41\\101\\u00e4\\"\\\\"': Equals(HOST, 'aAAä"\\'),
    'http.host == r"a\\x41\\"b"': Equals(HOST, 'a\\x41"b'),
    'http.host contains "*?\\\\"': Wildcard(HOST, "*\\*\\?\\\\*"),
    'http.host contains ""': NOTHING,
    'http.host matches "^a\\"$"': Matches(HOST, '[aA]["]\n?'),
    'lower(http.host) == "a1"': Matches(HOST, "[aA]1"),
    'upper(http.host) contains "a"': NOTHING,
    'tcp.payload contains "GET"': Wildcard("layers.tcp.payload", "*47:45:54*"),
    'tcp.payload contains "\\xff\\u00e9é"': Wildcard("layers.tcp.payload", "*ff:c3:a9:c3:a9*"),
    'tcp.payload contains ""': Exists("layers.tcp.payload"),
    'http.host == "\\xc3\\xa9"': Equals(HOST, "é"),
    "tcp.port == -1": NOTHING,
    "tcp.port > -1": NOTHING,
    "all tcp.port > -1": And((Exists(PORT), Not(NOTHING))),
    "bootp": Equals("protocols", "dhcp"),
    "ssl.handshake.type == 1": Equals("layers.tls.handshake_type", 1),
    "ntp.rec": Or((Exists(REC), Exists("unparsed.ntp.rec"))),
    "ntp.rec != 2015-07-30": And((Or((Exists(REC), Exists("unparsed.ntp.rec"))), Not(Equals(REC, Time(START))))),
    "ntp.rec ~= 2015-07-30": Or(
        (
            Range(REC, None, Time(START), True, False),
            Range(REC, Time(START), None, False),
            Exists("unparsed.ntp.rec"),
        )
    ),
    "frame.time == 2015-07-30": Equals("@timestamp", Time(START)),
    "frame.time_epoch < 1438214400.000000001": Range("@timestamp", None, Time(START + 1), True, False),
}


def names(field: str) -> list[tuple[int, int, str]]:
    return NAMES.get(field, [])


@pytest.mark.parametrize("text", TREES)
def test_tree(text: str, registry: Registry) -> None:
    assert parse(text, registry, names, OLD) == TREES[text]


PRIVATE = (("10.0.0.0", "10.255.255.255"), ("172.16.0.0", "172.31.255.255"), ("192.168.0.0", "192.168.255.255"))
IS_PRIVATE = Or(tuple(Range("layers.ip.src", ip_address(low), ip_address(high)) for low, high in PRIVATE))
UNNAMED = [Range(PROTO, 0, 5), Range(PROTO, 7, 252), Equals(PROTO, 255)]

OF_NEWER: dict[str, tuple[Query, Query]] = {
    "http xor dns": (Or((And((HTTP, Not(DNS))), And((Not(HTTP), DNS)))),) * 2,
    "http ^^ dns or tcp": (Or((Or((And((HTTP, Not(DNS))), And((Not(HTTP), DNS)))), TCP)),) * 2,
    "tcp.port not in {80}": (And((Exists(PORT), Not(Equals(PORT, 80)))),) * 2,
    "tcp.port > -1": (NOTHING, Exists(PORT)),
    "tcp.port !== -1": (NOTHING, Exists(PORT)),
    "tcp.port in {-5 .. 80}": (NOTHING, Range(PORT, 0, 80)),
    "ntp.rec > 1438214400": (Range(REC, Time(START), None, False),) * 2,
    "ntp.rec > -1": (Exists(REC),) * 2,
    'ip.proto matches "tc"': (Equals(PROTO, 6),) * 2,
    'vals(ip.proto) == "TCP"': (Equals(PROTO, 6),) * 2,
    'vals(ip.proto) == "tcp"': (NOTHING,) * 2,
    'lower(vals(ip.proto)) == "tcp"': (Equals(PROTO, 6),) * 2,
    'vals(ip.proto) contains "e"': (Range(PROTO, 253, 254),) * 2,
    'vals(ip.proto) matches "."': (
        Or((Equals(PROTO, 6), Range(PROTO, 253, 254))),
        Range(PROTO, 0, 255),
    ),
    'vals(ip.proto) == "17"': (NOTHING, Equals(PROTO, 17)),
    "vals(ip.proto)": (Or((Equals(PROTO, 6), Range(PROTO, 253, 254))), Exists(PROTO)),
    'vals(tcp.flags.syn) == "Set"': (NOTHING, Equals(SYN, True)),
    "ip_rfc1918(ip.src)": (IS_PRIVATE,) * 2,
    "ip_rfc1918(ip.src) == true": (IS_PRIVATE,) * 2,
    "ip_rfc1918(ip.src) != 1": (And((Exists("layers.ip.src"), Not(IS_PRIVATE))),) * 2,
    "ip_rfc1918(ip.src) >= 0": (Exists("layers.ip.src"),) * 2,
    "ip_ula(ipv6.src) == 0": (
        Or(
            (
                Range("layers.ipv6.src", None, ip_address("fc00::"), False, False),
                Range("layers.ipv6.src", ip_address("fdff:" + ":".join(["ffff"] * 7)), None, False, False),
            )
        ),
    )
    * 2,
}
"""What only newer versions of Wireshark have, or mean otherwise: the trees of 4.4 and of 4.6."""


@pytest.mark.parametrize("text", OF_NEWER)
def test_tree_of_newer(text: str, registry: Registry) -> None:
    assert tuple(parse(text, registry, names, language) for language in (NEWER, NEWEST)) == OF_NEWER[text]


_A_FIELD = "only fields can be compared with a set"


@pytest.mark.parametrize(
    ("text", "language", "message"),
    [
        ("http xor dns", OLD, "filter: xor needs tshark 4.4 or newer, and 4.0 is installed"),
        ("ip_rfc1918(ip.src)", OLD, "filter: ip_rfc1918() needs tshark 4.4 or newer, and 4.0 is installed"),
        ('vals(ip.proto) == "TCP"', OLD, "filter: vals() needs tshark 4.4 or newer, and 4.0 is installed"),
        ("tcp.port ~= 80", NEWER, "filter: ~= is not an operator of tshark 4.4"),
        ('ip.proto contains "T"', NEWER, "filter: contains fits text and bytes, and ip.proto is of type FT_UINT8"),
        ('tcp.port matches "8"', NEWER, "filter: the values of tcp.port have no names"),
        ("ip_ula(ip.src)", NEWER, "filter: ip_ula() fits addresses of IPv6, and ip.src is of type FT_IPv4"),
        ("ip_ula(ipv6.src) == 2", NEWER, "filter: ip_ula(ipv6.src) == 2: it is true or false"),
        ("vals(ip.proto) == TCP", NEWER, "filter: vals(ip.proto) == TCP: names of values are text"),
        ('vals(ip.proto) in {"TCP"}', NEWER, "filter: vals(ip.proto) in …: only fields can be compared with a set"),
        *(
            (f'lower(http.host) {word} {{"x"}}', language, "filter: lower(http.host) in …: " + _A_FIELD)
            for word in ("in", "not in")
            for language in (OLD, NEWER, NEWEST)
        ),
        ("ip_special_name(ip.src)", NEWER, "filter: the function ip_special_name() cannot be searched for"),
        ("_ws.col.time", NEWER, "filter: _ws.col.time: of Wireshark's columns, documents contain Info and Protocol"),
        ("_ws.col", NEWER, "filter: _ws.col: of Wireshark's columns, documents contain Info and Protocol"),
    ],
)
def test_error_of_versions(text: str, language: Language, message: str, registry: Registry) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text, registry, names, language)
    assert caught.value.message == message


LONG = "a" * 251
_TWO_FIELDS = "is a field; two fields cannot be compared"
_GROUPS = "groups that start with (? are not supported, except (?:…), and (?i) at the start"
_ENDS = "^ and $ can stand only at the ends of the whole expression or of its alternatives"
ERRORS: dict[str, str] = {
    "tcp.prot == 1": "unknown field 'tcp.prot': did you mean tcp.port or tcp.srcport or tcp.proc.dstuid?",
    "htp.host": "unknown field 'htp.host': did you mean http.host?",
    "htt": "unknown field 'htt': did you mean http or http3 or http2?",
    "zzzzzzz.y": "unknown field 'zzzzzzz.y'",
    "5 < frame.number": "filter: '5' is not a field",
    "TCP": "unknown field 'TCP': did you mean tcp?",
    "ip.src == ip.dst": f"filter: ip.dst {_TWO_FIELDS}",
    "ip.proto == tcp": f"filter: tcp {_TWO_FIELDS}",
    "frame.protocols contains ssl": f"filter: ssl {_TWO_FIELDS}",
    "tcp.port in {80, udp.port}": f"filter: udp.port {_TWO_FIELDS}",
    "eth.src[0:3] == 02:00:00": "filter 'eth.src[0:3] == 02:00:00': slices ([…]) cannot be searched for",
    "ip.src#1 == 1.1.1.1": "filter 'ip.src#1 == 1.1.1.1': the layer operator (#) cannot be searched for",
    "tcp.port + 1 == 81": "filter 'tcp.port + 1 == 81': arithmetic cannot be searched for",
    "tcp.port -1 == 81": "filter 'tcp.port -1 == 81': arithmetic cannot be searched for",
    "frame.number % 2 == 0": "filter 'frame.number % 2 == 0': arithmetic cannot be searched for",
    "tcp.flags & 0x02": "filter 'tcp.flags & 0x02': bitwise conditions (&) cannot be searched for",
    "frame.number > ${frame.number}":
        "filter 'frame.number > ${frame.number}': references to another packet and macros ($…) cannot be searched for",
    "@ip.src == 01:01:01:01": "filter '@ip.src == 01:01:01:01': raw values (@) cannot be searched for",
    "len(http.host) > 5": "filter: the function len() cannot be searched for",
    "count(ip.addr) == 2": "filter: the function count() cannot be searched for",
    "string(frame.number) matches \"1$\"": "filter: the function string() cannot be searched for",
    "max(tcp.port, udp.port) == 5": "filter: the function max() cannot be searched for",
    "lower(http.host)": "filter: lower() is not a condition",
    'lower(ip.src) == "x"': "filter: lower() fits text, and ip.src is of type FT_IPv4",
    'lower(http.host) > "x"': "filter: http.host > …: the order of lower() cannot be searched for",
    'lower(http.host) matches "x"': "filter: matches ignores case, with or without lower()",
    'tcp contains "GET"': "filter: tcp is a protocol, and documents do not contain its bytes",
    "tcp.analysis == 1": "filter: tcp.analysis has no value to compare",
    "tcp.payload > 00": "filter: tcp.payload > …: the order of type FT_BYTES cannot be searched for",
    'ip.src contains "1"': "filter: contains fits text and bytes, and ip.src is of type FT_IPv4",
    'tcp.port matches "8"': "filter: matches fits text, and tcp.port is of type FT_UINT16",
    "http.host matches x": "filter: http.host matches x: it must be in double quotes",
    'all http.host contains "x"': "filter: all http.host contains … cannot be searched for",
    "all tcp.port in {80}": "filter: all tcp.port in … cannot be searched for",
    "ipx.src.net == 5": "filter: values of ipx.src.net (FT_IPXNET) cannot be compared",
    "tcp.port == 70000": "tcp.port: '70000' is not a number from 0 to 65535",
    "tcp.port == -65536": "tcp.port: '-65536' is not a number from 0 to 65535",
    "tcp.port == 80.0": "tcp.port: '80.0' is not a number",
    'tcp.port == "80"': "tcp.port: '80' is not a number (leave out the quotes)",
    'ip.proto == "x"': "ip.proto: 'x' is not a number or the name that Wireshark shows for a number",
    "ip.src == 2001:db8::1":
        "ip.src: '2001:db8::1' is not an IPv4 address or network such as 10.0.0.0/8; names are not looked up",
    "ip.src == 192.0.2":
        "ip.src: '192.0.2' is not an IPv4 address or network such as 10.0.0.0/8; names are not looked up",
    "ipv6.src == www.example.test":
        "ipv6.src: 'www.example.test' is not an IPv6 address or network such as 2001:db8::/32; names are not looked up",
    "eth.src == 02:00": "eth.src: '02:00' is not an address of 6 bytes",
    "tcp.payload contains xyz": "tcp.payload: 'xyz' is not bytes such as 47:45:54",
    "frame.time > 1714557600.2":
        "frame.time: '1714557600.2' is not a time between 1970 and 2262 such as 2015-07-30T05:22",
    'frame.time > "Foo 30, 2015 05:22:12"':
        "frame.time: 'Foo 30, 2015 05:22:12' is not a time such as \"2015-07-30 05:22:12.662\"",
    "frame.time_epoch > x": "frame.time_epoch: 'x' is not a number of seconds since 1970 such as 1438233732.662",
    "frame.time_delta > 1e-3": "frame.time_delta: '1e-3' is not a number of seconds with at most nine decimals",
    "tcp.port = 80": "filter 'tcp.port = 80': '=' was not expected at position 10",
    "tcp.port == 80 http": "filter 'tcp.port == 80 http': 'http' was not expected at position 16",
    "tcp.port in {80 81}": "filter 'tcp.port in {80 81}': '81' was not expected at position 17",
    "tcp and": "filter 'tcp and': it ends too early",
    "(tcp": "filter '(tcp': it ends too early",
    'http.host == "x': "filter 'http.host == \"x': the quote at position 14 is not closed",
    'http.host == "\\d"': "filter: \\d is not a valid escape",
    "(tcp && (udp || " * 13 + "http" + "))" * 13: "the query is nested too deeply",
    "!" * 10_001 + "http": "the query is nested too deeply",
    "(tcp && " * 5000 + "http" + ")" * 5000: "the query is nested too deeply",
    "(" * 10_000: f"filter '{'(' * 60}…{'(' * 30}': it ends too early",
    "tcp.port in {" + ",".join(map(str, range(1001))) + "}":
        "the query has 1,001 conditions, and at most 1,000 are allowed",
    f'http.host == "{"a" * 10_001}"':
        "layers.http.host: text of more than 10,000 characters cannot be searched for",
    f'http.host contains "{"a" * 999}"':
        "layers.http.host: patterns of more than 1,000 characters cannot be searched for",
    "tcp.port == " + "9" * 5000: f"tcp.port: '{'9' * 60}…{'9' * 30}' is not a number",
    "frame.time_epoch == " + "9" * 5000:
        f"frame.time_epoch: '{'9' * 60}…{'9' * 30}' is not a number of seconds since 1970 such as 1438233732.662",
    'http.host == "\\ud800"': "filter: \\ud800 is not a character",
    'http.host == "\\U00110000"': "filter: \\U00110000 is not a character",
    'http.host == "\\xff"': "http.host: '\\udcff' is not UTF-8, like all text in documents",
    "http.host == \"\udcff\"": "'http.host == \"\\udcff\"' is not UTF-8",
    'http.host matches "' + "(" * 4000 + "a" + ")" * 4000 + '"': "the query is nested too deeply",
    'http.host matches "a$$"': f"regular expression 'a$$': {_ENDS}",
    "{tcp.len + 1} == 1": "filter '{tcp.len + 1} == 1': arithmetic cannot be searched for",
    "ip.src == .ip.dst": f"filter: .ip.dst {_TWO_FIELDS}",
    'http.host matches "("': "regular expression '(': a parenthesis is not closed",
    'http.host matches ")"': "regular expression ')': a closing parenthesis has no opening one",
    'http.host matches "[a"': "regular expression '[a': it ends too early",
    'http.host matches "*"': "regular expression '*': * has nothing to repeat",
    'http.host matches "a**"': "regular expression 'a**': * is repeated",
    'http.host matches "a++"': "regular expression 'a++': possessive quantifiers are not supported",
    'http.host matches "a{2,1}"': "regular expression 'a{2,1}': the numbers of {2,1} are out of order",
    'http.host matches "(a{20}){20}"': "regular expression '(a{20}){20}': it has too many repetitions",
    'http.host matches "[b-a]"': "regular expression '[b-a]': the range b-a is out of order",
    'http.host matches "[[:foo:]]"': "regular expression '[[:foo:]]': [:foo:] is not supported",
    'http.host matches r"(a)\\1"': "regular expression '(a)\\\\1': \\1 is not supported",
    'http.host matches r"\\bwww"': "regular expression '\\\\bwww': \\b is not supported",
    'http.host matches "a(?=b)"':
        f"regular expression 'a(?=b)': {_GROUPS}",
    'http.host matches "a^b"': f"regular expression 'a^b': {_ENDS}",
    'http.host matches "(a$)b"': f"regular expression '(a$)b': {_ENDS}",
    f'http.host matches "{LONG}"': "layers.http.host: patterns of more than 1,000 characters cannot be searched for",
}  # fmt: skip


@pytest.mark.parametrize("text", ERRORS)
def test_error(text: str, registry: Registry) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text, registry, names, OLD)
    assert caught.value.message == ERRORS[text]


PATTERNS = [
    *["", "a", "ab", "^a", "a$", "^a$", "^$", "$", "a|b", "^a|b$", "a||b", "(a|b)c", "(|a)b", "(?:a)", "()", "(a?)?"],
    *["a*", "a+b", "a?b", "a??b", "a*?b", "a{2}", "a{2,}", "a{1,2}b", "a{,2}", "a{", "{", "]", "}", "(ab){2}", "a{0}b"],
    *[".", "a.b", "^.$", "(?s)a.b", "(?i)A", "(?-i)A", "(?-i)[A-C]", "[a-c]", "[^a-c]", "[ab^]", "[]a]", "[^]a]"],
    *["[a-]", "[a\\-c]", "[\\w-]", "[A-z]", "[\\]\\[]", "[&~-]", "[[:alpha:]]", "[^[:space:]]", "\\d", "\\D", "\\s"],
    *["\\w+", "\\W", "\\.", "\\\\", "\\n", "\\t", "\\x41", "\\x{62}", "\\$", "\\^", '"', "#@<>&~", "\\/", "\\A[ab]"],
    *["[\\[-a]", "[Z-\\^]", "[\\[-\\]]", "[&-\\-]", "[(?i)}-~]", "[^\\\\-_]", "[\\\\-\\\\]"],
    *["(?<n>a)b", "(?P<n>a|b)", "[[:punct:]]", "a\\Z", "a\\z", "[\\x41-\\x43]", "é", "[é]", "\\*\\?", "a b"],
]
TEXTS = ["", "a", "A", "b", "ab", "AB", "abc", "aab", "cab", "a\n", "a\nb", "\n", "a.b", "a-c", "]", "[", "{", "a{,2}"]
TEXTS += [
    "}",
    "^",
    "$",
    "\\",
    '"',
    "1",
    "a1",
    " ",
    "a b",
    "\t",
    "_",
    "é",
    "É",
    "#@<>&~",
    "/",
    "*?",
    "&",
    "Z",
    "a{",
    "c",
]
_POSIX = {"[:alpha:]": "a-zA-Z", "[:space:]": r"\s", "[:punct:]": r"!-/:-@\[-`{-~"}


def _perl(pattern: str) -> "re.Pattern[str]":
    """Python's own reading of the few things that it writes otherwise."""
    for posix, members in _POSIX.items():
        pattern = pattern.replace(posix, members)
    flags = re.ASCII | (0 if pattern.startswith("(?-i)") else re.IGNORECASE)
    pattern = (
        pattern.removeprefix("(?-i)").replace(r"\x{62}", "b").replace("(?<n>", "(?P<n>").replace("a{,2}", r"a\{,2\}")
    )
    pattern = pattern.replace(r"\Z", r"(?=\n?\Z)").replace(r"\z", r"\Z")
    return re.compile(pattern.replace("[]a]", r"[\]a]").replace("[^]a]", r"[^\]a]"), flags)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_translated_patterns_find_what_perls_do(pattern: str) -> None:
    translated = re.compile(translate(pattern), re.DOTALL)
    found = [text for text in TEXTS if translated.fullmatch(text)]
    assert found == [text for text in TEXTS if _perl(pattern).search(text)]


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("tcp.payload", []),
        ("!tcp.payload", []),
        ("!(tcp.payload contains 00)", ["layers.tcp.payload"]),
        ("tcp.payload contains 00 && udp.payload", ["layers.tcp.payload"]),
        ("tcp.payload == 00:01", []),
        (f"tcp.payload == {'00:' * 64}00", ["layers.tcp.payload"]),
        ("tcp.payload != 00:01", []),
        ('http.host contains "x" and tcp.port > 5', []),
    ],
)
def test_conditions_on_payload_that_documents_leave_out(text: str, fields: list[str], registry: Registry) -> None:
    assert payload_fields(parse(text, registry, names, OLD), registry.kind) == fields
