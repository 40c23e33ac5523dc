import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from espcap.dissection import Layers, Record
from espcap.documents.packets import MOST_DAYS, Document, DocumentBuilder, Origin
from espcap.fields.protocols import read_list

EPOCH = "1438233732.662099000"
DAY = 86_400


def builder(**origin: Any) -> DocumentBuilder:
    return DocumentBuilder(Origin("c0ffee", **origin), read_list())


def build(protocols: str, layers: Layers, tree: str = "", **record: Any) -> dict[str, Any]:
    """The source of a packet's document; `tree` has a protocol of the tree in each word."""
    frame: Layers = {"frame": {"number": 7, "len": 60, "protocols": protocols}}
    names = ["frame", *(tree or protocols.replace("ethertype:", "").replace(":", " ")).split()]
    return builder().build(Record(EPOCH, frame | layers, names, **record)).source


def at(epoch: str, number: int = 1) -> Record:
    return Record(epoch, {"frame": {"number": number, "protocols": "eth"}}, ["frame", "eth"])


def test_a_whole_document() -> None:
    layers: Layers = {
        "frame": {"number": 64, "len": 1034, "protocols": "eth:ethertype:ip:tcp:http:xml"},
        "eth": {"src": "58:23:8c:b4:42:56", "dst": "60:f8:1d:cb:43:84"},
        "ip": {"src": "83.145.197.2", "dst": "10.0.0.4", "ttl": 41},
        "tcp": {"srcport": 80, "dstport": 59807, "flags_syn": False},
        "http": {"response_code": 200},
        "xml": {"cdata": ["a", "b"]},
    }
    tree = ["frame", "eth", "ip", "tcp", "http", "xml"]
    record = Record(EPOCH, layers, tree, community_id="1:abc=", inner=["ber", "tcp", "ber"])
    document = builder(file_name="test_pcaps/http.pcap", file_modified=1442971286.9).build(record)
    assert document.index == "packets-2015-07-30"
    assert document.id == "c0ffee-64"
    assert document.source == {
        "@timestamp": "2015-07-30T05:22:12.662099000Z",
        "sniff_timestamp": 1438233732.662099,
        "sniff_date_utc": "2015-07-30T05:22:12+0000",
        "file_name": "test_pcaps/http.pcap",
        "file_date_utc": "2015-09-23T01:21:26+0000",
        "capture_id": "c0ffee",
        "protocol": "http",
        "protocols": [*tree, "ber"],
        "stack": {"link": "eth", "network": "ip", "transport": "tcp", "application": "http"},
        "source": {"ip": "83.145.197.2", "port": 80, "mac": "58-23-8C-B4-42-56", "bytes": 1034},
        "destination": {"ip": "10.0.0.4", "port": 59807, "mac": "60-F8-1D-CB-43-84"},
        "network": {
            "type": "ipv4",
            "transport": "tcp",
            "protocol": "http",
            "community_id": "1:abc=",
            "bytes": 1034,
        },
        "layers": {**layers, "xml": {"cdata": ["a", "b"], "envelope": "http"}},
    }
    assert json.loads(document.body) == document.source
    assert b"\n" not in document.body


def test_a_live_packet() -> None:
    layers: Layers = {"frame": {"number": 1, "protocols": "eth", "interface_name": "eth0"}}
    source = builder(hostname="probe.example.test").build(Record(EPOCH, layers, ["frame", "eth"])).source
    assert source["observer"] == {"hostname": "probe.example.test", "ingress": {"interface": {"name": "eth0"}}}
    assert source["capture_id"] == "c0ffee"
    assert not {"file_name", "file_date_utc"} & set(source)


def test_a_live_packet_of_an_unnamed_interface() -> None:
    source = builder(hostname="probe.example.test").build(at(EPOCH)).source
    assert source["observer"] == {"hostname": "probe.example.test"}


