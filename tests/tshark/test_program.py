import os
import pwd
import shutil
import subprocess
from pathlib import Path

import pytest
from packaging.version import Version

from espcap.base.errors import EspcapError
from espcap.tshark.program import INSTALL, OLDEST, Program, User, dissecting_user, environment, find_program
from tests.support.fake_programs import shell
from tests.support.requirements import needs_root

pytest_plugins = ["tests.support.core_fixtures"]


def failure(path: str = "") -> tuple[str, str]:
    """The message and the hint with which no program is found."""
    with pytest.raises(EspcapError) as caught:
        find_program(path)
    return caught.value.message, caught.value.hint


def test_the_installed_tshark() -> None:
    program = find_program()
    answer = subprocess.run(["tshark", "--version"], capture_output=True, text=True, check=True)
    assert program.banner == answer.stdout.splitlines()[0]
    assert str(program.version) in program.banner
    assert Path(program.path).name == "tshark"
    assert find_program(program.path) == program
    assert Path(program.dumpcap).name == "dumpcap"


def test_output_of_a_program_is_kept_until_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    tshark = tmp_path / "tshark"
    tshark.symlink_to(find_program().path)
    [kept] = (tmp_path / "cache" / "espcap").iterdir()
    kept.write_text("TShark (Wireshark) 9.9.9.")
    assert str(find_program(str(tshark)).version) == "9.9.9"
    tshark.unlink()
    shutil.copy(find_program().path, tshark)
    assert str(find_program(str(tshark)).version) != "9.9.9"


def test_output_of_a_script_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for version in ("4.2.5", "4.4.0"):
        script = shell(tmp_path, f"echo 'TShark (Wireshark) {version}.'")
        assert str(find_program(script.path).version) == version


@pytest.mark.parametrize(
    ("version", "is_newer"),
    [("3.6.0", False), ("4.0.17", False), ("4.6.0", False), ("4.6.99", False), ("4.7.0", True), ("5.0.0", True)],
)
def test_newer_than_known(version: str, is_newer: bool) -> None:
    assert Program("tshark", "", Version(version)).is_newer_than_known is is_newer


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cache").write_text("a file")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert "TShark" in find_program().banner


def test_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert failure() == ("tshark is not installed", INSTALL)


def test_the_first_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shell(tmp_path, "echo 'TShark (Wireshark) 4.2.5.'")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    program = find_program()
    assert (program.path, str(program.version)) == (str(tmp_path / "tshark"), "4.2.5")


def test_a_wrong_path_does_not_fall_back(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing\x1b")
    hint = f"name another with --tshark, or {INSTALL}"
    assert failure(missing) == (f"cannot run {tmp_path}/missing\\x1b: No such file or directory", hint)
    assert failure(str(tmp_path)) == (f"cannot run {tmp_path}: Permission denied", hint)


def test_a_file_that_is_no_program(tmp_path: Path) -> None:
    path = tmp_path / "tshark"
    path.write_bytes(b"\x00\x01")
    path.chmod(0o755)
    assert failure(str(path))[0] == f"cannot run {path}: Exec format error"


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo 'TShark 1.6.7 (SVN Rev 41973)'", "{path} is tshark 1.6.7"),
        ("echo 'TShark (Wireshark) 3.5.9 (Git)'", "{path} is tshark 3.5.9"),
        ("echo garbage", "{path} is not tshark: it prints 'garbage'"),
        ("echo 4.0", "{path} is not tshark: it prints '4.0'"),
        ("true", "{path} is not tshark: it prints ''"),
        ("echo 'TShark 4.0.17' >&2; exit 1", "{path} is not tshark: it prints ''"),
        ("printf '\\377\\033[31m\\nTShark 4.0.17\\n'", "{path} is not tshark: it prints '\ufffd\\\\x1b[31m'"),
        ("printf '%0200d' 0", "{path} is not tshark: it prints '" + "0" * 80 + "'"),
    ],
)
def test_too_old_or_something_else(tmp_path: Path, script: str, message: str) -> None:
    path = shell(tmp_path, script).path
    assert failure(path) == (message.format(path=path), "espcap needs tshark 3.6.0 or newer")


