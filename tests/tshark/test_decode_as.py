"""Rules of -d that are written to a file of a profile have the effect that -d has."""

import subprocess
from pathlib import Path

import pytest

from espcap.base.errors import UsageError
from espcap.tshark.arguments import Settings
from espcap.tshark.decode_as import decoded_as
from espcap.tshark.program import Program, environment
from tests.support.command import CAPTURES

pytest_plugins = ["tests.support.core_fixtures"]

CAPTURE = CAPTURES / "nanoseconds.pcapng"


def protocols(program: Program, folder: str, *options: str) -> list[str]:
    command = [program.path, "-n", "-r", str(CAPTURE), "-T", "fields", "-e", "frame.protocols", *options]
    ran = subprocess.run(command, capture_output=True, env=environment(folder), check=True)
    return ran.stdout.decode().split()


@pytest.mark.parametrize("rule", ["udp.port==40001,dns", "udp.port==40000-40002,dns", "udp.port==40000:2,dns"])
def test_rule(program: Program, rule: str) -> None:
    with decoded_as(program, Settings(decode_as=(rule,))) as settings:
        assert settings.decode_as == ()
        found = protocols(program, settings.profile_folder)
    assert found == protocols(program, "", "-d", rule) != protocols(program, "")
    assert not Path(settings.profile_folder).exists()


def test_without_a_rule(program: Program) -> None:
    settings = Settings("http")
    with decoded_as(program, settings) as same:
        assert same is settings


def test_own_profile_stays(program: Program, tmp_path: Path) -> None:
    """Its files are used, and its own rules are not lost."""
    (tmp_path / "preferences").write_text("udp.check_checksum: TRUE\n")
    (tmp_path / "decode_as_entries").write_text("decode_as_entry: tcp.port,8888,(none),HTTP\n")
    settings = Settings(decode_as=("udp.port==40001,dns",), profile_folder=str(tmp_path))
    with decoded_as(program, settings) as changed:
        folder = Path(changed.profile_folder)
        assert (folder / "preferences").read_text() == "udp.check_checksum: TRUE\n"
        lines = (folder / "decode_as_entries").read_text().splitlines()
    assert lines == [
        "decode_as_entry: tcp.port,8888,(none),HTTP",
        "decode_as_entry: udp.port,40001,(none),DNS",
    ]
    assert (tmp_path / "decode_as_entries").read_text() == "decode_as_entry: tcp.port,8888,(none),HTTP\n"


@pytest.mark.parametrize("rule", ["udp.port==1", "udp.port==1,nosuch", "nonsense"])
def test_rule_that_cannot_be_written(program: Program, rule: str) -> None:
    with (
        pytest.raises(UsageError, match="cannot be used to show packets"),
        decoded_as(program, Settings(decode_as=(rule,))),
    ):
        pass
