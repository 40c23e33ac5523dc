"""Single packets, held against what tshark prints of them."""

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from packaging.version import Version

from espcap.base.errors import EspcapError, UsageError
from espcap.cli.show import packet_lines
from espcap.tshark import sharkd
from espcap.tshark.arguments import Settings
from espcap.tshark.program import Program, dissecting_user, find_wireshark_program
from espcap.tshark.sharkd import Sharkd
from tests.support.command import CAPTURES
from tests.support.fake_programs import shell
from tests.support.frame_oracle import frames, without_empty
from tests.support.hostile import packets
from tests.support.requirements import needs_root

pytest_plugins = ["tests.support.core_fixtures"]


@contextmanager
def opened(program: Program, capture: Path, settings: Settings | None = None) -> Iterator[Sharkd]:
    """A sharkd with the capture, as whoever dissects."""
    with capture.open("rb") as file, Sharkd(program, file, dissecting_user(program), settings or Settings()) as running:
        yield running


def shown(program: Program, capture: Path, settings: Settings | None = None) -> list[list[str]]:
    """The lines of each frame as espcap shows them."""
    with opened(program, capture, settings) as running:
        numbers = range(1, running.frames + 1)
        return [without_empty(list(packet_lines(running.frame(number)))) for number in numbers]


def test_every_line_is_tsharks(sample: Path, program: Program) -> None:
    expected = frames(sample)
    assert expected
    assert shown(program, sample) == expected


@pytest.mark.parametrize(("name", "numbers"), [("http_xml.pcap", [12, 20, 33]), ("tunnels.pcap", range(1, 7))])
def test_single_frames(name: str, numbers: list[int], program: Program) -> None:
    """HTTP's dissector would show the last request of the conversation with every response."""
    expected = frames(CAPTURES / name)
    for number in numbers:
        with opened(program, CAPTURES / name) as running:
            assert without_empty(list(packet_lines(running.frame(number)))) == expected[number - 1]


def test_preferences(program: Program) -> None:
    preference = f"tls.keylog_file:{CAPTURES / 'tls13.keys'}"
    expected = frames(CAPTURES / "tls13.pcapng", "-o", preference)
    assert "Decrypted TLS (135 bytes):" in expected[9]
    assert shown(program, CAPTURES / "tls13.pcapng", Settings(preferences=(preference,))) == expected


@pytest.mark.parametrize("preference", ["no.such:1", "nonsense", ":"])
def test_wrong_preference(preference: str, program: Program) -> None:
    with pytest.raises(UsageError, match="does not accept the preference"):
        shown(program, CAPTURES / "arp.pcap", Settings(preferences=(preference,)))


def test_damaged_capture(tmp_path: Path, program: Program) -> None:
    cut = tmp_path / "cut.pcap"
    cut.write_bytes((CAPTURES / "http_xml.pcap").read_bytes()[:4000])
    expected = frames(cut)
    assert len(expected) == 9
    assert shown(program, cut) == expected


@pytest.mark.parametrize(
    "make", [packets.ip_in_ip, packets.deep_json, packets.hostile_http], ids=lambda make: make.__name__
)
def test_hostile_packets(make: Callable[[Path], Path], tmp_path: Path, program: Program) -> None:
    """Their trees are as deep as Wireshark lets them be; their text reaches nobody's terminal as it is."""
    lines = [line for frame in shown(program, make(tmp_path / "hostile.pcap")) for line in frame]
    assert lines
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]", "".join(lines))


def test_no_capture(tmp_path: Path, program: Program) -> None:
    (tmp_path / "none.pcap").write_bytes(b"no capture at all\n" * 9)
    with pytest.raises(EspcapError, match="cannot load the capture"):
        shown(program, tmp_path / "none.pcap")


@needs_root
def test_capture_that_only_root_can_read(tmp_path: Path, program: Program) -> None:
    secret = tmp_path / "secret.pcap"
    shutil.copy(CAPTURES / "arp.pcap", secret)
    secret.chmod(0o600)
    assert shown(program, secret) == frames(CAPTURES / "arp.pcap")


@pytest.mark.parametrize("number", [0, 7, 2**32, 2**32 + 1])
def test_no_such_frame(number: int, program: Program) -> None:
    with (
        opened(program, CAPTURES / "arp.pcap") as running,
        pytest.raises(EspcapError, match=f"has no frame {number:,}") as failure,
    ):
        running.frame(number)
    assert failure.value.hint == "it has 6 that can be read"


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("exit 3", "sharkd ended: exit status 3"),
        ("read line; kill -SEGV $$", "sharkd ended: killed by SIGSEGV"),
        ("echo words; exec sleep 60", "sharkd's answer is not JSON"),
        ("exec sleep 60", "sharkd did not answer for 0.5 s"),
    ],
)
def test_broken_sharkd(script: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o755)
    monkeypatch.setattr(sharkd, "LOAD_SECONDS", 0.5 if "0.5" in message else 30)
    with pytest.raises(EspcapError) as failure:
        shown(shell(tmp_path, script, "sharkd"), CAPTURES / "arp.pcap")
    assert failure.value.message == message
    assert failure.value.hint


def test_missing_sharkd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EspcapError, match="sharkd is not installed") as failure:
        find_wireshark_program(Program(str(tmp_path / "tshark"), "", Version("4.0.17")), "sharkd")
    assert "apt install wireshark-common" in failure.value.hint


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("Frame 12: 1150 bytes on wire (9200 bits), 1150 bytes captured (9200 bits)", "Frame (4 bytes)"),
        ("Frame 12: Packet, 1150 bytes on wire (9200 bits), 1150 bytes captured (9200 bits)", "Packet (4 bytes)"),
        ("Frame 1: Packet, 1 byte on wire (8 bits), 1 byte captured (8 bits)", "Packet (4 bytes)"),
    ],
)
def test_the_name_of_a_frames_bytes(line: str, name: str) -> None:
    """It is another from Wireshark 4.6 on."""
    made = sharkd._dissection({"tree": [{"l": line}], "bytes": "AAAAAA=="})
    assert made.sources == [sharkd.Bytes(name, bytes(4))]