def test_a_file_without_a_date() -> None:
    source = builder(file_name="-").build(at(EPOCH)).source
    assert source["file_name"] == "-"
    assert not {"file_date_utc", "observer", "unparsed", "espcap"} & set(source)


@pytest.mark.parametrize(
    ("protocols", "layers", "expected"),
    [
        (
            "eth:ethertype:ip:gre:ip:tcp",
            {
                "eth": {"src": "02:00:00:00:00:01", "dst": "02:00:00:00:00:02"},
                "ip": {"src": ["192.0.2.1", "198.51.100.1"], "dst": ["192.0.2.2", "198.51.100.2"]},
                "tcp": {"srcport": 1, "dstport": 2},
            },
            {
                "source": {"ip": "198.51.100.1", "port": 1, "mac": "02-00-00-00-00-01", "bytes": 60},
                "destination": {"ip": "198.51.100.2", "port": 2, "mac": "02-00-00-00-00-02"},
                "network": {"type": "ipv4", "transport": "tcp", "bytes": 60},
            },
        ),
        (
            "eth:ethertype:ip:udp:vxlan:eth:ethertype:ip:udp:dns",
            {
                "eth": {
                    "src": ["02:00:00:00:00:01", "02:00:00:00:01:01"],
                    "dst": ["02:00:00:00:00:02", "02:00:00:00:01:02"],
                },
                "ip": {"src": ["192.0.2.1", "198.51.100.1"], "dst": ["192.0.2.2", "198.51.100.2"]},
                "udp": {"srcport": [10, 20], "dstport": [4789, 53]},
            },
            {
                "source": {"ip": "198.51.100.1", "port": 20, "mac": "02-00-00-00-01-01", "bytes": 60},
                "destination": {"ip": "198.51.100.2", "port": 53, "mac": "02-00-00-00-01-02"},
                "network": {"type": "ipv4", "transport": "udp", "protocol": "dns", "bytes": 60},
            },
        ),
        (  # an ICMP error's own addresses, not those of the packet in it
            "eth:ethertype:ip:icmp:ip:udp:data",
            {
                "ip": {"src": ["192.0.2.2", "192.0.2.1"], "dst": ["192.0.2.1", "192.0.2.2"]},
                "udp": {"srcport": 1, "dstport": 2},
            },
            {
                "source": {"ip": "192.0.2.2", "bytes": 60},
                "destination": {"ip": "192.0.2.1"},
                "network": {"type": "ipv4", "transport": "icmp", "bytes": 60},
            },
        ),
        (
            "eth:ethertype:ipv6:icmpv6",
            {"ipv6": {"src": "2001:db8::1", "dst": "2001:db8::2"}},
            {
                "source": {"ip": "2001:db8::1", "bytes": 60},
                "destination": {"ip": "2001:db8::2"},
                "network": {"type": "ipv6", "transport": "ipv6-icmp", "bytes": 60},
            },
        ),
        (
            "eth:ethertype:ip:ipv6:tcp",
            {
                "ip": {"src": "192.0.2.1", "dst": "192.0.2.2"},
                "ipv6": {"src": "2001:db8::1", "dst": "2001:db8::2"},
                "tcp": {"srcport": 1, "dstport": 2},
            },
            {
                "source": {"ip": "2001:db8::1", "port": 1, "bytes": 60},
                "destination": {"ip": "2001:db8::2", "port": 2},
                "network": {"type": "ipv6", "transport": "tcp", "bytes": 60},
            },
        ),
        (
            "eth:ethertype:ip:sctp",
            {"ip": {"src": "192.0.2.1", "dst": "192.0.2.2"}, "sctp": {"srcport": 7, "dstport": 9, "port": [7, 9]}},
            {
                "source": {"ip": "192.0.2.1", "port": 7, "bytes": 60},
                "destination": {"ip": "192.0.2.2", "port": 9},
                "network": {"type": "ipv4", "transport": "sctp", "bytes": 60},
            },
        ),
        (  # UDP-Lite's fields are those of UDP
            "eth:ethertype:ip:udplite",
            {"udp": {"srcport": 7, "dstport": 9}},
            {
                "source": {"port": 7, "bytes": 60},
                "destination": {"port": 9},
                "network": {"type": "ipv4", "transport": "udplite", "bytes": 60},
            },
        ),
        (
            "eth:ethertype:arp",
            {
                "eth": {"src": "02:00:00:00:00:01", "dst": "ff:ff:ff:ff:ff:ff"},
                "arp": {"src_proto_ipv4": "192.0.2.1"},
            },
            {
                "source": {"mac": "02-00-00-00-00-01", "bytes": 60},
                "destination": {"mac": "FF-FF-FF-FF-FF-FF"},
                "network": {"type": "arp", "bytes": 60},
            },
        ),
        (
            "radiotap:wlan_radio:wlan:llc:ip",
            {
                "wlan": {"sa": "02:00:00:00:00:01", "da": "02:00:00:00:00:02"},
                "ip": {"src": "192.0.2.1", "dst": "192.0.2.2"},
            },
            {
                "source": {"ip": "192.0.2.1", "mac": "02-00-00-00-00-01", "bytes": 60},
                "destination": {"ip": "192.0.2.2", "mac": "02-00-00-00-00-02"},
                "network": {"type": "ipv4", "bytes": 60},
            },
        ),
        ("usb", {"usb": {"src": "host"}}, {"source": {"bytes": 60}, "network": {"bytes": 60}}),
    ],
)
def test_source_destination_and_network(protocols: str, layers: Layers, expected: dict[str, Any]) -> None:
    source = build(protocols, layers)
    assert {key: source[key] for key in ("source", "destination", "network") if key in source} == expected


