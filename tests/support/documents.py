"""Thirty documents over two days, in the shape of packets, and the registry that knows their fields."""

from pathlib import Path
from typing import Any

import orjson

from espcap.documents.packets import Document, info_of
from espcap.fields.registry import Registry
from tests.support.small_registry import small_registry

FIELDS = {
    "frame.number": "FT_UINT32",
    "frame.len": "FT_UINT32",
    "frame.time": "FT_ABSOLUTE_TIME",
    "ip.src": "FT_IPv4",
    "ip.dst": "FT_IPv4",
    "ipv6.src": "FT_IPv6",
    "tcp.srcport": "FT_UINT16",
    "tcp.flags.syn": "FT_BOOLEAN",
    "tcp.option_kind": "FT_UINT8",
    "tcp.analysis.initial_rtt": "FT_RELATIVE_TIME",
    "ptp.clock": "FT_UINT64",
    "dns.qry.name": "FT_STRING",
    "http.request.uri": "FT_STRING",
    "http.file_data": "FT_STRING",
    "ntp.xmt": "FT_ABSOLUTE_TIME",
    "gss-api.oid": "FT_STRING",
    "temp.celsius": "FT_INT32",
    "x509.date": "FT_STRING",
}
OUTSIDE_LAYERS = ("protocol", "protocols", "info", "source", "destination", "network", "espcap")
FIRST, SECOND = "2015-07-30", "2015-07-31"
CAPTURE = "0123456789abcdef"


def registry(folder: Path) -> Registry:
    """The registry of the documents' fields."""
    return small_registry(folder, FIELDS)


def make(number: int, day: str = FIRST, capture: str = CAPTURE, **more: Any) -> Document:
    """A document; `more` are its layers, and its other parts where they have a name of their own."""
    time = f"{day}T{number % 24:02}:00:12.{number:09}Z"
    parts: dict[str, Any] = {name: more.pop(name) for name in OUTSIDE_LAYERS if name in more}
    layers = {"frame": {"number": number, "len": 60 + 10 * (number % 3), "time": time}, **more}
    source: dict[str, Any] = {"@timestamp": time, "sniff_timestamp": 1438233732.5 + number, "capture_id": capture}
    source |= {"protocol": "tcp", **parts, "layers": layers}
    return Document(f"packets-{day}", f"{capture}-{number}", {}, orjson.dumps(source), info=info_of(source))


def documents() -> list[Document]:
    """Numbers 1 to 20 on the first day, 21 to 30 on the second; a number says which document a test is about."""
    plain = {number: make(number, FIRST if number <= 20 else SECOND) for number in range(1, 31)}
    gss_api: dict[str, Any] = {"gss-api": {"oid": "1.2.840"}}
    special = [
        make(
            1,
            protocol="http",
            info="GET /index.html HTTP/1.1 ",
            source={"ip": "10.0.0.4", "port": 80},
            http={"request_uri": "/index.html"},
        ),
        make(2, protocol="http", source={"ip": "10.0.0.255", "port": 443}, http={"request_uri": "/a*b?c"}),
        make(3, protocol="dns", source={"ip": "11.0.0.0", "port": 53}, dns={"qry_name": ["www.example.org", "a.b"]}),
        make(
            4,
            info="Standard query 0x00ff A Example.ORG",
            protocol="dns",
            source={"ip": "2001:db8::1", "port": 53},
            dns={"qry_name": "example.org"},
        ),
        make(5, ip={"src": ["10.1.1.1", "192.168.0.1"], "dst": "10.1.1.2"}),
        make(6, ip={"src": ["172.16.0.1"]}, tcp={"option_kind": [1, 1, 3]}),
        make(7, ptp={"clock": 2**64 - 1}),
        make(8, ptp={"clock": 2**63}),
        make(9, ptp={"clock": 2**63 - 1}),
        make(10, ptp={"clock": [5, 2**64 - 2]}),
        make(11, tcp={"flags_syn": True, "analysis_initial_rtt": 0.5}),
        make(12, tcp={"flags_syn": False, "analysis_initial_rtt": -0.25}),
        make(13, tcp={"flags_syn": [True, False], "analysis_initial_rtt": [1.0, 1e-9]}),
        make(14, ntp={"xmt": "2020-01-01T00:00:00.000000001Z"}),
        make(15, ntp={"xmt": "2020-01-01T23:59:59.999999999Z"}),
        make(16, ntp={"xmt": "2020-01-02T00:00:00.000000000Z"}),
        make(17, http={"file_data": "x" * 8192, "request_uri": "ä\u2028\x7f:\"'\\ü"}),
        make(18, http={"file_data": "x" * 8191}),
        make(19, **gss_api, temp={"celsius": -40}),
        make(20, info='53 → 80 Größe="ÄÖ"\n…', temp={"celsius": [-5, 20]}, ipv6={"src": "::ffff:10.0.0.9"}),
        make(21, SECOND, protocol="http", source={"ip": "10.0.0.4", "port": 80}),
        make(22, SECOND, http={"request_uri": "line\nbreak"}),
        make(23, SECOND, info="", http={"request_uri": ""}),
        make(24, SECOND, info="=>", espcap={"bad_time": True, "left_out": 7}),
        make(25, SECOND, x509={"date": ["2020-01-01T00:00:00Z", "2020-01-01"]}),
        make(26, SECOND, x509={"date": "2020-01-01T01:00:00.5+01:00"}),
    ]
    changed = {int(document.id.rpartition("-")[2]): document for document in special}
    return list((plain | changed).values())
