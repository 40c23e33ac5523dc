import contextlib
import hashlib
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from espcap.base.errors import EspcapError
from espcap.captures.sources import NotACapture
from espcap.tshark.arguments import Settings
from espcap.tshark.output import (
    IDLE,
    Output,
    check_settings,
    dropped_packets,
    hand_over_files,
    read_file,
    read_pipe,
    written_packets,
)
from espcap.tshark.process import Exit
from espcap.tshark.program import Program, dissecting_user
from tests.support.command import CAPTURES, children
from tests.support.fake_programs import python, shell
from tests.support.hostile.packets import hostile_http
from tests.support.requirements import needs_open_root_folder, needs_root

pytest_plugins = ["tests.support.core_fixtures"]

CAPTURE = CAPTURES / "http_xml.pcap"


@pytest.fixture(autouse=True)
def _no_child_is_left() -> Iterator[None]:
    before = children()
    yield
    assert children() <= before


def fake(program: Program, stall_timeout: float = 0) -> Output:
    file = CAPTURE.open("rb")  # the output looks at it to the end
    return read_file(program, Settings(), file, None, stall_timeout)


def text(program: Program, profile_folder: str = "") -> bytes:
    """All that the real tshark prints for a capture."""
    with (
        CAPTURE.open("rb") as file,
        read_file(program, Settings(profile_folder=profile_folder), file, None, 60) as output,
    ):
        blocks = b"".join(output.blocks())
        assert output.finish().status == 0
    return blocks


def test_a_file(program: Program) -> None:
    printed = text(program)
    assert printed.count(b"\n  }") == 33
    assert printed.startswith(b"[\n")
    assert printed.endswith(b"]\n")


def test_blocks_as_they_come(tmp_path: Path) -> None:
    program = shell(tmp_path, "printf one; sleep 1.3; printf two; exit 2")
    with fake(program) as output:
        blocks = list(output.blocks())
        assert IDLE in blocks[blocks.index(b"one") :]
        assert b"".join(blocks) == b"onetwo"
        assert output.finish().status == 2
        assert not output.stalled


def test_a_silent_program_is_given_up(tmp_path: Path) -> None:
    program = shell(tmp_path, "printf one; exec sleep 100")
    started = time.monotonic()
    with fake(program, stall_timeout=1.5) as output:
        assert [block for block in output.blocks() if block] == [b"one"]
        assert output.stalled
        assert output.finish().status == -15
    assert 1.5 < time.monotonic() - started < 5


def test_a_program_that_reads_is_not_given_up(tmp_path: Path) -> None:
    """A display filter may let nothing pass for long."""
    program = shell(tmp_path, "for each in 1 2 3 4 5 6; do head -c 1 >/dev/null; sleep 0.6; done; printf one")
    with fake(program, stall_timeout=1.5) as output:
        assert b"".join(output.blocks()) == b"one"
        assert not output.stalled
        assert output.position > 0


def test_the_time_that_the_caller_takes_is_no_silence(tmp_path: Path) -> None:
    program = shell(tmp_path, "printf one; sleep 2.6; printf two")
    with fake(program, stall_timeout=1.5) as output:
        seen = []
        for block in output.blocks():
            seen.append(block)
            time.sleep(1.2 if block == b"one" else 0)
        assert (b"".join(seen), output.stalled) == (b"onetwo", False)


def test_without_a_timeout_silence_may_last(tmp_path: Path) -> None:
    with fake(shell(tmp_path, "sleep 2.2; printf one")) as output:
        *silence, last = output.blocks()
        assert last == b"one"
        assert set(silence) == {IDLE}
        assert len(silence) >= 2


def test_leaving_early_ends_the_program(tmp_path: Path) -> None:
    with fake(python(tmp_path, "print('x' * 10_000_000, flush=True); time.sleep(100)")) as output:
        assert next(output.blocks())
        pid = output.tshark._process.pid
    assert not Path(f"/proc/{pid}").exists()


def test_an_error_ends_the_program(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), fake(shell(tmp_path, "exec sleep 100")):
        raise RuntimeError


def test_interrupt(tmp_path: Path) -> None:
    with fake(shell(tmp_path, "while :; do echo line; done")) as output:
        blocks = output.blocks()
        assert next(blocks)
        output.interrupt()
        assert list(blocks) == []
        assert output.finish().status < 0


class TestPipe:
    @staticmethod
    def pipe(content: bytes, hold: float = 0) -> BinaryIO:
        """A pipe that somebody writes to in pieces of odd sizes, and holds open for a while."""
        read, write = os.pipe()

        def feed() -> None:
            with contextlib.suppress(BrokenPipeError), open(write, "wb", buffering=0) as file:
                for start in range(0, len(content), 777):
                    file.write(content[start : start + 777])
                time.sleep(hold)

        threading.Thread(target=feed, daemon=True).start()
        return open(read, "rb", buffering=0)

    @pytest.mark.parametrize("name", ["http_xml.pcap", "http_xml.pcap.gz", "nanoseconds.pcapng"])
    def test_the_same_as_from_a_file(self, program: Program, name: str) -> None:
        content = (CAPTURES / name).read_bytes()
        with self.pipe(content) as pipe, read_pipe(program, Settings(), pipe, None) as output:
            piped = b"".join(output.blocks())
            assert output.finish() == Exit(0)
        with (CAPTURES / name).open("rb") as file, read_file(program, Settings(), file, None, 60) as output:
            assert b"".join(output.blocks()) == piped

    def test_packets_come_while_the_pipe_is_open(self, program: Program) -> None:
        with self.pipe(CAPTURE.read_bytes(), hold=100) as pipe, read_pipe(program, Settings(), pipe, None) as output:
            printed = b""
            for block in output.blocks():
                printed += block
                if printed.count(b"\n  }") >= 32:  # the last may wait for what follows
                    output.interrupt()
            assert output.finish().status == 0

    def test_a_piece_at_a_time(self, program: Program) -> None:
        """A head that comes in pieces shorter than a magic."""
        read, write = os.pipe()
        content = CAPTURE.read_bytes()

        def feed() -> None:
            for piece in (content[:3], content[3:10], content[10:]):
                time.sleep(0.05)
                os.write(write, piece)
            os.close(write)

        threading.Thread(target=feed).start()
        with open(read, "rb", buffering=0) as pipe, read_pipe(program, Settings(), pipe, None) as output:
            assert b"".join(output.blocks()).count(b"\n  }") == 33
            assert output.finish() == Exit(0)

    def test_nothing(self, program: Program) -> None:
        with self.pipe(b"") as pipe, pytest.raises(EspcapError) as caught:
            read_pipe(program, Settings(), pipe, None)
        assert caught.value.message == "standard input is empty"
        assert caught.value.hint == "pipe a capture in: tcpdump -w - | espcap --file -"

    @pytest.mark.parametrize("content", [b"x", b'{"a": 1}\n', b"\x1f\x8b", bytes(100), b"\xff\xd8\xff\xe0" * 10])
    def test_no_capture(self, program: Program, content: bytes) -> None:
        with self.pipe(content) as pipe, pytest.raises(NotACapture) as caught:
            read_pipe(program, Settings(), pipe, None)
        assert caught.value.message == "standard input is not a capture"
        assert caught.value.hint == "espcap reads pcap and pcapng: tcpdump -w - | espcap --file -"

    def test_no_more_than_is_asked_for(self, program: Program) -> None:
        content = CAPTURE.read_bytes()
        with self.pipe(content) as pipe, read_pipe(program, Settings(count=5), pipe, None) as output:
            assert b"".join(output.blocks()).count(b"\n  }") == 5
            assert output.finish().status == 0

    def test_a_program_that_dies(self, tmp_path: Path) -> None:
        """Writing to a program that is gone does not end us."""
        content = CAPTURE.read_bytes() + bytes(1_000_000)
        with self.pipe(content) as pipe:
            output = read_pipe(shell(tmp_path, "kill -KILL $$"), Settings(), pipe, None)
            with output:
                assert list(output.blocks()) == []
                assert output.finish().status == -9


