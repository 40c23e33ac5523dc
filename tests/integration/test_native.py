"""The native reader against the reader of `tshark -T json`: the same documents, value for value, and the counts."""

import json
from pathlib import Path
from typing import Any

import pytest

from espcap.base.errors import EspcapError
from espcap.tshark.native import build
from espcap.tshark.program import find_program
from tests.support.captures import KEYS, capture_files, require_other_folder
from tests.support.command import CAPTURES, Ran, espcap
from tests.support.fake_programs import shell
from tests.support.hostile import files
from tests.support.hostile.packets import requests
from tests.support.readers import differences

pytest_plugins = ["tests.support.native"]
pytestmark = pytest.mark.usefixtures("native_reader")

LARGEST = 200_000
"""Bytes of the largest capture of others that is read."""


def counts(ran: Ran) -> str:
    """The summary without its seconds."""
    return ran.summary.rpartition(", ")[0].rpartition(", ")[0]


def compare(*arguments: str | Path) -> None:
    wanted = espcap(*arguments, ESPCAP_READER="json", timeout=300)
    got = espcap(*arguments, ESPCAP_READER="native", timeout=300)
    assert (got.status, got.lines[:-1], counts(got)) == (wanted.status, wanted.lines[:-1], counts(wanted))
    lines, expected = got.output.splitlines(), wanted.output.splitlines()
    assert len(lines) == len(expected)
    for line, other in zip(lines, expected, strict=True):
        document = json.loads(other)
        found = list(differences(document, json.loads(line)))[:10]
        assert found == [], (document.get("file_name"), document["layers"]["frame"]["number"])


def without_settings(document: dict[str, Any]) -> dict[str, Any]:
    """A document without what the version of tshark is part of."""
    return {name: value for name, value in document.items() if name != "settings_id"}


def test_differences_are_found() -> None:
    assert list(differences({"a": [1, {"b": 1}]}, {"a": [1, {"b": True}]})) == [".a[1].b: JSON '1', native 'True'"]
    assert list(differences({"a": 1}, {"b": 1})) == [".a only JSON", ".b only native"]


def test_own_captures() -> None:
    compare("--dir", CAPTURES)


@pytest.mark.parametrize("capture", sorted(KEYS))
def test_own_captures_with_their_keys(capture: str) -> None:
    compare("--file", CAPTURES / capture, "-o", KEYS[capture])


def test_payload() -> None:
    compare("--file", CAPTURES / "http_xml.pcap", "--payload")


@pytest.mark.parametrize(
    "options",
    [
        ["-Y", "dns.flags.rcode == 3"],
        ["-Y", "dns.flags.response == 1", "-c", "7"],
        ["-Y", "frame.number > 10"],
        ["-c", "5"],
        ["-d", "udp.port==53,echo"],
        ["-o", "ip.check_checksum:TRUE"],
    ],
)
def test_options(options: list[str]) -> None:
    compare("--file", CAPTURES / "dns.pcap", *options)


@pytest.mark.parametrize("seed", range(4))
def test_damaged_packets(tmp_path: Path, seed: int) -> None:
    names = ["dns.pcap", "http_xml.pcap", "mixed.pcap", "tunnels.pcap"]
    compare("--file", files.byte_flips(CAPTURES / names[seed], tmp_path / "flipped.pcap", seed, 40))


def test_a_packet_that_tshark_does_not_hand_over(tmp_path: Path) -> None:
    """Its file is read on by the other reader, and nothing is missing."""
    capture = requests(tmp_path / "requests.pcap")
    wanted = espcap("--file", capture, ESPCAP_READER="json")
    ran = espcap("--file", capture, ESPCAP_READER="native")
    note = f"Note: {capture}: continued without the native reader: the native reader was not given frame 2"
    assert (ran.status, ran.lines[0], ran.lines[1:-1]) == (wanted.status, note, wanted.lines[:-1])
    assert ran.documents == wanted.documents
    assert [document["layers"]["frame"]["number"] for document in ran.documents] == [1, 2, 3]


@pytest.mark.slow
def test_other_captures(tmp_path: Path) -> None:
    for path in capture_files(require_other_folder()):
        if path.stat().st_size <= LARGEST:
            (tmp_path / path.name).symlink_to(path)
    compare("--dir", tmp_path)


def test_doctor(tmp_path: Path) -> None:
    """Says whether it is in use and, where not, how to get it."""
    here = espcap("doctor")
    [line] = [line for line in here.output.decode().splitlines() if " reader: " in line]
    assert line.startswith("ok       reader: native, /")
    without = espcap("doctor", XDG_CACHE_HOME=str(tmp_path))
    [line] = [line for line in without.output.decode().splitlines() if " reader: " in line]
    assert line.startswith(
        "note     reader: tshark's JSON, several times slower: the native reader is not built for tshark "
    )
    assert "(run make native, or python -P -m espcap.native)" in line
    assert without.status == here.status


def test_a_newer_wireshark_than_is_known(tmp_path: Path) -> None:
    """Its values could be read wrongly, without a sign of it: the JSON reader is used, and doctor says why."""
    newer = shell(
        tmp_path, f'[ "$1" != --version ] || exec echo \'TShark (Wireshark) 4.8.1.\'\nexec {find_program().path} "$@"'
    )
    ran = espcap("doctor", "--tshark", newer.path)
    lines = ran.output.decode().splitlines()
    assert lines[0].startswith("ok       tshark: TShark (Wireshark) 4.8.1, /")
    assert lines[1] == "note     tshark: espcap is tested with versions up to 4.6 (look for a newer espcap)"
    [reader] = [line for line in lines if " reader: " in line]
    reason = "the native reader supports Wireshark up to 4.6, and tshark is 4.8.1"
    assert reader == f"note     reader: tshark's JSON, several times slower: {reason} (look for a newer espcap)"
    assert ran.status == espcap("doctor").status
    wanted = espcap("--file", CAPTURES / "dns.pcap")
    ran = espcap("--file", CAPTURES / "dns.pcap", "--tshark", newer.path)
    assert ran.status == 0
    assert [*map(without_settings, ran.documents)] == [*map(without_settings, wanted.documents)]
    insisted = espcap("--file", CAPTURES / "dns.pcap", "--tshark", newer.path, ESPCAP_READER="native")
    assert (insisted.status, insisted.lines) == (1, [f"Error: {reason} (look for a newer espcap)"])
    with pytest.raises(EspcapError, match=reason):
        build(find_program(newer.path))


def test_without_it(tmp_path: Path) -> None:
    """Nothing but speed is missing, and nothing is said."""
    wanted = espcap("--file", CAPTURES / "dns.pcap", ESPCAP_READER="native")
    ran = espcap("--file", CAPTURES / "dns.pcap", XDG_CACHE_HOME=str(tmp_path))
    assert (ran.documents, ran.lines[:-1], counts(ran)) == (wanted.documents, wanted.lines[:-1], counts(wanted))
    required = espcap("--file", CAPTURES / "dns.pcap", XDG_CACHE_HOME=str(tmp_path), ESPCAP_READER="native")
    assert (required.status, required.output) == (1, b"")
    assert required.lines[0].startswith("Error: the native reader is not built for tshark")
