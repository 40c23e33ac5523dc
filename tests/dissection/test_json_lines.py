import json
import subprocess
from collections.abc import Iterable
from typing import Any

import pytest

from espcap.dissection import Record, json_lines
from espcap.dissection.json_lines import JsonReader
from espcap.fields.registry import Registry
from espcap.tshark.output import IDLE
from espcap.tshark.program import Program, environment
from tests.support.command import CAPTURES

pytest_plugins = ["tests.support.core_fixtures"]

EPOCH = "1714557600.123456000"


def packet(*lines: str, frame: tuple[str, ...] = (f'"frame.time_epoch": "{EPOCH}"',)) -> str:
    """A packet as `tshark -T json` prints it; lines without blanks before them are members of a layer."""
    indented = [line if line.startswith(" ") else f"          {line}" for line in lines]
    body = ['        "frame": {', *(f"          {line}" for line in frame), "        },", *indented]
    return "\n".join(['  {\n    "_source": {\n      "layers": {', *body, "      }\n    }\n  }"])


def stream(*packets: str) -> bytes:
    return ("[\n" + ",\n".join(packets) + "\n]\n").encode("utf-8", "surrogatepass")


def records(registry: Registry, blocks: Iterable[bytes], payload: bool = False) -> list[Record | None]:
    return list(JsonReader(registry, payload).records(blocks))


def layers(registry: Registry, *lines: str, payload: bool = False) -> dict[str, Any]:
    """The layers of a packet with these lines, without its frame."""
    (record,) = records(registry, [stream(packet(*lines))], payload)
    assert record
    assert record.unparsed == {}
    assert record.layers.pop("frame") == {"time_epoch": float(EPOCH)}
    return record.layers


WHOLE = packet(
    '        "eth": {',
    '"eth.dst": "ff:ff:ff:ff:ff:ff",',
    '"eth.dst_tree": {',
    '  "eth.addr": "ff:ff:ff:ff:ff:ff",',
    "},",
    '"eth.src": "02:00:00:00:00:01",',
    '"eth.src_tree": {',
    '  "eth.addr": "02:00:00:00:00:01"',
    "},",
    '"eth.type": "0x0800"',
    "        },",
    '        "ip": {',
    '"ip.src": "192.0.2.1",',
    '"ip.ttl": "64"',
    "        },",
    '        "ip": {',
    '"ip.src": "192.0.2.1",',
    '"ip.ttl": "1"',
    "        },",
    '        "tcp": {',
    '"tcp.flags.syn": "1",',
    '"tcp.analysis": {',
    '  "tcp.analysis.initial_rtt": "0.000012000"',
    "}",
    "        },",
    '        "communityid": "1:abc="',
    frame=(f'"frame.time_epoch": "{EPOCH}",', '"frame.number": "1",', '"frame.protocols": "eth:ethertype:ip:ip:tcp"'),
)


def test_a_packet(registry: Registry) -> None:
    (record,) = records(registry, [stream(WHOLE)])
    assert record == Record(
        epoch=EPOCH,
        layers={
            "frame": {"time_epoch": float(EPOCH), "number": 1, "protocols": "eth:ethertype:ip:ip:tcp"},
            "eth": {
                "dst": "ff:ff:ff:ff:ff:ff",
                "src": "02:00:00:00:00:01",
                "addr": ["ff:ff:ff:ff:ff:ff", "02:00:00:00:00:01"],
                "type": 0x800,
            },
            "ip": {"src": ["192.0.2.1", "192.0.2.1"], "ttl": [64, 1]},
            "tcp": {"flags_syn": True, "analysis": True, "analysis_initial_rtt": 0.000012},
        },
        tree=["frame", "eth", "ip", "ip", "tcp"],
        community_id="1:abc=",
    )


def test_protocols_inside_others(registry: Registry) -> None:
    """A label of a packet's text that no protocol is called is none."""
    inside = packet('        "ip": {', '"tcp.analysis": {', '  "eth": {', '"a label": {', '  "tcp": {', "        }")
    (record,) = records(registry, [stream(inside)])
    assert record
    assert (record.tree, record.inner) == (["frame", "ip"], ["eth", "tcp"])


def test_a_store_that_is_away_is_not_asked(registry: Registry) -> None:
    """Labels of packets are no names of fields, and a store may have recorded fields of that name."""

    def away() -> None:
        raise AssertionError

    asking = Registry(registry.path)
    asking.add_own_fields_from(away)
    assert layers(asking, '        "no.protocol": {', '"no.such.field": "1",', '"A label": "2"', "        }") == {}


def test_no_packet(registry: Registry) -> None:
    assert records(registry, []) == []
    assert records(registry, [b"[\n", b"\n]\n"]) == []


def test_cut_at_every_byte(registry: Registry) -> None:
    text = stream(WHOLE, packet('"http.host": "€.example.test"'), WHOLE)
    whole = records(registry, [text])
    assert len(whole) == 3
    reader = JsonReader(registry)
    for position in range(1, len(text)):
        assert list(reader.records([text[:position], text[position:]])) == whole
    assert list(reader.records(text[index : index + 1] for index in range(len(text)))) == whole
    assert reader.bad_utf8 == 0


