"""Packets of a large capture, of which only what is needed is loaded."""

import asyncio
from pathlib import Path

import pytest

from espcap.extract import needed
from espcap.extract.needed import find_needed
from espcap.query import Equals
from espcap.searches.searcher import Searcher
from espcap.stores.local.store import LocalStore
from espcap.tshark.arguments import Settings
from espcap.tshark.program import Program, dissecting_user
from espcap.tshark.registry import open_registry
from espcap.web.dissector import Dissector
from tests.support.command import CAPTURES, espcap

pytest_plugins = ["tests.support.core_fixtures"]


def test_excerpt_and_whole_are_the_same(program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also after each other: a packet that an excerpt does not have is no failure."""
    monkeypatch.setattr(needed, "SMALL", -1)
    assert espcap("--file", CAPTURES / "dns.pcap", "--node", f"local:{tmp_path}").status == 0
    registry = open_registry(program)
    searcher = Searcher(program, registry, LocalStore(tmp_path, registry))
    part, whole = (Dissector(program, dissecting_user(program), Settings(), ()) for _ in range(2))
    for number in (1, 9, 2, 9):
        [hit] = searcher.store.search(Equals("layers.frame.number", number)).hits
        asked = find_needed(searcher, hit.source)
        assert asked
        shown = [asyncio.run(part.show(hit.source, asked)), asyncio.run(whole.show(hit.source))]
        assert shown[0] == shown[1]
        said = [asyncio.run(part.follow(hit.source, asked)), asyncio.run(whole.follow(hit.source))]
        assert said[0] == said[1] != []
    for each in (part, whole):
        each.close()
    searcher.close()
