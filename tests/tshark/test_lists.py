"""What tshark prints of itself."""

from pathlib import Path

import pytest

from espcap.base.errors import EspcapError
from espcap.tshark.lists import print_list
from espcap.tshark.program import Program
from tests.support.fake_programs import shell
from tests.support.hostile import every_type

pytest_plugins = ["tests.support.core_fixtures"]


def test_protocols(program: Program) -> None:
    (line,) = [line for line in print_list(program, "protocols") if "\tTCP\t" in line]
    assert line.split("\t")[:3] == ["Transmission Control Protocol", "TCP", "tcp"]


def test_fields_of_a_script(program: Program, tmp_path: Path) -> None:
    """Also if root started espcap: Wireshark runs no scripts as root from 4.4 on."""
    tmp_path.chmod(0o755)
    profile = every_type.profile(tmp_path / "profile")
    names = {line.split("\t")[2] for line in print_list(program, "fields", str(profile)) if line.startswith("F\t")}
    assert "everytype.uint64_dec" in names


def test_a_list_that_fails(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with pytest.raises(EspcapError, match=r"^tshark -G fields failed with exit status 3$"):
        print_list(shell(tmp_path, "exit 3"), "fields")
