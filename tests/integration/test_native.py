"""The native reader against the reader of `tshark -T json`: the same documents, value for value, and the counts."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.command import CAPTURES, Ran, espcap
from tests.hostile import files
from tests.hostile.packets import requests
from tests.integration.test_oracle import KEYS, OTHERS

pytest_plugins = ["tests.native"]
pytestmark = pytest.mark.usefixtures("native_reader")

LARGEST = 2 << 20
"""Bytes of the largest capture of others that is read."""


def differences(wanted: Any, got: Any, path: str = "") -> Iterator[str]:
    """Where two values differ; 1, 1.0 and true do."""
    if isinstance(wanted, dict) and isinstance(got, dict):
        for key in sorted(wanted.keys() | got.keys()):
            if key in wanted and key in got:
                yield from differences(wanted[key], got[key], f"{path}.{key}")
            else:
                yield f"{path}.{key} only {'JSON' if key in wanted else 'native'}"
    elif isinstance(wanted, list) and isinstance(got, list) and len(wanted) == len(got):
        for index, pair in enumerate(zip(wanted, got, strict=True)):
            yield from differences(*pair, f"{path}[{index}]")
    elif wanted != got or type(wanted) is not type(got):
        yield f"{path}: JSON {str(wanted)[:200]!r}, native {str(got)[:200]!r}"


def counts(ran: Ran) -> str:
    """The account without its seconds."""
    return ran.account.rpartition(", ")[0].rpartition(", ")[0]


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
    note = f"Note: {capture}: read on without the native reader: the native reader was not given frame 2"
    assert (ran.status, ran.lines[0], len(ran.lines)) == (0, note, 2)
    assert ran.documents == wanted.documents
    assert [document["layers"]["frame"]["number"] for document in ran.documents] == [1, 2, 3]


@pytest.mark.slow
@pytest.mark.skipif(not OTHERS.is_dir(), reason="no other captures here: name a folder of them in ESPCAP_TEST_CAPTURES")
def test_other_captures(tmp_path: Path) -> None:
    for path in sorted(OTHERS.glob("*.pcap*")):
        if path.stat().st_size <= LARGEST:
            (tmp_path / path.name).symlink_to(path)
    compare("--dir", tmp_path)