@pytest.mark.parametrize(
    ("epoch", "timestamp", "date"),
    [
        ("1714557600.123456789", "2024-05-01T10:00:00.123456789Z", "2024-05-01T10:00:00+0000"),
        ("0.000000000", "1970-01-01T00:00:00.000000000Z", "1970-01-01T00:00:00+0000"),
        ("0.000000001", "1970-01-01T00:00:00.000000001Z", "1970-01-01T00:00:00+0000"),
        ("951782400.000000000", "2000-02-29T00:00:00.000000000Z", "2000-02-29T00:00:00+0000"),
        ("1700006399.999999999", "2023-11-14T23:59:59.999999999Z", "2023-11-14T23:59:59+0000"),
        ("1700006400.000000000", "2023-11-15T00:00:00.000000000Z", "2023-11-15T00:00:00+0000"),
        ("4294967295.999999999", "2106-02-07T06:28:15.999999999Z", "2106-02-07T06:28:15+0000"),
        ("9223372036.854775807", "2262-04-11T23:47:16.854775807Z", "2262-04-11T23:47:16+0000"),
    ],
)
def test_time(epoch: str, timestamp: str, date: str) -> None:
    document = builder().build(at(epoch))
    assert document.source["@timestamp"] == timestamp
    assert document.source["sniff_date_utc"] == date
    assert document.source["sniff_timestamp"] == float(epoch)
    assert document.index == f"packets-{timestamp[:10]}"
    assert not {"espcap", "unparsed"} & set(document.source)


@pytest.mark.parametrize(
    "epoch",
    [
        "9223372036.854775808",
        "1099511627776.000000000",
        "18446744073709.551615000",
        "1714557600.1500000000",
        "1714557600.123456",
        "-1.000000000",
        "-3000000000.000000000",
        "0.-00000001",
        "",
        "1714557600",
        "nan",
        "Not representable",
    ],
)
def test_time_that_is_none(epoch: str) -> None:
    document = builder().build(at(epoch))
    assert document.source["espcap"] == {"bad_time": True}
    assert document.source["unparsed"] == {"frame": {"time_epoch": epoch}}
    assert document.index == "packets-undated"
    assert document.id == "c0ffee-1"
    assert not {"@timestamp", "sniff_timestamp", "sniff_date_utc"} & set(document.source)


