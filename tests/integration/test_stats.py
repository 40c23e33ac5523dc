"""`espcap stats`: every store says the same, and it is what tshark counts."""

import csv
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from espcap.cli.stats import figure, sparkline
from espcap.searches.measures import COLUMNS
from espcap.searches.summary import MOST_STEPS, step_of
from espcap.tshark.program import environment
from tests.support.command import CAPTURES, espcap, on_terminal
from tests.support.elasticsearch_node import remove_packets
from tests.support.hostile import packets

NAMES = ("dns.pcap", "http2.pcap", "http_xml.pcap", "midnight.pcap", "mixed.pcap", "quic.pcapng", "tls13.pcapng")
SAMPLES = [CAPTURES / name for name in NAMES]

FIELDS = (
    *("frame.len", "frame.protocols", "dns.qry.name", "http.host", "http.request.method"),
    *("tls.handshake.extensions_server_name", "ip.src", "tcp.analysis.ack_rtt"),
)
Packet = dict[str, str]
"""What tshark prints of the fields of a packet."""


@pytest.fixture(scope="module")
def printed() -> list[Packet]:
    """The packets of all samples as tshark prints them."""
    found: list[Packet] = []
    for sample in SAMPLES:
        command = [
            "tshark",
            "-n",
            "-r",
            str(sample),
            "-T",
            "fields",
            *(word for name in FIELDS for word in ("-e", name)),
        ]
        answer = subprocess.run(command, capture_output=True, env=environment(), check=True)
        found += [dict(zip(FIELDS, line.split("\t"), strict=True)) for line in answer.stdout.decode().splitlines()]
    return found


def counted(packets: list[Packet], field: str) -> list[tuple[str, int, int]]:
    """Values of a field, with the packets that have them and their bytes."""
    found: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for packet in packets:
        for value in {value for value in packet[field].split(",") if value}:
            found[value] += 1
            sizes[value] += int(packet["frame.len"])
    return sorted((value, count, sizes[value]) for value, count in found.items())


def size(packets: list[Packet]) -> int:
    return sum(int(packet["frame.len"]) for packet in packets)


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory, _elasticsearch_node: str) -> Iterator[list[str]]:
    """Both stores with the same captures."""
    folder = tmp_path_factory.mktemp("stats")
    (folder / "captures").mkdir()
    for sample in SAMPLES:
        shutil.copy(sample, folder / "captures")
    nodes = [f"local:{folder / 'index'}", _elasticsearch_node]
    for node in nodes:
        assert espcap("--dir", folder / "captures", "--node", node).status == 0
    yield nodes
    remove_packets(_elasticsearch_node)


def answers(stores: list[str], *arguments: str) -> dict[str, Any]:
    """What both stores say."""
    local, elasticsearch = (espcap("stats", *arguments, "--node", node).documents for node in stores)
    assert local == elasticsearch
    return dict(local[0])


def rows(table: list[dict[str, Any]]) -> list[tuple[str, int, int]]:
    return sorted((row["value"], row["packets"], row["bytes"]) for row in table)


def test_counts_are_tsharks(stores: list[str], printed: list[Packet]) -> None:
    found = answers(stores, "--size", "1000")
    assert (found["packets"], found["bytes"]) == (len(printed), size(printed))
    assert rows(found["dns_names"]) == counted(printed, "dns.qry.name")
    assert rows(found["http_hosts"]) == counted(printed, "http.host")
    assert rows(found["tls_server_names"]) == counted(printed, "tls.handshake.extensions_server_name")
    steps = found["over_time"]
    assert 1 < len(steps) <= MOST_STEPS
    assert sum(step["packets"] for step in steps) == found["packets"]
    assert sum(step["bytes"] for step in steps) == found["bytes"]


def test_narrowed(stores: list[str], printed: list[Packet]) -> None:
    found = answers(stores, "protocol:http", "-Y", "http.request")
    requests = [each for each in printed if each["http.request.method"] and "http2" not in each["frame.protocols"]]
    assert requests
    assert (found["packets"], found["bytes"]) == (len(requests), size(requests))
    assert rows(found["protocols"]) == [("http", found["packets"], found["bytes"])]


