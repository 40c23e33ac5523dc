"""What fields may be called."""

from typing import Any

import pytest

from espcap.base.errors import UsageError
from espcap.fields.registry import Registry
from espcap.query import Equals, Everything, Exists
from espcap.query.lucene import parse
from espcap.query.paths import Paths

pytest_plugins = ["tests.support.core_fixtures"]


@pytest.fixture
def paths(registry: Registry) -> Paths:
    return Paths(registry, lambda path: path == "geo.country")


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("ip.src", "layers.ip.src"),
        ("tcp.analysis.initial_rtt", "layers.tcp.analysis_initial_rtt"),
        ("http.response.code", "layers.http.response_code"),
        ("frame.time", "@timestamp"),
        *((path, path) for path in ("layers.ip.src", "layers.http.response_code", "source.ip", "@timestamp")),
        *((path, path) for path in ("protocol", "protocols", "_id", "stack.network", "network.community_id")),
        *((path, path) for path in ("file_name", "espcap.bad_time", "sniff_timestamp", "observer.hostname")),
        *((path, path) for path in ("layers.xml.envelope", "unparsed.ntp.rec", "network.bytes", "geo.country")),
    ],
)
def test_fields(name: str, path: str, paths: Paths) -> None:
    assert paths.field(name) == path


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("layers.tcp.prot", "no such field: layers.tcp.prot: did you mean layers.tcp.port"),
        ("tcp.prot", "no such field: tcp.prot: did you mean tcp.port or tcp.srcport"),
        ("TCP.Port", "no such field: TCP.Port: did you mean tcp.port?"),
        ("layers.htp.host", "no such field: layers.htp.host: did you mean layers.http.host"),
        ("layers.tcp.analysis.initial_rtt", "did you mean layers.tcp.analysis_initial_rtt?"),
        ("http.response_code", "no such field: http.response_code: did you mean layers.http.response_code?"),
        ("protcol", "no such field: protcol: did you mean protocol"),
        ("source.prot", "no such field: source.prot: did you mean source.port"),
        ("q" * 300, "no such field: qqq"),
        ("source", "source is not one field"),
        ("layers", "layers is not one field"),
        ("layers.dns", "layers.dns is not one field"),
        ("dns", "dns is a protocol and has no values"),
        ("port", "no such field: port: did you mean tcp.port or udp.port?"),
        ("src_ip", "no such field: src_ip: did you mean ip.src or source.ip?"),
        ("Method", "no such field: Method: did you mean http.request.method?"),
        ("timestamp", "no such field: timestamp: did you mean @timestamp?"),
        ("", "no such field: "),
    ],
)
def test_no_field(name: str, message: str, paths: Paths) -> None:
    """The nearest of the names that are like it come first."""
    with pytest.raises(UsageError) as caught:
        paths.field(name)
    assert message in caught.value.message


def test_hints(paths: Paths) -> None:
    """A protocol that people take for a field, and a field that may be of their own dissector."""
    hints = {}
    for name in ("ip", "dns", "acme.kind", "protcol"):
        with pytest.raises(UsageError) as caught:
            paths.field(name)
        hints[name] = caught.value.hint
    assert hints["ip"] == "protocols:ip finds its packets; did you mean ip.addr?"
    assert hints["dns"] == "protocols:dns finds its packets; did you mean dns.qry.name?"
    assert hints["acme.kind"].endswith(
        "those of your own dissectors are known after packets were stored with --profile-dir or --protocol-dir"
    )
    assert hints["protcol"] == "tshark -G fields lists all names"


def test_presence(paths: Paths) -> None:
    assert paths.exists("ip.src") == Exists("layers.ip.src")
    assert paths.exists("dns") == Equals("protocols", "dns")
    for path in ("layers", "layers.dns", "source", "unparsed", "espcap", "layers.ip.src", "geo.country"):
        assert paths.exists(path) == Exists(path)
    with pytest.raises(UsageError, match="no such field: htp: did you mean http"):
        paths.exists("htp")


def test_identifiers(registry: Registry, paths: Paths) -> None:
    def tree(text: str) -> object:
        return parse(text, registry.kind, paths.field, paths.exists)

    assert tree("_id:abc-1") == Equals("_id", "abc-1")
    assert tree("_id:*") == tree("_exists_:_id") == Everything()
    for text in ("_id:abc*", "_id:[a TO b]", "_id:>=a"):
        with pytest.raises(UsageError, match="_id is searched as a whole value"):
            tree(text)


def test_no_name(registry: Registry) -> None:
    """Also where a store would say that it has something there."""
    with pytest.raises(UsageError, match="no such field: "):
        Paths(registry, lambda path: True).field("")


def test_earlier_names(registry: Registry, paths: Paths) -> None:
    assert paths.field("bootp.type") == paths.field("layers.bootp.type") == "layers.dhcp.type"
    assert paths.field("unparsed.ssl.handshake_type") == "unparsed.tls.handshake_type"
    assert paths.exists("ssl") == Equals("protocols", "tls")
    assert paths.exists("layers.ssl") == Exists("layers.tls")
    with pytest.raises(UsageError, match=r"no such field: tls\.handshake\.tipe: did you mean tls\.handshake\.type"):
        paths.field("ssl.handshake.tipe")

    def tree(text: str) -> Any:
        return parse(text, registry.kind, paths.field, paths.exists, paths.current)

    for text in ("ssl.handshake.type:1", "_exists_:layers.ssl.handshake_type", "protocols:ssl", "NOT protocol:bootp"):
        assert tree(text) == tree(text.replace("ssl", "tls").replace("bootp", "dhcp"))
    assert Equals("protocols", "tls") in tree("SSL").parts
    assert Equals("protocol", "tls") in tree("ssl").parts


def test_in_a_query_string(registry: Registry, paths: Paths) -> None:
    def tree(text: str) -> object:
        return parse(text, registry.kind, paths.field, paths.exists)

    assert tree("ip.src:10.0.0.0/8") == tree("layers.ip.src:10.0.0.0/8")
    assert tree("http.response.code:[400 TO 499]") == tree("layers.http.response_code:[400 TO 499]")
    assert tree("_exists_:dns.a") == Exists("layers.dns.a")
    assert tree("dns.qry.name:(*.org OR x)") == tree("layers.dns.qry_name:(*.org OR x)")
    with pytest.raises(UsageError, match=r"no such field: layers\.htp\.host"):
        tree("NOT (tcp OR layers.htp.host:x)")