def test_a_capture_has_only_so_many_days() -> None:
    days = builder()
    documents = [days.build(at(f"{number * DAY}.000000000", number)) for number in range(MOST_DAYS + 3)]
    dates = [datetime(1970, 1, 1, tzinfo=UTC) + timedelta(number) for number in range(MOST_DAYS)]
    assert [document.index for document in documents] == [
        *(f"packets-{date:%Y-%m-%d}" for date in dates),
        *["packets-undated"] * 3,
    ]
    assert documents[-1].source["@timestamp"] == "1971-01-04T00:00:00.000000000Z"
    assert days.build(at("1.000000000")).index == "packets-1970-01-01"  # a day that it has stays


@pytest.mark.parametrize(
    ("protocols", "tree", "envelopes"),
    [
        ("eth:ethertype:ip:tcp:http:xml", "eth ip tcp http xml", {"xml": "http"}),
        ("eth:ethertype:vlan:ethertype:ip:icmp", "eth vlan ip icmp", {"vlan": "eth"}),
        ("eth:ethertype:vlan:ethertype:vlan:ethertype:ip", "eth vlan vlan ip", {"vlan": ["eth", "vlan"]}),
        ("eth:ethertype:ip:gre:ip:icmp", "eth ip gre ip icmp", {"gre": "ip"}),
        (
            "eth:ethertype:ip:tcp:http:json:json:json",
            "eth ip tcp http json json json",
            {"json": ["http", "json", "json"]},
        ),
        ("eth:llc:stp", "eth llc stp", {"llc": "eth"}),
        ("eth:ethertype:ip:udp:data", "eth ip udp data", {"data": "udp"}),
        ("eth:ethertype:ip:icmp:ip:udp:dns", "eth ip icmp ip udp dns", {"udp": "ip", "dns": "udp"}),
        ("eth:ethertype:ip:tcp:tls:tls:http", "eth ip tcp tls tls http", {"tls": ["tcp", "tls"]}),
        ("eth:ethertype:ip:tcp", "eth ip tcp", {}),
        ("", "", {}),
    ],
)
def test_envelopes(protocols: str, tree: str, envelopes: dict[str, Any]) -> None:
    layers = build(protocols, {}, tree)["layers"]
    assert {name: keys["envelope"] for name, keys in layers.items() if "envelope" in keys} == envelopes


def test_unparsed_values_are_kept() -> None:
    source = build("eth", {}, unparsed={"ip": {"src": ["a", "b"]}})
    assert source["unparsed"] == {"ip": {"src": ["a", "b"]}}


def test_unparsed_values_stay_beside_a_damaged_time() -> None:
    record = at("-1.000000000")
    record.unparsed = {"ip": {"src": "a"}, "frame": {"time": "b"}}
    source = builder().build(record).source
    assert source["unparsed"] == {"ip": {"src": "a"}, "frame": {"time": "b", "time_epoch": "-1.000000000"}}


def test_without_anything() -> None:
    document = builder().build(Record("", {"frame": {}}, []))
    assert document.id == "c0ffee-0"
    assert document.source["protocol"] == "frame"
    assert document.source["stack"] == {}
    assert "source" not in document.source
    assert "destination" not in document.source


@pytest.mark.parametrize("value", [2**64 - 1, -(2**63), '€\x00\x1b"\\\u2028', 1.5e-7, True, ["a", "a"]])
def test_body_has_every_value(value: Any) -> None:
    record = Record(EPOCH, {"frame": {"number": 1, "protocols": "eth"}, "x": {"y": value}}, ["frame"])
    document: Document = builder().build(record)
    assert json.loads(document.body)["layers"]["x"]["y"] == value
    assert document.body.count(b"\n") == 0