def test_conversations(stores: list[str]) -> None:
    """The ends are those of the packet that began it."""
    found = answers(stores, "-Y", "tcp", "--size", "1")
    [conversation] = found["conversations"]
    assert conversation["transport"] == "tcp"
    query = f'network.community_id:"{conversation["community_id"]}"'
    documents = espcap("search", query, "--size", "1000", "--node", stores[0]).documents
    assert conversation["packets"] == len(documents)
    assert conversation["bytes"] == sum(document["network"]["bytes"] for document in documents)
    assert conversation["source_ip"] == documents[0]["source"]["ip"]
    assert conversation["destination_port"] == documents[0]["destination"]["port"]


def floats(printed: list[Packet], name: str) -> list[float]:
    return [float(value) for packet in printed for value in packet[name].split(",") if value]


def measured(stores: list[str], *arguments: str) -> dict[str, Any]:
    """What both stores say. They add numbers in different orders, so that the last digit of a mean can differ."""
    local, elasticsearch = (espcap("stats", *arguments, "--node", node).documents[0] for node in stores)
    for one, other in zip(lines_of(local), lines_of(elasticsearch), strict=True):
        assert one == other | {"mean": pytest.approx(other["mean"], rel=1e-12)}
    assert local["packets"] == elasticsearch["packets"]
    return dict(local)


def lines_of(answer: dict[str, Any]) -> list[dict[str, Any]]:
    return [answer["all"], *answer["groups"]]


def test_numbers_of_a_field(stores: list[str], printed: list[Packet]) -> None:
    """Of all packets, and by another field; the percentiles are those of numpy over what tshark prints."""
    found = measured(stores, "--field", "frame.len")
    lengths = floats(printed, "frame.len")
    assert found["packets"] == len(printed)
    assert found["groups"] == []
    assert is_line_of(found["all"], lengths)
    by = measured(stores, "--field", "tcp.analysis.ack_rtt", "--by", "ip.src", "--size", "100")
    assert by["groups"]
    assert len({group["value"] for group in by["groups"]}) == len(by["groups"])
    for group in by["groups"]:
        packets = [each for each in printed if each["ip.src"] == group["value"] and each["tcp.analysis.ack_rtt"]]
        assert group["packets"] == len(packets)
        assert is_line_of(group, floats(packets, "tcp.analysis.ack_rtt"))
    assert sum(group["packets"] for group in by["groups"]) == by["packets"]


def is_line_of(line: dict[str, Any], numbers: list[float]) -> bool:
    expected = [
        len(numbers),
        min(numbers),
        float(np.mean(numbers)),
        *np.percentile(numbers, [50, 95, 99]),
        max(numbers),
    ]
    return [line[name] for name in COLUMNS] == [pytest.approx(each) for each in expected]


def test_groups_of_booleans(stores: list[str]) -> None:
    found = measured(stores, "--field", "frame.len", "--by", "tcp.flags.syn")
    assert {group["value"] for group in found["groups"]} == {"true", "false"}