def test_the_last_packet_must_be_whole(registry: Registry) -> None:
    text = stream(WHOLE, WHOLE)
    second = text.index(b"\n  }", text.index(b"\n  }") + 1)
    for end in (second + 3, second, second - 1, second - 200):
        assert len(records(registry, [text[:end]])) == 1
    assert len(records(registry, [text[: second + 4]])) == 2


def test_idle(registry: Registry) -> None:
    text = stream(WHOLE, WHOLE)
    blocks = [IDLE, text[:100], IDLE, text[100:], IDLE, IDLE]
    assert [record is None for record in records(registry, blocks)] == [True, True, False, False, True, True]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (['"ip.src": "192.0.2.1"'], {"ip": {"src": "192.0.2.1"}}),
        (['"ip.ttl": "3",', '"ip.ttl": "1",', '"ip.ttl": "2"'], {"ip": {"ttl": [3, 1, 2]}}),
        (['"ip.ttl": "3",', '"ip.ttl": "3"'], {"ip": {"ttl": [3, 3]}}),
        # presence
        (['"tcp.analysis": "",'], {"tcp": {"analysis": True}}),
        (['"tcp.analysis": {'], {"tcp": {"analysis": True}}),
        (['"_ws.short": "[Packet size limited]"'], {"_ws": {"short": True}}),
        (['"_ws.malformed": {'], {"_ws": {"malformed": True}}),
        # empty texts are values
        (['"http.host": ""'], {"http": {"host": ""}}),
        (['"tcp.segment_data": ""'], {"tcp": {"segment_data": ""}}),
        # escapes
        ([r'"http.host": "\u001b[31m\"\\\/\n\t\u0000"'], {"http": {"host": '\x1b[31m"\\/\n\t\0'}}),
        ([r'"http.host": "a\": \"b"'], {"http": {"host": 'a": "b'}}),
        (['"http.host": "a: b, c}],"'], {"http": {"host": "a: b, c}],"}}),
        (['"http.host": "\x7f\x85\u2028\u2029€"'], {"http": {"host": "\x7f\x85\u2028\u2029€"}}),
        ([r'"http.host": "\ud83d\ude00"'], {"http": {"host": "😀"}}),
        # what is no field
        (['"tcp.not_a_field": "1"'], {}),
        (['"no field at all"'], {}),
        (["},", "{", '"', '""', '": ', "  "], {}),
        # labels that a packet's text makes
        (['"ip.src": "",'], {}),
        (['"ip.ttl": "",'], {}),
        (['"tcp.flags.syn": ""'], {}),
        (['"frame.time": ""'], {}),
        (['"ip.src": {'], {}),
        (['"http.host": {'], {}),
        (['"Text: ip.src": "",'], {}),
        (['"Text: x": "",'], {}),
        ([r'"ip.src\": \"192.0.2.1": ""'], {}),
        ([r'"x\": \"ip.src": "192.0.2.1"'], {}),
        (['"communityid": ""'], {}),
        (['"ip": {'], {}),  # inside another layer: not in the tree
    ],
)
def test_lines(registry: Registry, lines: list[str], expected: dict[str, Any]) -> None:
    assert layers(registry, *lines) == expected


def test_a_mark_is_a_value_and_no_layer_of_the_tree(registry: Registry) -> None:
    (record,) = records(
        registry, [stream(packet('        "ip": {', '        "_ws.malformed": {', '        "data": {'))]
    )
    assert record
    assert record.layers["_ws"] == {"malformed": True}
    assert record.tree == ["frame", "ip", "data"]


def test_a_label_makes_no_layer_of_the_tree(registry: Registry) -> None:
    (record,) = records(registry, [stream(packet('        "http": {', '"tcp": {', '"udp": ""', '          "eth": {'))])
    assert record
    assert record.tree == ["frame", "http"]


@pytest.mark.parametrize("text", [r"\ud800", r"\udc00x", r"a\ud800\u001b"])
def test_half_of_a_surrogate_pair(registry: Registry, text: str) -> None:
    value = layers(registry, f'"http.host": "{text}"')["http"]["host"]
    value.encode()  # must not raise


@pytest.mark.parametrize(
    ("line", "path", "text"),
    [
        ('"ip.ttl": "many"', ("ip", "ttl"), "many"),
        ('"ip.src": "192.0.2"', ("ip", "src"), "192.0.2"),
        ('"frame.time": "Not representable"', ("frame", "time"), "Not representable"),
    ],
)
def test_values_that_do_not_fit(registry: Registry, line: str, path: tuple[str, str], text: str) -> None:
    (record,) = records(registry, [stream(packet(line))])
    assert record
    assert record.unparsed == {path[0]: {path[1]: text}}
    assert path[1] not in record.layers.get(path[0], {})


def test_several_values_that_do_not_fit(registry: Registry) -> None:
    (record,) = records(registry, [stream(packet('"ip.ttl": "a",', '"ip.ttl": "7",', '"ip.ttl": "b"'))])
    assert record
    assert record.unparsed == {"ip": {"ttl": ["a", "b"]}}
    assert record.layers["ip"] == {"ttl": 7}