@pytest.mark.parametrize("version", ["3.6.0", "3.6.24", "4.0.17", "4.6.10"])
def test_new_enough(tmp_path: Path, version: str) -> None:
    program = shell(tmp_path, f"echo 'TShark (Wireshark) {version} (v{version}).'; echo 'Compiled with 1.2.3'")
    found = find_program(program.path)
    assert (found.path, str(found.version)) == (program.path, version)


def test_dumpcap_beside_tshark_comes_first(tmp_path: Path) -> None:
    program = shell(tmp_path, "")
    assert program.dumpcap != str(tmp_path / "dumpcap")
    (tmp_path / "dumpcap").touch()
    assert program.dumpcap == str(tmp_path / "dumpcap")


def test_no_dumpcap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(EspcapError) as caught:
        _ = shell(tmp_path, "").dumpcap
    assert caught.value.message == "dumpcap is not installed"
    assert caught.value.hint == "it comes with Wireshark: apt install wireshark-common"


def test_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "XDG_CONFIG_HOME", "WIRESHARK_CONFIG_DIR", "WIRESHARK_PLUGIN_DIR", "LD_PRELOAD", "SECRET"):
        monkeypatch.setenv(name, "/of/the/user")
    monkeypatch.setenv("PATH", "/a:/b")
    monkeypatch.setenv("LC_ALL", "de_DE")
    monkeypatch.setenv("TZ", "America/New_York")
    expected = {
        "PATH": "/a:/b",
        "HOME": "/proc/nonexistent",
        "XDG_CONFIG_HOME": "/proc/nonexistent",
        "WIRESHARK_CONFIG_DIR": "/proc/nonexistent",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
    }
    assert environment() == expected
    assert environment("/a profile") == expected | {"WIRESHARK_CONFIG_DIR": "/a profile"}


class TestDissectingUser:
    @pytest.fixture(autouse=True)
    def root(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "geteuid", lambda: 0)
        monkeypatch.setattr(User, "can_run", lambda *_: True)
        monkeypatch.delenv("SUDO_UID", raising=False)

    def test_an_ordinary_user(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
        assert dissecting_user(find_program()) is None

    def test_root(self) -> None:
        entry = pwd.getpwnam("nobody")
        assert dissecting_user(find_program()) == User("nobody", entry.pw_uid, entry.pw_gid)

    @pytest.mark.parametrize("uid", ["0", ""])
    def test_sudo_of_root(self, monkeypatch: pytest.MonkeyPatch, uid: str) -> None:
        monkeypatch.setenv("SUDO_UID", uid)
        assert dissecting_user(find_program()) == User("nobody", *pwd.getpwnam("nobody")[2:4])

    def test_the_user_behind_sudo(self, monkeypatch: pytest.MonkeyPatch) -> None:
        entry = pwd.getpwnam("daemon")
        monkeypatch.setenv("SUDO_UID", str(entry.pw_uid))
        assert dissecting_user(find_program()) == User("daemon", entry.pw_uid, entry.pw_gid)

    @pytest.mark.parametrize("uid", ["54321", "x", "-1", "1.5", "9" * 30, "9" * 5000])
    def test_a_user_that_is_gone(self, monkeypatch: pytest.MonkeyPatch, uid: str) -> None:
        monkeypatch.setenv("SUDO_UID", uid)
        with pytest.raises(
            EspcapError, match=rf"the user {uid} \(SUDO_UID\), as whom tshark would run, does not exist"
        ):
            dissecting_user(find_program())


@needs_root
def test_tshark_out_of_reach(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o700)
    shutil.copy("/bin/true", tmp_path / "closed" / "tshark")
    user = dissecting_user(Program(str(tmp_path / "closed" / "tshark"), "", OLDEST))
    assert user
    assert user.reads_all