def test_numbers_as_csv_and_table(stores: list[str]) -> None:
    arguments = ("stats", "--field", "frame.len", "--by", "ip.src", "--size", "2", "--node", stores[0])
    groups = espcap(*arguments).documents[0]["groups"]
    header, *rows = csv.reader(espcap(*arguments, "--csv").output.decode().splitlines())
    assert header == ["ip.src", *COLUMNS]
    assert [[row[0], *map(float, row[1:])] for row in rows] == [
        [group["value"], *(group[name] for name in COLUMNS)] for group in groups
    ]
    table = on_terminal(*arguments).splitlines()
    assert table[0].split() == header
    assert [line.split()[0] for line in table[1:]] == [group["value"] for group in groups]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--field", "ip.src"), "layers.ip.src has no numbers: its values are of type ip (name a field with numbers"),
        (("--field", "http.host"), "layers.http.host has no numbers: its values are of type string"),
        (("--field", "@timestamp"), "@timestamp has no numbers: its values are of type time"),
        (("--field", "frame.lne"), "no such field: frame.lne: did you mean frame.len"),
        (("--field", "frame.len", "--by", "ip.scr"), "no such field: ip.scr: did you mean ip.src"),
        (("--by", "ip.src"), "--by needs --field"),
        (("--csv",), "--csv needs --field"),
    ],
)
def test_fields_that_cannot_be_measured(stores: list[str], arguments: tuple[str, ...], message: str) -> None:
    ran = espcap("stats", *arguments, "--node", stores[0])
    assert ran.status == 2
    assert ran.lines[-1].startswith(f"Error: {message}")


def test_no_packet_has_the_field(stores: list[str]) -> None:
    for node in stores:
        ran = espcap("stats", "protocol:dns", "--field", "http.time", "--by", "ip.src", "--node", node)
        assert (ran.status, ran.errors) == (0, "Note: none of the packets that match has http.time\n")
        [found] = ran.documents
        assert (found["packets"], found["groups"], found["all"]) == (0, [], dict.fromkeys(COLUMNS) | {"count": 0})


def test_nothing_found(stores: list[str]) -> None:
    found = answers(stores, "protocol:none")
    assert (found["packets"], found["over_time"], found["conversations"]) == (0, [], [])
    note, total = on_terminal("stats", "protocol:none", "--node", stores[0]).splitlines()
    assert re.fullmatch(r"Note: none of the \d+ packets from 2023-\S+ to 2024-\S+ matches", note)
    assert total == "0 packets, 0 bytes"


def test_tables(stores: list[str]) -> None:
    shown = on_terminal("stats", "--node", stores[0])
    for title in ("Protocols", "Top sources", "Conversations", "DNS names", "HTTP hosts", "TLS server names"):
        assert f"\r\n{title}\r\n" in shown
    assert re.search(r"packets [ ▁▂▃▄▅▆▇█]*█", shown)


def test_hostile_names(tmp_path: Path) -> None:
    node = f"local:{tmp_path / 'index'}"
    assert espcap("--file", packets.hostile_names(tmp_path / "hostile.pcapng"), "--node", node).status == 0
    shown = on_terminal("stats", "--node", node)
    assert "\\x1b[31m" in shown
    assert not re.search(r"[\x00-\x09\x0b-\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]", shown)


def test_sparkline() -> None:
    assert sparkline([0, 1, 2, 4, 8]) == " ▁▂▄█"
    assert sparkline([0, 0]) == "  "
    assert sparkline([1, 1_000_000]) == "▁█"


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1_234_567, "1,234,567"),
        (2**64 - 1, "18,446,744,073,709,551,615"),
        (1_234_567.25, "1,234,567"),
        (999_999.75, "1,000,000"),
        (1234.5678, "1,234.57"),
        (0.000123456789, "0.000123457"),
        (-0.25, "-0.25"),
        (1e300, "1e+300"),
    ],
)
def test_figures(number: float, text: str) -> None:
    assert figure(number) == text


@pytest.mark.parametrize(
    ("milliseconds", "step"), [(0, "1ms"), (59, "2ms"), (60_000, "2s"), (86_400_000, "30m"), (10**12, "197d")]
)
def test_steps(milliseconds: int, step: str) -> None:
    assert step_of(milliseconds) == step


def test_groups_by_a_field_of_other_packets(node: str) -> None:
    """Times of HTTP are in answers, hosts in requests."""
    espcap("--file", CAPTURES / "http_xml.pcap", "--node", node)
    ran = espcap("stats", "--field", "http.time", "--by", "http.host", "--node", node)
    assert ran.status == 0
    assert (
        ran.errors
        == "Note: 4 packets have http.time, but none of them has http.host; name a field of the same packets\n"
    )
