"""Documents as an iterator over a run in another thread."""

import threading
from collections.abc import Iterator

import pytest

from espcap.base.errors import EspcapError
from espcap.captures.sources import Source, capture_file
from espcap.ingest.report import Problem
from espcap.ingest.stream import DocumentStream
from espcap.tshark.arguments import Settings
from tests.support.command import CAPTURES, children

SETTINGS = Settings()


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    before, threads = children(), threading.active_count()
    yield
    assert children() <= before
    assert threading.active_count() == threads


def sources(*names: str) -> list[Source | EspcapError]:
    return [capture_file(str(CAPTURES / name)) for name in names]


def test_documents_come_in_order() -> None:
    with DocumentStream(SETTINGS, False, lambda: sources("arp.pcap", "dns.pcap")) as stream:
        documents = list(stream)
    frames = [document["layers"]["frame"]["number"] for document in documents if isinstance(document, dict)]
    assert frames == [*range(1, 7), *range(1, 25)]
    assert (stream.report.files, stream.report.read, stream.report.exit_code) == (2, 30, 0)


def test_problems_come_among_the_documents() -> None:
    made = [EspcapError("cannot read it", "check it"), *sources("arp.pcap")]
    with DocumentStream(SETTINGS, False, lambda: made) as stream:
        found = list(stream)
    assert [piece for piece in found if isinstance(piece, Problem)] == stream.report.problems
    assert [problem.message for problem in stream.report.problems] == ["cannot read it"]
    assert len(found) == 7


def test_an_error_is_raised_where_documents_are_taken() -> None:
    def failing() -> Iterator[Source | EspcapError]:
        yield from sources("arp.pcap")
        raise ValueError("a mistake of the caller's")

    with pytest.raises(ValueError, match="a mistake"), DocumentStream(SETTINGS, False, failing) as stream:
        list(stream)


def test_an_early_end() -> None:
    """The thread and its tsharks end, although most documents were not taken."""
    many = sources("http_xml.pcap") * 30
    with DocumentStream(SETTINGS, False, lambda: many) as stream:
        next(iter(stream))
    assert 0 < stream.report.files < 30


def test_an_end_before_the_first_document() -> None:
    with DocumentStream(SETTINGS, False, lambda: sources("arp.pcap")):
        pass
