"""Wireshark's columns Info and Protocol in documents, against `tshark -T json -e _ws.col.info`, with both readers."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw
from scapy.utils import wrpcap

from espcap.tshark.program import find_program
from tests.support.command import CAPTURES, espcap

pytest_plugins = ["tests.support.native"]
pytestmark = pytest.mark.usefixtures("native_reader")

READERS = ["native", "json"]
NAMES = ["http2.pcap", "tls13.pcapng", "tunnels.pcap", "smtp.pcap", "dns.pcap", "arp.pcap"]


def columns(capture: Path) -> list[tuple[str, str]]:
    """What tshark says, exact to the last control character, which `-T fields` writes as `\\n`."""
    lower = find_program().version.release >= (4, 2)
    info, protocol = ("_ws.col.info", "_ws.col.protocol") if lower else ("_ws.col.Info", "_ws.col.Protocol")
    command = ["tshark", "-n", "-r", str(capture), "-T", "json", "-e", info, "-e", protocol]
    printed = subprocess.run(command, capture_output=True, check=False).stdout.decode("utf-8", "replace")
    packets = [packet["_source"]["layers"] for packet in orjson.loads(printed)]
    return [(packet.get(info, [""])[0], packet.get(protocol, [""])[0]) for packet in packets]


def documents(capture: Path, reader: str, *more: str) -> list[dict[str, Any]]:
    ran = espcap("--file", capture, *more, ESPCAP_READER=reader)
    assert ran.status == 0, ran.errors
    return ran.documents


def shown(found: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(document.get("info", ""), document.get("protocol_column", "")) for document in found]


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", NAMES)
def test_columns_of_tshark(name: str, reader: str) -> None:
    wanted = columns(CAPTURES / name)
    assert shown(documents(CAPTURES / name, reader)) == wanted
    assert any(info for info, _ in wanted)


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """Texts of the column with control characters, bytes that are no UTF-8 and quotes; and packets cut short."""
    ends = Ether() / IP(src="192.0.2.1", dst="192.0.2.2")
    texts = [b'USER a\x1b[31m\x07"\\\tb\r\n', b"USER \xff\xfe\xc3\xa9\r\n", b"\r\n", b"STAT \xe2\x80\xae\x00x\r\n"]
    packets = [ends / TCP(sport=1024 + at, dport=21, flags="PA") / Raw(text) for at, text in enumerate(texts)]
    packets += [ends / UDP(sport=53, dport=53) / Raw(b"\x00\x01\x01"), Ether(type=0x0800) / Raw(b"\x45")]
    path = tmp_path / "hostile.pcap"
    wrpcap(str(path), packets)
    return path


@pytest.mark.parametrize("reader", READERS)
def test_hostile_texts(hostile: Path, reader: str) -> None:
    assert shown(documents(hostile, reader)) == columns(hostile)


@pytest.mark.parametrize("reader", READERS)
def test_standard_input(reader: str) -> None:
    capture = CAPTURES / "tls13.pcapng"
    with capture.open("rb") as file:
        ran = espcap("--file", "-", ESPCAP_READER=reader, stdin=file)
    assert shown(ran.documents) == columns(capture)


@pytest.mark.parametrize("more", [("-Y", "tls"), ("-c", "5")])
def test_packets_of_a_choice_with_the_json_reader(more: tuple[str, ...]) -> None:
    capture = CAPTURES / "tls13.pcapng"
    wanted = columns(capture)
    found = documents(capture, "json", *more)
    numbers = [document["layers"]["frame"]["number"] for document in found]
    assert numbers
    assert shown(found) == [wanted[number - 1] for number in numbers]


@pytest.fixture
def profile() -> Iterator[Path]:
    """A folder that the dissecting user can read."""
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_a_profile_with_other_columns(profile: Path) -> None:
    (profile / "preferences").write_text('gui.column.format: "No.", "%m"\n')
    capture = CAPTURES / "dns.pcap"
    for reader in READERS:
        assert shown(documents(capture, reader, "--profile-dir", str(profile))) == columns(capture)


@pytest.fixture
def many_values(tmp_path: Path) -> Path:
    """One HTTP message of 200,000 numbers in JSON, and a packet after it."""
    body = b"[" + b",".join([b"1"] * 200_000) + b"]"
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    ends, text, packets = Ether() / IP(src="192.0.2.1", dst="192.0.2.2"), head + body, []
    for start in range(0, len(text), 60_000):
        part = Raw(text[start : start + 60_000])
        packets.append(ends / TCP(sport=80, dport=1024, seq=1 + start, ack=1, flags="PA") / part)
    packets.append(ends / UDP(sport=53, dport=53) / Raw(b"\x00\x01"))
    path = tmp_path / "many.pcap"
    wrpcap(str(path), packets)
    return path


def test_a_packet_of_very_many_values_is_bounded(many_values: Path) -> None:
    """The rest of its values is counted, and its document takes no store long; with both readers the same."""
    found = []
    for reader in READERS:
        ran = espcap("--file", many_values, ESPCAP_READER=reader)
        assert ran.status == 3
        assert "values of packets with more than 100,000 of them" in ran.errors
        found.append([document["espcap"]["left_out"] for document in ran.documents if "espcap" in document])
        assert len(ran.documents) == 8
        assert max(map(len, ran.output.splitlines())) < 10_000_000
    assert found[0] == found[1]
    assert len(found[0]) == 1
    assert found[0][0] > 50_000
