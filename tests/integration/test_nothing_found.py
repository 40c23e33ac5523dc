"""Stores that are not there, that are empty, and queries that nothing matches: each is said, on every store."""

from pathlib import Path

import pytest

import espcap as library
from tests.support.command import CAPTURES, espcap, on_terminal

ASKING = {
    "search": ["search", "dns"],
    "values": ["search", "--agg", "protocol"],
    "stats": ["stats"],
    "extract": ["extract", "dns", "-w", "-"],
    "show": ["show", f"{'0' * 32}-1"],
    "serve": ["serve", "--listen", "127.0.0.1:0"],
}


DELETING = {"prune": ["prune", "--keep", "1d"], "forget": ["forget", "0" * 32]}


@pytest.mark.parametrize("words", (ASKING | DELETING).values(), ids=ASKING | DELETING)
def test_a_store_that_is_not_there(words: list[str], node: str, tmp_path: Path) -> None:
    ran = espcap(*words, "--node", node, timeout=30)
    assert (ran.status, ran.output) == (1, b"")
    what = (
        f"the local index {tmp_path / 'index'} does not exist" if node.startswith("local") else f"{node} has no packets"
    )
    assert ran.lines == [f"Error: {what} (espcap --file CAPTURE --node {node} stores packets there)"]
    assert not (tmp_path / "index").exists()


@pytest.mark.parametrize("words", [words for name, words in ASKING.items() if name not in ("show", "serve")])
def test_an_empty_store(words: list[str], node: str) -> None:
    assert espcap("setup", "--node", node).status == 0
    ran = espcap(*words, "--node", node)
    assert ran.status == 0
    assert f"Note: {node} has no packets yet: espcap --file CAPTURE --node {node} stores packets there" in ran.lines


@pytest.mark.parametrize("words", [words for name, words in ASKING.items() if name not in ("show", "serve")])
def test_nothing_that_matches(words: list[str], node: str) -> None:
    assert espcap("--file", CAPTURES / "arp.pcap", "--node", node).status == 0
    ran = espcap(*words, "-Y", 'dns.qry.name == "x" && arp.opcode == 9', "--node", node)
    assert ran.status == 0
    span = "from 2024-05-01T10:00:00.123Z to 2024-05-01T10:00:03.139Z"
    assert f"Note: none of the 6 packets {span} matches; none of them has layers.dns.qry_name" in ran.lines
    assert "matches" in on_terminal("search", "--since", "now-1h", "--node", node, COLUMNS="300")


def test_from_python(node: str) -> None:
    for ask in (library.count, library.stats, library.search):
        with pytest.raises(library.StoreError, match=r"the local index .* does not exist|has no packets") as told:
            ask(node=node)
        assert told.value.hint == f"espcap --file CAPTURE --node {node} stores packets there"
    assert espcap("setup", "--node", node).status == 0
    for count in (
        library.count,
        lambda node: library.stats(node=node)["packets"],
        lambda node: len(list(library.search(node=node))),
    ):
        with pytest.warns(UserWarning, match="has no packets yet"):
            assert count(node=node) == 0
    library.index(CAPTURES / "arp.pcap", node=node)
    assert library.count("udp", node=node) == 0
