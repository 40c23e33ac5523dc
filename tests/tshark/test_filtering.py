"""The frames that tshark finds are those that `tshark -Y` prints, of a file and of a capture that is written."""

import subprocess
from collections.abc import Callable
from typing import BinaryIO

import pytest

from espcap.base.errors import EspcapError
from espcap.tshark.arguments import Settings
from espcap.tshark.filtering import filter_file, filter_written
from espcap.tshark.process import Exit
from espcap.tshark.program import Program, environment
from tests.support.command import CAPTURES

pytest_plugins = ["tests.support.core_fixtures"]

CAPTURE = CAPTURES / "dns.pcap"
SETTINGS = Settings("dns.flags.response == 1")


@pytest.fixture
def expected(program: Program) -> list[int]:
    command = [
        program.path,
        "-n",
        "-r",
        str(CAPTURE),
        "-Y",
        SETTINGS.display_filter,
        "-T",
        "fields",
        "-e",
        "frame.number",
    ]
    ran = subprocess.run(command, capture_output=True, env=environment(), check=True)
    return [int(line) for line in ran.stdout.split()]


def test_file(program: Program, expected: list[int]) -> None:
    with CAPTURE.open("rb") as file, filter_file(program, SETTINGS, file, None, 60) as output:
        assert [int(line) for line in b"".join(output.blocks()).split()] == expected
        assert output.finish() == Exit(0)
    assert 0 < len(expected) < 24


def test_written(program: Program, expected: list[int]) -> None:
    content = CAPTURE.read_bytes()

    def write(capture: BinaryIO, on_read: Callable[[int], None]) -> None:
        for start in range(0, len(content), 100):
            on_read(capture.write(content[start : start + 100]))

    with filter_written(program, SETTINGS, write, None, 60) as output:
        assert [int(line) for line in b"".join(output.blocks()).split()] == expected
        assert output.finish() == Exit(0)
        assert output.position == len(content)


def test_a_capture_that_cannot_be_written_completely(program: Program) -> None:
    """tshark's answer is not taken for the whole."""

    def write(capture: BinaryIO, on_read: Callable[[int], None]) -> None:
        capture.write(CAPTURE.read_bytes())
        raise EspcapError("the rest is gone")

    with filter_written(program, SETTINGS, write, None, 60) as output:
        list(output.blocks())
        with pytest.raises(EspcapError, match="the rest is gone"):
            output.finish()
