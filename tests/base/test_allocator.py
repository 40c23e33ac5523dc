"""Where the command takes jemalloc, and where not; with the real one, in processes of their own."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from espcap.base import allocator
from tests.support.command import CAPTURES, ESPCAP, environment, espcap
from tests.support.requirements import unavailable

HTTP = CAPTURES / "http_xml.pcap"


@pytest.fixture
def library() -> str:
    """jemalloc, which CI must have."""
    found = allocator.find_library()
    if not found:
        unavailable("jemalloc is not installed: apt install libjemalloc2")
    return found


def loaded_while_it_waits(*arguments: str, **extra: str) -> set[str]:
    """The libraries of an espcap that waits for its standard input, once it has asked for it."""
    command = [*ESPCAP, "--file", "-", *arguments]
    running = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment(**extra)
    )
    maps = Path(f"/proc/{running.pid}/maps")
    try:
        while "orjson" not in (text := maps.read_text()):  # one of the last imports
            assert running.poll() is None
            time.sleep(0.02)
        return {Path(line.split()[-1]).name for line in text.splitlines() if ".so" in line}
    finally:
        running.communicate()


@pytest.mark.parametrize("arguments", [("--node", "local:{}"), ("--node=local:{}",)])
def test_for_a_local_index(arguments: tuple[str, ...], library: str, tmp_path: Path) -> None:
    loaded = loaded_while_it_waits(*(argument.format(tmp_path) for argument in arguments))
    assert os.path.basename(os.path.realpath(library)) in loaded or allocator.LIBRARY in loaded


def test_node_of_the_environment(library: str, tmp_path: Path) -> None:
    assert any("jemalloc" in name for name in loaded_while_it_waits(ESPCAP_NODE=f"local:{tmp_path}"))


def test_not_for_other_nodes(library: str) -> None:
    assert not any("jemalloc" in name for name in loaded_while_it_waits())


def test_not_where_something_else_is_preloaded(library: str, tmp_path: Path) -> None:
    node = f"local:{tmp_path}"
    assert not any("jemalloc" in name for name in loaded_while_it_waits("--node", node, LD_PRELOAD="libm.so.6"))


def test_packets_are_stored_with_it(library: str, tmp_path: Path) -> None:
    node = f"local:{tmp_path}"
    ran = espcap("--file", HTTP, "--node", node)
    found = espcap("search", "--size", "2000", "--sort", "layers.frame.number", "--node", node)
    assert ran.status == 0
    assert found.documents == espcap("--file", HTTP).documents


def test_begins_anew_once(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the system takes LD_PRELOAD out of the environment, as for programs with capabilities."""
    begun: list[dict[str, str]] = []
    monkeypatch.setattr(os, "execve", lambda path, arguments, variables: begun.append(variables))
    monkeypatch.delenv("LD_PRELOAD", raising=False)
    allocator.restart_with_jemalloc()
    assert [variables["LD_PRELOAD"] for variables in begun] == [library]
    for name in begun[0].keys() - os.environ.keys() - {"LD_PRELOAD"}:
        monkeypatch.setenv(name, begun[0][name])
    allocator.restart_with_jemalloc()
    assert len(begun) == 1


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allocator, "LIBRARY", "libnone.so")
    monkeypatch.setattr(os, "execve", lambda *_: pytest.fail("began anew"))
    assert allocator.find_library() == ""
    allocator.restart_with_jemalloc()


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["--node", "local"], True),
        (["search", "--node=local:/srv/index"], True),
        (["--node", "localhost:9200"], False),
        (["--file", "local.pcap"], False),
        ([], False),
    ],
)
def test_names_local_index(arguments: list[str], wanted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ESPCAP_NODE", raising=False)
    assert allocator.names_local_index(arguments) == wanted


def test_doctor(library: str) -> None:
    assert f"ok       memory: jemalloc, {library}" in espcap("doctor").output.decode().splitlines()
