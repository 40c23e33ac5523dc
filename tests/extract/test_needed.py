"""Packets shown from an excerpt of their capture are what they are in the whole, or are known not to be."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pytest

from espcap.base.members import frame_number
from espcap.cli.show import packet_lines
from espcap.extract import needed
from espcap.extract.needed import Needed, find_needed, matches_document, open_excerpt, stream_of, with_original_streams
from espcap.query import Everything
from espcap.searches.searcher import Searcher
from espcap.stores.local.store import LocalStore
from espcap.tshark.arguments import Settings
from espcap.tshark.program import Program, dissecting_user
from espcap.tshark.registry import open_registry
from espcap.tshark.sharkd import Dissection, Sharkd
from tests.support.command import CAPTURES, espcap

pytest_plugins = ["tests.support.core_fixtures"]


@contextmanager
def stored(capture: Path, folder: Path, program: Program) -> Iterator[Searcher]:
    assert espcap("--file", capture, "--node", f"local:{folder / 'index'}").status == 0
    registry = open_registry(program)
    searcher = Searcher(program, registry, LocalStore(folder / "index", registry))
    yield searcher
    searcher.close()


def sharkd(program: Program, file: BinaryIO) -> Sharkd:
    return Sharkd(program, file, dissecting_user(program), Settings())


def needs(searcher: Searcher) -> list[Needed]:
    hits = searcher.store.search(Everything(), size=500, sort=[("layers.frame.number", False)]).hits
    found = [find_needed(searcher, hit.source) for hit in hits]
    return [each for each in found if each]


def lines(dissection: Dissection) -> list[str]:
    return list(packet_lines(dissection))


@pytest.mark.parametrize(
    ("name", "least"), [("http_xml.pcap", 33), ("tls13.pcapng", 22), ("dns.pcap", 24), ("tunnels.pcap", 4)]
)
def test_packets_are_the_same(
    name: str, least: int, program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also the numbers of frames and conversations, and times; `least` packets do with an excerpt."""
    monkeypatch.setattr(needed, "SMALL", -1)
    agreed = 0
    with (
        stored(CAPTURES / name, tmp_path, program) as searcher,
        (CAPTURES / name).open("rb") as file,
        sharkd(program, file) as whole,
    ):
        for each in needs(searcher):
            excerpt = open_excerpt(file, each)
            assert excerpt
            with excerpt, sharkd(program, excerpt) as part:
                found = part.frame(each.number)
                if matches_document(found, each):
                    agreed += 1
                    assert lines(with_original_streams(found, each.document)) == lines(whole.frame(each.number))
    assert agreed >= least


def test_messages_of_a_conversation(program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(needed, "SMALL", -1)
    capture = CAPTURES / "dns.pcap"
    with stored(capture, tmp_path, program) as searcher, capture.open("rb") as file, sharkd(program, file) as whole:
        last = [each for each in needs(searcher) if each.document["layers"].get("udp", {}).get("stream")][-1]
        excerpt = open_excerpt(file, last)
        assert excerpt
        with excerpt, sharkd(program, excerpt) as part:
            own = stream_of(part.frame(last.number), "udp")
            stream = last.document["layers"]["udp"]["stream"]
            assert own is not None
            assert own < stream
            assert part.follow("udp", own) == whole.follow("udp", stream) != []


def test_state_of_another_conversation(program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A document that says more than the excerpt can give is believed."""
    monkeypatch.setattr(needed, "SMALL", -1)
    capture = CAPTURES / "dns.pcap"
    with stored(capture, tmp_path, program) as searcher, capture.open("rb") as file:
        first = needs(searcher)[0]
        excerpt = open_excerpt(file, first)
        assert excerpt
        with excerpt, sharkd(program, excerpt) as part:
            found = part.frame(first.number)
        assert matches_document(found, first)
        layers = first.document["layers"]
        other = {**first.document, "layers": layers | {"frame": layers["frame"] | {"protocols": "eth:ip:udp:rtp"}}}
        assert not matches_document(found, Needed(other, first.frames, first.decisive))
        assert not matches_document(
            found, Needed(first.document, first.frames, first.decisive | {"dns.response_in == 99"})
        )
        noted = {**first.document, "layers": layers | {"_ws": {"expert_message": ["duplicate use of an address"]}}}
        assert not matches_document(found, Needed(noted, first.frames, first.decisive))


def test_small_captures_are_read_whole(program: Program, tmp_path: Path) -> None:
    with stored(CAPTURES / "dns.pcap", tmp_path, program) as searcher:
        assert needs(searcher) == []


def test_excerpt_is_small(program: Program, tmp_path: Path) -> None:
    """It ends with the conversation, and other packets are empty."""
    content = (CAPTURES / "dns.pcap").read_bytes()
    capture = tmp_path / "large.pcap"
    filler = content[24:32] + (60_000).to_bytes(4, "little") * 2 + bytes(60_000)
    capture.write_bytes(content + filler * 300)
    with stored(capture, tmp_path, program) as searcher, capture.open("rb") as file:
        found = needs(searcher)
        assert {each.number for each in found} == {frame_number(each.document) for each in found} > {1, 2}
        excerpt = open_excerpt(file, found[0])
        assert excerpt
        with excerpt:
            assert len(excerpt.read()) < len(content)
    shown = espcap("show", f"{capture}#1", "--node", f"local:{tmp_path / 'index'}")
    plain = espcap("show", str(capture), "1")
    assert (shown.status, shown.output) == (0, plain.output)