class TestTheUsersConfiguration:
    @pytest.fixture
    def home(self, tmp_path: Path) -> Path:
        """A home whose configuration runs a script and changes what tshark prints."""
        folder = tmp_path / "home" / ".config" / "wireshark"
        folder.mkdir(parents=True)
        script = f"local file = io.open('{tmp_path}/PWN', 'w') file:write('x') file:close()"
        (folder / "init.lua").write_text(script)
        plugins = tmp_path / "home" / ".local" / "lib" / "wireshark" / "plugins"
        plugins.mkdir(parents=True)
        (plugins / "evil.lua").write_text(script)
        (folder / "preferences").write_text("tcp.relative_sequence_numbers: FALSE\n")
        return tmp_path / "home"

    @needs_open_root_folder
    def test_is_not_used(self, program: Program, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        plain = hashlib.sha256(text(program)).hexdigest()
        monkeypatch.setenv("HOME", str(home))
        monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
        monkeypatch.setenv("WIRESHARK_CONFIG_DIR", str(home / ".config" / "wireshark"))
        assert hashlib.sha256(text(program)).hexdigest() == plain
        assert not (tmp_path / "PWN").exists()
        # The same configuration does all of that to a tshark that sees it and is not root.
        command = [program.path, "-n", "-T", "fields", "-e", "tcp.seq", "-r", "-"]
        user = dissecting_user(program)
        tmp_path.chmod(0o777)
        as_user: dict[str, Any] = {"user": user.uid, "group": user.gid, "extra_groups": []} if user else {}
        with CAPTURE.open("rb") as file:
            ran = subprocess.run(command, stdin=file, capture_output=True, check=True, text=True, **as_user)
        seen = ran.stdout.split()
        assert int(seen[0]) > 1_000_000
        assert (tmp_path / "PWN").exists()

    def test_a_profile_that_is_asked_for_is_used(self, program: Program, home: Path) -> None:
        assert text(program, str(home / ".config" / "wireshark")) != text(program)


@pytest.mark.parametrize(
    ("messages", "dropped"),
    [
        ((), 0),
        (("Packets received/dropped on interface 'lo': 10/3 (pcap:3/dumpcap:0/flushed:0/ps_ifdrop:0) (76.9%)",), 3),
        (
            (
                "Packets received/dropped on interface 'lo': 10/3 (pcap:3/dumpcap:0/flushed:0/ps_ifdrop:0) (76.9%)",
                "Packets received/dropped on interface 'eth0': 0/40 (pcap:40/dumpcap:0/flushed:0/ps_ifdrop:0) (0.0%)",
                "43 packets dropped from lo",
            ),
            43,
        ),
        (("Packets received/dropped on interface 'a: 1/2 (': 10/3 (pcap:3/dumpcap:0/flushed:0) (76.9%)",), 3),
    ],
)
def test_dropped_packets(messages: tuple[str, ...], dropped: int) -> None:
    assert dropped_packets(Exit(0, messages)) == dropped


def test_packets_after_the_last_that_was_asked_for() -> None:
    messages = (
        "Packets captured: 3",
        "Packets received/dropped on interface 'lo': 40/40 (pcap:2/dumpcap:0/flushed:38/ps_ifdrop:0) (51.3%)",
        "Packets received/dropped on interface 'any': 0/1 (pcap:0/dumpcap:0/flushed:1/ps_ifdrop:0) (0.0%)",
    )
    assert (dropped_packets(Exit(0, messages)), dropped_packets(Exit(0, messages), has_all=True)) == (41, 2)
    assert (written_packets(Exit(0, messages)), written_packets(Exit(0))) == (3, 0)
    assert Exit(1, messages[:1]).message == "exit status 1"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (Settings(display_filter="tcp.port =="), "Unexpected end of filter expression"),
        (Settings(display_filter="no.such.field"), "no.such.field"),
        (Settings(decode_as=("nonsense",)), "nonsense"),
        (Settings(preferences=("no.such:preference",)), "no.such:preference"),
    ],
)
def test_wrong_settings(program: Program, settings: Settings, message: str) -> None:
    ended = check_settings(program, settings, None)
    assert ended.status > 0
    assert message in ended.message


def test_right_settings(program: Program) -> None:
    settings = Settings('http.host contains "a"', ("tcp.port==8888,http",), ("tcp.desegment_tcp_streams:FALSE",), 5)
    assert check_settings(program, settings, None) == Exit(0)


@needs_root
def test_a_key_log_that_the_dissecting_user_cannot_read(program: Program, tmp_path: Path) -> None:
    user = dissecting_user(program)
    keys = tmp_path / "private.keys"
    keys.write_bytes((CAPTURES / "tls13.keys").read_bytes())
    keys.chmod(0o600)
    settings = Settings("http", preferences=(f"tls.keylog_file:{keys}", "tcp.desegment_tcp_streams:TRUE"))
    with (CAPTURES / "tls13.pcapng").open("rb") as file:
        handed_over = hand_over_files(settings, user)
        with read_file(program, handed_over, file, user, 60) as output:
            assert b"".join(output.blocks()).count(b"\n  }") == 4
    for descriptor in handed_over.descriptors:
        os.close(descriptor)
    assert hand_over_files(settings, None) == settings


def test_hostile_text_is_printed_whole(program: Program, tmp_path: Path) -> None:
    with (
        hostile_http(tmp_path / "capture").open("rb") as file,
        read_file(program, Settings(), file, None, 60) as output,
    ):
        assert b"".join(output.blocks()).count(b"\n  }") == 1
        assert output.finish() == Exit(0)