@pytest.mark.parametrize("epoch", ["-3000000000.000000000", "18446744073709.551615000", "1714557600.1500000000"])
def test_a_damaged_time_is_kept_as_it_is(registry: Registry, epoch: str) -> None:
    (record,) = records(registry, [stream(packet(frame=(f'"frame.time_epoch": "{epoch}"',)))])
    assert record
    assert record.epoch == epoch
    assert record.layers["frame"] == {"time_epoch": float(epoch)}


@pytest.mark.parametrize("epoch", ["", "soon"])
def test_a_time_that_is_no_number(registry: Registry, epoch: str) -> None:
    (record,) = records(registry, [stream(packet(frame=(f'"frame.time_epoch": "{epoch}",', '"frame.len": "60"')))])
    assert record
    assert record.layers == {"frame": {"len": 60}}
    assert record.unparsed == {"frame": {"time_epoch": epoch}}


def octets(count: int) -> str:
    return ":".join(["ab"] * count)


@pytest.mark.parametrize(
    ("name", "count", "kept"),
    [
        ("tcp.payload", 1, True),
        ("tcp.payload", 64, True),
        ("tcp.payload", 65, False),
        ("tcp.payload", 5000, False),
        ("tcp.reassembled.data", 1, False),
        ("tcp.reassembled.data", 65, False),
        ("http.host", 5000, True),
    ],
)
def test_payload(registry: Registry, name: str, count: int, kept: bool) -> None:
    layer, _, key = name.partition(".")
    whole = {layer: {key.replace(".", "_"): octets(count)}}
    assert layers(registry, f'"{name}": "{octets(count)}"') == (whole if kept else {})
    assert layers(registry, f'"{name}": "{octets(count)}"', payload=True) == whole


def test_bad_utf8(registry: Registry) -> None:
    reader = JsonReader(registry)
    good = stream(packet('"http.host": "€"'))
    bad = good.replace("€".encode(), b"\xe2\x82A\xff")
    hosts = [record.layers["http"]["host"] for record in reader.records([good, bad, good, bad]) if record]
    assert hosts == ["€", "\ufffdA\ufffd", "€", "\ufffdA\ufffd"]
    assert reader.bad_utf8 == 2


def test_memory_of_lines_is_bounded(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_lines, "_REMEMBERED_LINES", 50)
    reader = JsonReader(registry)
    for number in range(300):
        lines = [f'"tcp.seq": "{number}",', f'"Text {number}": "",', f'"http.host": "{number:0300}"']
        (record,) = reader.records([stream(packet(*lines))])
        assert record
        assert record.layers["tcp"]["seq"] == number
        assert record.layers["http"]["host"] == f"{number:0300}"
        assert len(reader._entries) <= 50
        assert max(map(len, reader._entries)) <= 200
        assert not any(name.startswith("Text") for name in reader._fields)


def test_records_do_not_share_lists(registry: Registry) -> None:
    first, second = records(registry, [stream(WHOLE, WHOLE)])
    assert first == second
    assert first
    assert second
    assert first.layers["ip"]["ttl"] is not second.layers["ip"]["ttl"]
    assert first.tree is not second.tree


@pytest.mark.parametrize("name", ["http_xml.pcap", "tunnels.pcap", "smtp.pcap"])
def test_every_field_that_a_json_parser_sees(program: Program, registry: Registry, name: str) -> None:
    """A second reader of the same stream, one that parses it as JSON and keeps equal keys."""
    command = [program.path, "-n", "-T", "json", "-r", str(CAPTURES / name)]
    text = subprocess.run(command, capture_output=True, check=True, env=environment()).stdout

    def names(node: Any) -> list[str]:
        """All names of fields in a tree of pairs, in order."""
        found = []
        for key, value in node if isinstance(node, list) else []:
            known = registry.field(key)
            if known and (known.base == "presence" or isinstance(value, str)):
                found.append(f"{known.layer}.{known.key}")
            found += names(value)
        return found

    packets = json.loads(text, object_pairs_hook=list)
    read = records(registry, [text], payload=True)
    assert len(read) == len(packets) > 5
    for record, tree in zip(read, packets, strict=True):
        assert record
        expected = names(tree)
        got = [
            f"{layer}.{key}"
            for layer, keys in record.layers.items()
            for key, value in keys.items()
            for _ in (value if isinstance(value, list) else [value])
        ]
        assert sorted(got) == sorted(expected)


def test_a_time_of_ntp_that_is_not_set(registry: Registry) -> None:
    """From Wireshark 4.6 on JSON has the beginning of 1970 for it; that of another field is a time."""
    beginning = "1970-01-01T00:00:00.000000000Z"
    lines = [f'"{name}": "{beginning}",' for name in ("ntp.org", "ntp.rec", "tls.handshake.random_time")]
    (record,) = records(registry, [stream(packet(*lines))])
    assert record
    assert record.unparsed == {"ntp": {"org": "NULL", "rec": "NULL"}}
    assert record.layers["tls"] == {"handshake_random_time": beginning}
    assert "ntp" not in record.layers
