"""What our plugin prints, from real runs of tshark."""

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from espcap.dissection import Record
from espcap.dissection.json_lines import JsonReader
from espcap.dissection.tap import TapReader
from espcap.documents import HEAD
from espcap.errors import EspcapError
from espcap.fields import Registry
from espcap.native import build
from espcap.tshark import plugin as plugins
from espcap.tshark.arguments import Settings, tapping
from espcap.tshark.output import Output, dissect, read_file
from espcap.tshark.plugin import Plugin, find_home, open_plugin
from espcap.tshark.process import Exit, Process
from espcap.tshark.program import Program, dissecting_user, environment
from tests.command import CAPTURES
from tests.hostile import files
from tests.hostile.packets import requests

pytest_plugins = ["tests.core_fixtures", "tests.native"]


@pytest.fixture
def plugin(program: Program, registry: Registry, native_reader: None) -> Plugin:
    opened = open_plugin(program, registry, dissecting_user(), HEAD)
    assert opened is not None
    return opened


def read(program: Program, capture: Path, settings: Settings) -> tuple[list[Record], Exit]:
    with capture.open("rb") as file:
        return read_output(read_file(program, settings, file, dissecting_user(), 0))


def read_output(output: Output) -> tuple[list[Record], Exit]:
    with output:
        return [record for record in TapReader().records(output.blocks()) if record], output.finish()


def test_a_packet(program: Program, plugin: Plugin) -> None:
    records, ended = read(program, CAPTURES / "dns.pcap", Settings(plugin=plugin))
    assert (len(records), ended) == (24, Exit(0))
    first = records[0]
    assert first.epoch == "1714557600.123456000"
    assert first.tree == ["frame", "eth", "ip", "udp", "dns"]
    assert first.community_id == "1:i2uFexzPVAgosKzLul9TmarVuNI="
    layers = orjson.loads(first.layers_json)
    assert layers["dns"]["qry_name"] == "www.example.test"
    assert first.layers["ip"] == {"src": layers["ip"]["src"], "dst": layers["ip"]["dst"]}
    assert "dns" not in first.layers


def test_numbers_of_frames_go_on(program: Program, plugin: Plugin) -> None:
    after = Settings(plugin=replace(plugin, before=1000))
    answer = read(program, CAPTURES / "dns.pcap", after)[0][1]
    assert answer.frame_number == 1002
    assert orjson.loads(answer.layers_json)["dns"]["response_to"] == 1001


def test_a_packet_with_too_much(program: Program, plugin: Plugin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "LARGEST_PACKET", 300)
    records, ended = read(program, CAPTURES / "dns.pcap", Settings(plugin=plugin))
    assert (len(records), ended.status) == (24, 0)
    assert all(record.left_out > 0 for record in records)
    assert all(300 < len(record.layers_json) < 1500 for record in records)
    assert [record.frame_number for record in records] == [*range(1, 25)]


def test_a_packet_that_tshark_does_not_hand_over(tmp_path: Path, program: Program, plugin: Plugin) -> None:
    """tshark queues 5,000 taps of a packet."""
    records, ended = read(program, requests(tmp_path / "requests.pcap"), Settings(plugin=plugin))
    assert [each.frame_number for each in records] == [1]
    assert (ended.status, ended.message) == (plugins.GAVE_UP, "the native reader was not given frame 2")


def test_a_last_packet_that_tshark_does_not_hand_over(tmp_path: Path, program: Program, plugin: Plugin) -> None:
    capture = requests(tmp_path / "requests.pcap")
    records, ended = read(program, capture, Settings(plugin=plugin, count=2))
    assert ([each.frame_number for each in records], ended.status) == ([1], plugins.GAVE_UP)


def test_each_packet_at_once(program: Program, plugin: Plugin) -> None:
    """A live tshark prints a packet when it has it, not when a block is full."""
    process = dissect(program, Settings(plugin=plugin), subprocess.PIPE, dissecting_user(), live=True)
    assert process.stdin is not None
    capture = (CAPTURES / "dns.pcap").read_bytes()
    process.stdin.write(capture[: 24 + 16 + 76])
    line = b""
    while not line.endswith(b"\n"):
        line += os.read(process.stdout.fileno(), 1 << 16)
    assert [each and each.frame_number for each in TapReader().records([line])] == [1]
    process.stop()
    process.wait()


def test_without_the_plugin_tshark_prints_json(program: Program, plugin: Plugin, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    empty = os.open(tmp_path, os.O_RDONLY)
    with (CAPTURES / "dns.pcap").open("rb") as file:
        process = dissect(
            program, Settings(plugin=replace(plugin, home=empty)), file.fileno(), dissecting_user(), False
        )
        assert not process.is_tapped
        assert process.stdout.read().count(b'"frame.number"') == 24
        assert process.wait() == Exit(0)


@pytest.mark.parametrize("harm", ["writable file", "writable folder", "link", "another file"])
@pytest.mark.usefixtures("native_reader")
def test_a_home_that_others_could_have_made(
    tmp_path: Path, program: Program, monkeypatch: pytest.MonkeyPatch, harm: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    home = build(program)
    file = plugins.plugin_file(home, program)
    if harm == "writable file":
        file.chmod(0o777)
    elif harm == "writable folder":
        file.parent.chmod(0o777)
    elif harm == "link":
        file.rename(tmp_path / "moved.so")
        file.symlink_to(tmp_path / "moved.so")
    else:
        (file.parent / "other.so").write_bytes(b"")
    with pytest.raises(EspcapError):
        find_home(program)
    assert build(program) == home
    assert find_home(program) == home


@pytest.mark.slow
@pytest.mark.usefixtures("native_reader")
def test_damaged_packets_under_sanitizers(
    tmp_path: Path, program: Program, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No access out of bounds and no undefined behaviour, and what is printed is what the other reader reads."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    tmp_path.chmod(0o755)
    build(program, ("-fsanitize=address,undefined", "-fno-sanitize-recover=all"))
    plugin = open_plugin(program, registry, dissecting_user(), HEAD)
    assert plugin is not None
    library = subprocess.run(["cc", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True)
    variables = environment() | plugin.variables(live=False)
    variables |= {"LD_PRELOAD": os.path.realpath(library.stdout.strip()), "ASAN_OPTIONS": "detect_leaks=0"}
    for seed, name in enumerate(["dns.pcap", "http_xml.pcap", "mixed.pcap", "tunnels.pcap", "smtp.pcap"]):
        capture = files.byte_flips(CAPTURES / name, tmp_path / "flipped.pcap", seed, 60)
        with capture.open("rb") as file:
            arguments = tapping(program, Settings())
            process = Process(arguments, file.fileno(), variables, dissecting_user(), plugin.descriptors)
            assert plugins.greets(process.stdout)
            records, ended = read_output(Output(process))
        assert ended.status == 0, ended.messages
        with capture.open("rb") as file, read_file(program, Settings(), file, dissecting_user(), 0) as output:
            expected = [each for each in JsonReader(registry).records(output.blocks()) if each]
        assert len(records) == len(expected) > 0
        for got, wanted in zip(records, expected, strict=True):
            assert (orjson.loads(got.layers_json), got.unparsed) == (wanted.layers, wanted.unparsed)
