"""The registry of an installed tshark is made once, for each version and each profile."""

import os
import stat
from pathlib import Path

import pytest

from espcap.base.errors import EspcapError
from espcap.fields.field import Field, Kind
from espcap.tshark import registry
from espcap.tshark.program import Program
from espcap.tshark.registry import open_registry, registry_path

pytest_plugins = ["tests.support.core_fixtures"]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "espcap"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lists that tshark has been asked for; it answers with little."""
    names: list[str] = []

    def print_list(program: Program, name: str, profile_folder: str = "", scripts: tuple[str, ...] = ()) -> list[str]:
        names.append(name)
        return ["F\tSource\tip.src\tFT_IPv4\tip\t\t0x0\t"] if name == "fields" else ["Internet Protocol\tIP\tip"]

    monkeypatch.setattr(registry, "print_list", print_list)
    return names


def test_made_once_and_used_again(program: Program, cache: Path, asked: list[str]) -> None:
    assert open_registry(program).is_protocol("ip")
    assert asked == ["fields", "protocols"]
    (file,) = cache.iterdir()
    assert file == registry_path(program)
    before = file.stat()
    assert open_registry(program).field("ip.src") == Field("ip.src", "ip", "src", Kind.IP, "", "FT_IPv4")
    assert asked == ["fields", "protocols"]
    assert file.stat().st_mtime_ns == before.st_mtime_ns


def test_one_for_each_version_and_each_state_of_a_profile(program: Program, tmp_path: Path) -> None:
    profile = tmp_path / "profile"
    profile.mkdir()
    paths = [registry_path(program), registry_path(program, str(profile))]
    (profile / "plugin.lua").write_text("")
    paths += [registry_path(program, str(profile)), registry_path(Program(program.path, "other", program.version))]
    assert len(set(paths)) == 4
    assert registry_path(program) == paths[0]


def test_only_for_the_user(program: Program, cache: Path, asked: list[str]) -> None:
    before = os.umask(0)
    try:
        open_registry(program)
    finally:
        os.umask(before)
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700
    assert stat.S_IMODE(registry_path(program).stat().st_mode) == 0o600


def test_a_damaged_file_is_made_anew(program: Program, asked: list[str]) -> None:
    path = registry_path(program)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"")
    assert open_registry(program).is_protocol("ip")


def test_a_folder_that_cannot_be_made(
    program: Program, asked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(EspcapError) as caught:
        open_registry(program)
    assert str(tmp_path / "file" / "espcap") in caught.value.message
    assert caught.value.hint
