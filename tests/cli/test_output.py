"""The file that a command writes appears only when it is complete."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from espcap.cli.output import opened

_KILLED = """
import os, signal, sys
from espcap.cli.output import opened
with opened(sys.argv[1]) as output:
    output.file.write(b"half")
    output.packets = 1
    os.kill(os.getpid(), signal.SIGTERM)
    output.file.write(b"more")
"""


def test_sigterm_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "packets.csv"
    file.write_bytes(b"old")
    ran = subprocess.run([sys.executable, "-c", _KILLED, file], check=False, timeout=60)
    assert ran.returncode == 128 + signal.SIGTERM
    assert os.listdir(tmp_path) == ["packets.csv"]
    assert file.read_bytes() == b"old"


def _fail(file: Path) -> None:
    with opened(str(file)) as output:
        output.file.write(b"half")
        raise ValueError("half")


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "packets.csv"
    file.write_bytes(b"old")
    with pytest.raises(ValueError, match="half"):
        _fail(file)
    assert os.listdir(tmp_path) == ["packets.csv"]
    assert file.read_bytes() == b"old"


def test_a_complete_file_replaces_the_old_one(tmp_path: Path) -> None:
    file, before = tmp_path / "packets.csv", signal.getsignal(signal.SIGTERM)
    file.write_bytes(b"old")
    with opened(str(file)) as output:
        output.file.write(b"new")
        output.packets = 1
    assert file.read_bytes() == b"new"
    assert signal.getsignal(signal.SIGTERM) is before


def test_no_packets_make_no_file(tmp_path: Path) -> None:
    with opened(str(tmp_path / "packets.csv")):
        pass
    assert os.listdir(tmp_path) == []
