"""What our plugin prints, from real runs of tshark."""

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from espcap.dissection import Record
from espcap.dissection.tap import TapReader
from espcap.ingest.job import Job
from espcap.tshark import plugin as plugins
from espcap.tshark.arguments import Settings
from espcap.tshark.output import dissect
from espcap.tshark.plugin import Plugin
from espcap.tshark.process import Exit
from espcap.tshark.program import Program, dissecting_user
from tests.support import read as read_captures
from tests.support.command import CAPTURES
from tests.support.hostile import packets
from tests.support.readers import read_natively

pytest_plugins = ["tests.support.core_fixtures", "tests.support.native"]


def read(program: Program, capture: Path, settings: Settings) -> tuple[list[Record], Exit]:
    assert settings.plugin is not None
    return read_natively(program, settings.plugin, capture, settings)


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
    records, ended = read(program, packets.requests(tmp_path / "requests.pcap"), Settings(plugin=plugin))
    assert [each.frame_number for each in records] == [1]
    assert (ended.status, ended.message) == (plugins.GAVE_UP, "the native reader was not given frame 2")


def test_a_last_packet_that_tshark_does_not_hand_over(tmp_path: Path, program: Program, plugin: Plugin) -> None:
    capture = packets.requests(tmp_path / "requests.pcap")
    records, ended = read(program, capture, Settings(plugin=plugin, count=2))
    assert ([each.frame_number for each in records], ended.status) == ([1], plugins.GAVE_UP)


def test_each_packet_at_once(program: Program, plugin: Plugin) -> None:
    """A live tshark prints a packet when it has it, not when a block is full."""
    process = dissect(program, Settings(plugin=plugin), subprocess.PIPE, dissecting_user(program), live=True)
    assert process.stdin is not None
    capture = (CAPTURES / "dns.pcap").read_bytes()
    process.stdin.write(capture[: 24 + 16 + 76])
    line = b""
    while not line.endswith(b"\n"):
        line += os.read(process.stdout.fileno(), 1 << 16)
    assert [each and each.frame_number for each in TapReader().records([line])] == [1]
    process.stop()
    process.wait()


def test_values_that_are_left_out_are_told(job: Job, plugin: Plugin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "LARGEST_PACKET", 300)
    report, store = read_captures(
        replace(job, settings=Settings(plugin=plugin), user=dissecting_user(job.program)), CAPTURES / "dns.pcap"
    )
    left_out = sum(source["espcap"]["left_out"] for source in store.sources)
    assert (report.stored, report.values_left_out, report.exit_code) == (24, left_out, 3)
    [problem] = report.problems
    assert f"dns.pcap: left out {left_out:,} values of packets with more than" in problem.message


def test_one_value_that_is_too_large(
    program: Program, plugin: Plugin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It alone is left out, not what comes after it."""
    monkeypatch.setattr(plugins, "LARGEST_PACKET", 8000)
    [record], _ = read(program, packets.long_user_agent(tmp_path / "capture.pcap"), Settings(plugin=plugin))
    http = orjson.loads(record.layers_json)["http"]
    assert record.left_out == 2
    assert "user_agent" not in http
    assert http["request_line"] == ["Host: www.example.test\r\n", "Content-Length: 0\r\n"]
    assert http["request_full_uri"] == "http://www.example.test/"
