"""Starting the command imports only what it needs."""

import sys
from pathlib import Path
from subprocess import run

import pytest

from tests.support.command import CAPTURES, ROOT, environment, espcap

PROGRAM = """
import atexit, sys
atexit.register(lambda: print("imported", *(name for name, module in sys.modules.items() if module), file=sys.stderr))
from espcap.__main__ import run
run()
"""


def imported(*words: str) -> set[str]:
    """The modules that the command has imported at its end."""
    command = [sys.executable, "-c", PROGRAM, *words]
    ran = run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=True)
    return set(ran.stderr.splitlines()[-1].split())


@pytest.mark.parametrize("words", ["--help", "--version", "search --help"])
def test_help_is_light(words: str) -> None:
    loaded = imported(*words.split())
    assert "espcap.cli" in loaded
    assert not loaded & {"pyarrow", "numpy", "elasticsearch", "orjson", "tqdm", "lark", "luqum", "pyshark", "starlette"}


def test_search_is_light(tmp_path: Path) -> None:
    """pyarrow would import pandas, if it is installed."""
    node = f"local:{tmp_path / 'index'}"
    assert espcap("--file", CAPTURES / "dns.pcap", "--node", node).status == 0
    loaded = imported("search", "protocol:dns", "--node", node)
    assert "pyarrow" in loaded
    assert not loaded & {"pandas", "pyarrow.dataset", "elasticsearch", "tqdm", "pyshark", "starlette"}
