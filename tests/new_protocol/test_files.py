"""The generated folders: their own tests pass, and their declarations can be read."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from espcap.new_protocol import files_of
from tests.new_protocol.examples import ALL, ECHO, LINE, write
from tests.support.requirements import needs_open_root_folder


@needs_open_root_folder
@pytest.mark.parametrize("name", ALL)
def test_generated_tests_pass(name: str, tmp_path: Path) -> None:
    folder = write(tmp_path / "made", ALL[name])
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stdout
    assert "3 passed" in ran.stdout


def test_a_wrong_capture_fails_the_generated_tests(tmp_path: Path) -> None:
    """The tests of a folder do see its capture."""
    folder = write(tmp_path / "made", ECHO)
    capture = (folder / "sample.pcap").read_bytes()
    (folder / "sample.pcap").write_bytes(capture.replace(b"hello", b"hallo"))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "tree"]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 1
    assert "hallo" in ran.stdout


def test_the_declaration() -> None:
    declared = tomllib.loads(files_of(LINE)["sample.toml"].decode())
    assert declared["layers"] == ["sample"]
    assert (declared["match"], declared["key"]) == ("id", ["sample.id"])
    assert declared["request"] == 'sample.role == "request"'
    assert declared["response"] == 'sample.role in {"response", "error"}'
    assert declared["status"] == {"error": 'sample.role == "error"'}
    assert declared["method"] == "{sample.op}"
    assert declared["fields"]["sample.response.more"] == "response:{sample.more}"


def test_the_declaration_without_errors_or_a_key() -> None:
    declared = tomllib.loads(files_of(ALL["marked-tcp"])["sample.toml"].decode())
    assert declared["match"] == "order"
    assert declared["response"] == 'sample.role == "response"'
    assert not {"key", "status", "method"} & declared.keys()


def test_a_folder_is_the_same_everywhere() -> None:
    assert files_of(ECHO) == files_of(ECHO)
    assert b"sample.pcap" in files_of(ECHO)["README.md"]


def test_python_files_compile() -> None:
    for made in ALL.values():
        for name, content in files_of(made).items():
            if name.endswith(".py"):
                compile(content, name, "exec")
