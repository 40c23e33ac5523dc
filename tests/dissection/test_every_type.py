"""Both readers over all types of fields with extreme values, and over captures that mean harm; also with sanitizers."""

import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from espcap.dissection import Record
from espcap.documents.packets import HEAD
from espcap.documents.types import TYPES
from espcap.fields.registry import Registry
from espcap.ingest.following import follow
from espcap.tshark import plugin as plugins
from espcap.tshark.arguments import Settings
from espcap.tshark.native import build
from espcap.tshark.plugin import Plugin, open_required_plugin, plugin_file
from espcap.tshark.program import Program, dissecting_user
from espcap.tshark.registry import open_registry
from tests.support.captures import KEYS, require_other_folder
from tests.support.command import CAPTURES
from tests.support.hostile import every_type, files, packets, times
from tests.support.readers import Readers, read_natively

pytest_plugins = ["tests.support.core_fixtures", "tests.support.native"]

HOSTILE: list[Callable[[Path], Path]] = [
    *(packets.ip_in_ip, packets.long_user_agent, packets.utf8_long, packets.utf8_long_json, packets.utf8_widths),
    packets.hostile_http,
    *(packets.hostile_names, packets.dns_many_answers, packets.dns_escape_name, packets.u64_max, packets.deep_json),
    *(packets.unset_times, packets.odd_texts, packets.labels),
    *(times.epoch_zero, times.year_2106, times.microsecond_overflow, times.huge_fraction, times.negative),
    *(times.year_36812, times.year_586524, times.going_back),
    *(files.cut_in_data, files.cut_in_record_header, files.cut_pcapng, files.snaplen_cut, files.pcapng_bad_interface),
    *(files.absurd_caplen, files.oversized_caplen, files.caplen_above_length, files.header_only),
]
SAMPLES = ["dns.pcap", "http_xml.pcap", "mixed.pcap", "tunnels.pcap", "smtp.pcap"]


def compare_every_type(readers: Readers, folder: Path, seed: int) -> list[Record]:
    """With a registry that has the protocol that is made for this."""
    profile = str(every_type.profile(folder / "profile"))
    registry = open_registry(readers.program, profile)
    table = os.open(registry.table(), os.O_RDONLY)
    try:
        both = replace(readers, registry=registry, plugin=replace(readers.plugin, table=table))
        return both.compare(every_type.capture(folder / "capture.pcap", seed), Settings(profile_folder=profile))
    finally:
        os.close(table)


@pytest.fixture
def readers(program: Program, registry: Registry, plugin: Plugin, tmp_path: Path) -> Readers:
    tmp_path.chmod(0o755)
    return Readers(program, registry, plugin)


@pytest.fixture(scope="module")
def sanitized_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sanitized")


@pytest.fixture
def sanitized(readers: Readers, sanitized_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Readers]:
    """The native reader compiled with AddressSanitizer and UndefinedBehaviorSanitizer, which end tshark at a fault."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(sanitized_home))
    home = build(readers.program, ("-fsanitize=address,undefined", "-fno-sanitize-recover=all"))
    assert b"__asan_report_load" in plugin_file(home, readers.program).read_bytes()
    found = subprocess.run(["cc", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True)
    extra = {"LD_PRELOAD": os.path.realpath(found.stdout.strip()), "ASAN_OPTIONS": "detect_leaks=0"}
    plugin = open_required_plugin(readers.program, readers.registry, dissecting_user(readers.program), HEAD)
    messages = follow(readers.program, readers.registry, TYPES).names
    yield replace(readers, plugin=replace(plugin, messages=messages), extra=extra)
    for descriptor in plugin.descriptors:
        os.close(descriptor)


def test_every_type(readers: Readers, tmp_path: Path) -> None:
    records = compare_every_type(readers, tmp_path, seed=1)
    fields = {key for record in records for key in orjson.loads(record.layers_json)["everytype"]}
    unparsed = {key for record in records for key in record.unparsed.get("everytype", {})}
    assert {"uint64_dec", "int64_dec", "absolute_time_utc", "double_none", "masked32", "ipv6_none"} <= fields
    assert {"float_none", "double_none", "absolute_time_utc", "absolute_time_doy_utc"} <= unparsed
    lengths = [len(record.layers_json) for record in records]
    assert len([length for length in lengths if length > 100_000]) >= 2  # thousands of fields, and huge strings


@pytest.mark.parametrize("write", HOSTILE, ids=lambda write: write.__name__)
def test_hostile_captures(readers: Readers, tmp_path: Path, write: Callable[[Path], Path]) -> None:
    readers.compare(write(tmp_path / "capture.pcap"))


@pytest.mark.parametrize("largest", [300, 600, 1_000])
@pytest.mark.parametrize("name", ["dns.pcap", "http_xml.pcap"])
def test_columns_of_packets_with_too_much(
    readers: Readers, monkeypatch: pytest.MonkeyPatch, name: str, largest: int
) -> None:
    """Columns leave out the same values as lines."""
    monkeypatch.setattr(plugins, "LARGEST_PACKET", largest)
    records, _ = read_natively(readers.program, readers.plugin, CAPTURES / name, Settings())
    assert any(record.left_out for record in records)
    readers.compare_columns(CAPTURES / name, Settings(), records)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 6))
def test_every_type_under_sanitizers(sanitized: Readers, tmp_path: Path, seed: int) -> None:
    compare_every_type(sanitized, tmp_path, seed)


@pytest.mark.slow
def test_hostile_captures_under_sanitizers(sanitized: Readers, tmp_path: Path) -> None:
    for write in HOSTILE:
        sanitized.compare(write(tmp_path / "capture.pcap"))


@pytest.mark.slow
def test_own_captures_under_sanitizers(sanitized: Readers) -> None:
    for capture in sorted(CAPTURES.glob("*.pcap*")):
        options = (KEYS[capture.name],) if capture.name in KEYS else ()
        sanitized.compare(capture, Settings(preferences=options))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_damaged_packets_under_sanitizers(sanitized: Readers, tmp_path: Path, seed: int) -> None:
    for name in SAMPLES:
        sanitized.compare(files.byte_flips(CAPTURES / name, tmp_path / name, seed, 60))


@pytest.mark.slow
def test_other_captures_under_sanitizers(sanitized: Readers) -> None:
    """The smallest, which have most of the protocols."""
    for capture in sorted(require_other_folder().glob("*.*cap*"), key=lambda path: path.stat().st_size)[:40]:
        sanitized.compare(capture)
