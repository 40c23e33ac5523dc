"""A folder as the pages assume it, and commands of the pages that are run in it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.command import CAPTURES, ROOT, environment


def furnished(folder: Path) -> Path:
    """The folder as the pages assume it."""
    (folder / "test_pcaps").symlink_to(CAPTURES)
    shutil.copytree(CAPTURES, folder / "captures")
    commands = folder / "bin"
    commands.mkdir()
    (commands / "ssh").write_text(f"#!/bin/sh\nexec cat {CAPTURES}/dns.pcap\n")
    (commands / "espcap").write_text(f'#!/bin/sh\nexec {sys.executable} -m espcap "$@"\n')
    for command in commands.iterdir():
        command.chmod(0o755)
    return folder


def variables_of(folder: Path) -> dict[str, str]:
    """The environment in such a folder."""
    return environment(
        PATH=f"{folder / 'bin'}:{os.environ['PATH']}",
        XDG_DATA_HOME=str(folder / "data"),
        XDG_STATE_HOME=str(folder / "state"),
        PYTHONPATH=str(ROOT),
    )


def run(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs one line of a page in a furnished folder."""
    variables = variables_of(folder)
    ran = subprocess.run(["bash", "-c", line], cwd=folder, env=variables, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran
