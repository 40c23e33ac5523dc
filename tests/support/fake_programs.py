"""Programs that stand in for tshark where it would have to misbehave."""

import sys
from pathlib import Path

from packaging.version import Version

from espcap.tshark.program import Program


def shell(folder: Path, text: str, name: str = "tshark") -> Program:
    """A shell script."""
    return _write(folder / name, f"#!/bin/sh\n{text}\n")


def python(folder: Path, text: str, name: str = "tshark") -> Program:
    """A Python script."""
    return _write(folder / name, f"#!{sys.executable}\nimport os, signal, sys, time\n{text}\n")


def _write(path: Path, text: str) -> Program:
    path.write_text(text)
    path.chmod(0o755)
    return Program(str(path), "TShark (Wireshark) 4.0.17", Version("4.0.17"))
