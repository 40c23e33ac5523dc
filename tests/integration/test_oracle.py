"""Documents against tshark's own answers: every packet, every field, every value, in order."""

from collections.abc import Callable
from pathlib import Path

import pytest

from espcap.fields.registry import Registry
from espcap.tshark.program import find_program
from espcap.tshark.registry import open_registry
from tests.support.captures import KEYS
from tests.support.command import CAPTURES, espcap
from tests.support.hostile import files, packets
from tests.support.oracle import differences, packet_count


@pytest.fixture(scope="module")
def registry() -> Registry:
    return open_registry(find_program())


def check(capture: Path, registry: Registry, *options: str, reader: str = "") -> None:
    ran = espcap("--file", capture, *options, ESPCAP_READER=reader)
    assert ran.status == 0, ran.errors
    assert len(ran.documents) == packet_count(capture)
    assert list(differences(capture, ran.documents, registry, *options))[:10] == []


def test_own_captures(sample: Path, registry: Registry) -> None:
    options = ["-o", KEYS[sample.name]] if sample.name in KEYS else []
    check(sample, registry, *options)


@pytest.mark.slow
def test_other_captures(other_capture: Path, registry: Registry) -> None:
    check(other_capture, registry)


@pytest.mark.parametrize("seed", range(10))
def test_damaged_packets(tmp_path: Path, registry: Registry, seed: int) -> None:
    names = ["dns.pcap", "http_xml.pcap", "smtp.pcap", "mixed.pcap", "tunnels.pcap"]
    source = CAPTURES / names[seed % len(names)]
    check(files.byte_flips(source, tmp_path / "flipped.pcap", seed, 40), registry)


@pytest.mark.parametrize("write", [packets.unset_times, packets.odd_texts], ids=lambda write: write.__name__)
def test_texts_and_times_that_versions_print_differently(
    tmp_path: Path, registry: Registry, write: Callable[[Path], Path]
) -> None:
    check(write(tmp_path / "capture.pcap"), registry)


def test_labels_are_no_fields(tmp_path: Path, registry: Registry) -> None:
    """With tshark's JSON, in which nothing tells a label that is a field's name from that field without a value."""
    capture = packets.labels(tmp_path / "capture.pcap")
    check(capture, registry, reader="json")
    documents = espcap("--file", capture, ESPCAP_READER="json").documents
    marks = [document["layers"]["tcp"].get("analysis_retransmission") for document in documents]
    assert marks == [None] * len(packets.LABELS) + [True]
    layers = ["frame", "eth", "ip", "tcp", "http", "data-text-lines"]
    assert [document["protocols"] for document in documents[:-1]] == [layers] * len(packets.LABELS)


@pytest.mark.parametrize("compress", ["gzip", "zstd", "lz4"])
def test_compressed_captures(tmp_path: Path, compress: str) -> None:
    import subprocess

    packed = tmp_path / f"dns.pcap.{compress}"
    with (CAPTURES / "dns.pcap").open("rb") as plain, packed.open("wb") as file:
        subprocess.run([compress, "-c"], stdin=plain, stdout=file, check=True)
    ran = espcap("--file", packed)
    assert ran.status == 0, ran.errors
    assert len(ran.documents) == 24


def test_payload_on_request() -> None:
    plain = espcap("--file", CAPTURES / "http_xml.pcap").documents
    full = espcap("--file", CAPTURES / "http_xml.pcap", "--payload").documents
    lengths = [len(document["layers"]["tcp"].get("payload", "")) for document in full]
    assert max(lengths) > 3 * 1000
    assert max(len(document["layers"]["tcp"].get("payload", "")) for document in plain) <= 3 * 64
    assert any("reassembled_data" in document["layers"]["tcp"] for document in full)
    assert not any("reassembled_data" in document["layers"]["tcp"] for document in plain)


def test_display_filter_and_decode_as() -> None:
    filtered = espcap("--file", CAPTURES / "dns.pcap", "-Y", "dns.flags.rcode == 3").documents
    assert [document["layers"]["dns"]["flags_rcode"] for document in filtered] == [3]
    decoded = espcap("--file", CAPTURES / "nanoseconds.pcapng", "-d", "udp.port==40001,dns").documents
    assert decoded
    assert all("dns" in document["layers"]["frame"]["protocols"] for document in decoded)
    assert len(espcap("--file", CAPTURES / "dns.pcap", "-c", "5").documents) == 5
