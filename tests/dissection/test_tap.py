"""What our plugin prints, from real runs of tshark."""

import os
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from espcap.base.errors import EspcapError
from espcap.dissection import Record
from espcap.dissection.json_lines import JsonReader
from espcap.dissection.tap import TapReader
from espcap.documents.packets import HEAD
from espcap.fields.registry import Registry
from espcap.ingest.job import Job
from espcap.tshark import plugin as plugins
from espcap.tshark.arguments import Settings
from espcap.tshark.native import build
from espcap.tshark.output import dissect, read_file
from espcap.tshark.plugin import Plugin, find_home, open_plugin
from espcap.tshark.process import Exit
from espcap.tshark.program import Program, dissecting_user
from tests.support import read as read_captures
from tests.support.command import CAPTURES
from tests.support.hostile import packets
from tests.support.hostile.packets import utf8_widths
from tests.support.readers import read_natively
from tests.support.requirements import needs_root

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


def test_characters_are_escaped_for_the_local_index_alone(program: Program, plugin: Plugin, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    capture = utf8_widths(tmp_path / "capture.pcap")
    plain, escaped = (
        read(program, capture, Settings(plugin=replace(plugin, terms=terms)))[0][0] for terms in (False, True)
    )
    assert "é€😀".encode() in plain.layers_json
    assert escaped.layers_json.isascii()
    assert orjson.loads(escaped.layers_json) == orjson.loads(plain.layers_json)


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


def test_without_the_plugin_tshark_prints_json(program: Program, plugin: Plugin, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    empty = os.open(tmp_path, os.O_RDONLY)
    with (CAPTURES / "dns.pcap").open("rb") as file:
        process = dissect(
            program,
            Settings(plugin=replace(plugin, home=empty, is_required=False)),
            file.fileno(),
            dissecting_user(program),
            False,
        )
        assert not process.uses_native_reader
        assert process.stdout.read().count(b'"frame.number"') == 24
        assert process.wait() == Exit(0)


@pytest.mark.parametrize(
    "harm",
    [
        *("writable file", "writable folder", "link", "link to a folder", "another file"),
        *(pytest.param(harm, marks=needs_root) for harm in ("another's file", "another's folder")),
    ],
)
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
    elif harm == "link to a folder":
        (file.parent.parent / "codecs").symlink_to(tmp_path)
    elif harm == "another's file":
        os.chown(file, 65534, 65534)
    elif harm == "another's folder":
        os.chown(file.parent, 65534, 65534)
    else:
        (file.parent / "other.so").write_bytes(b"")
    with pytest.raises(EspcapError):
        find_home(program)
    assert build(program) == home
    assert find_home(program) == home


@pytest.mark.usefixtures("native_reader")
def test_who_may_do_what_with_it(tmp_path: Path, program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """All may read, only its owner may write, whatever the umask."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    before = os.umask(0o077)
    try:
        home = build(program)
    finally:
        os.umask(before)
    assert {stat.S_IMODE(path.stat().st_mode) for path in (home, *home.rglob("*"))} == {0o755}
    assert {path.stat().st_uid for path in (home, *home.rglob("*"))} == {os.geteuid()}


@pytest.mark.usefixtures("native_reader")
def test_two_that_compile_at_once(tmp_path: Path, program: Program) -> None:
    command = [sys.executable, "-m", "espcap.native"]
    variables = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    running = [subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=120)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0]
    assert said[0] == said[1] != ""


FOREIGN = """
__attribute__((visibility("default"))) const char plugin_version[] = "1";
__attribute__((visibility("default"))) const int plugin_want_major = 4, plugin_want_minor = 99;
__attribute__((visibility("default"))) void plugin_register(void) {}
"""


@pytest.mark.parametrize("foreign", [True, False])
@pytest.mark.usefixtures("native_reader")
def test_a_file_that_tshark_does_not_load(
    tmp_path: Path, program: Program, registry: Registry, monkeypatch: pytest.MonkeyPatch, foreign: bool
) -> None:
    """A plugin for another version of Wireshark, or no plugin at all: the same packets, read as JSON."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    file = plugins.plugin_file(build(program), program)
    file.write_bytes(b"no library")
    if foreign:
        subprocess.run(["cc", "-shared", "-fPIC", "-x", "c", "-o", file, "-"], input=FOREIGN.encode(), check=True)
    opened = open_plugin(program, registry, dissecting_user(program), HEAD)
    assert opened
    settings = Settings(plugin=opened)
    with (
        (CAPTURES / "dns.pcap").open("rb") as capture,
        read_file(program, settings, capture, dissecting_user(program), 0) as output,
    ):
        assert not output.tshark.uses_native_reader
        assert len([each for each in JsonReader(registry).records(output.blocks()) if each]) == 24
    with pytest.raises(EspcapError, match="does not load the native reader"):
        dissect(
            program,
            Settings(plugin=replace(opened, is_required=True)),
            subprocess.DEVNULL,
            dissecting_user(program),
            False,
        )


@pytest.mark.usefixtures("native_reader")
def test_which_reader(program: Program, registry: Registry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def opened() -> Plugin | None:
        return open_plugin(program, registry, dissecting_user(program), HEAD)

    plain = opened()
    assert plain
    assert not plain.is_required
    monkeypatch.setenv("ESPCAP_READER", "native")
    required = opened()
    assert required
    assert required.is_required
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(EspcapError, match="is not built for tshark"):
        opened()
    monkeypatch.setenv("ESPCAP_READER", "json")
    assert opened() is None
    monkeypatch.setenv("ESPCAP_READER", "xml")
    with pytest.raises(EspcapError, match="the reader 'xml' does not exist"):
        opened()


def test_a_damaged_table_of_fields(program: Program, plugin: Plugin, tmp_path: Path) -> None:
    """A registry that lacks columns must not make documents that lack fields."""
    path = tmp_path / "fields.tsv"
    path.write_text("frame.number\tframe\tnumber\n")
    damaged = replace(plugin, table=os.open(path, os.O_RDONLY), is_required=True)
    with pytest.raises(EspcapError, match="the table of fields is damaged"):
        dissect(program, Settings(plugin=damaged), subprocess.DEVNULL, dissecting_user(program), False)


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
