"""Display filters: every store finds the frames that tshark lets pass."""

import random
from contextlib import suppress
from pathlib import Path

import pytest

from espcap.base.errors import EspcapError
from espcap.documents.packets import HEAD, Document
from espcap.fields.protocols import read_list
from espcap.fields.registry import Registry
from espcap.ingest.job import Job
from espcap.stores import Store
from espcap.stores.elasticsearch.connection import Connection
from espcap.stores.elasticsearch.store import ElasticsearchStore
from espcap.stores.local.store import LocalStore
from espcap.tshark.arguments import Settings
from espcap.tshark.native import build
from espcap.tshark.plugin import open_plugin
from espcap.tshark.program import Program, dissecting_user
from tests.support.captures import capture_files, require_other_folder
from tests.support.command import CAPTURES
from tests.support.display_filters import filters as all_filters
from tests.support.display_filters import odd_texts
from tests.support.filter_oracle import Frames, Names, expected, filled, found, passing_alone, place, placed_documents
from tests.support.random_filters import Maker

pytest_plugins = ["tests.support.core_fixtures"]

LARGEST = 6 << 10
"""Bytes of the largest capture of others that is read."""
NOT_ALIKE = {
    *('tcp.payload contains "GET"', "tcp.payload contains 0d:0a:0d:0a", r'tcp.payload contains "\x0d\x0a\x0d\x0a"'),
    'tls.handshake.random_time > "2050-01-01"',
}
"""Of other captures payloads are longer than an index takes, and tshark 4.0 takes 1971 to be after 2050: it compares
times that are more than 68 years apart with 32 bits."""


def _captures(folder: Path) -> list[Path]:
    """All but compressed copies, whose packets are those of the capture."""
    return [path for path in capture_files(folder) if path.suffix != ".gz"]


@pytest.fixture(scope="module")
def captures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return [*_captures(CAPTURES), odd_texts(tmp_path_factory.mktemp("odd") / "odd.pcap")]


@pytest.fixture(scope="module")
def whole_job(program: Program, registry: Registry) -> Job:
    """Reads natively, where the native reader can be built."""
    with suppress(EspcapError):
        build(program)
    user = dissecting_user(program)
    settings = Settings(plugin=open_plugin(program, registry, user, HEAD, payload=True))
    return Job(program, registry, read_list(), settings, user, payload=True)


@pytest.fixture(scope="module")
def documents(captures: list[Path], whole_job: Job) -> list[Document]:
    return placed_documents(whole_job, captures, "packets-undated")  # one index is quicker to fill and to search


@pytest.fixture(scope="module")
def names(program: Program) -> Names:
    return Names(program)


@pytest.fixture(scope="module")
def wanted(
    captures: list[Path], documents: list[Document], registry: Registry, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Frames]:
    """What tshark finds with our filters and with some made at random, always the same.

    It refuses a few of those for reasons of its own, such as a name that two fields have.
    """
    maker = Maker((document.source for document in documents), registry, seed=1)
    made = [maker.make() for _ in range(300)]
    taken = _taken(expected(captures, [*all_filters(), *made], tmp_path_factory.mktemp("scripts")))
    assert taken.keys() >= set(all_filters())
    assert sum(text in taken for text in made) > 270
    return taken


def _taken(frames: dict[str, Frames | None]) -> dict[str, Frames]:
    return {text: some for text, some in frames.items() if some is not None}


@pytest.fixture(params=["local", "elasticsearch"])
def store(request: pytest.FixtureRequest, registry: Registry, tmp_path: Path) -> Store:
    """An empty store."""
    if request.param == "local":
        return LocalStore(tmp_path / "index", registry)
    return ElasticsearchStore(Connection((request.getfixturevalue("elasticsearch_url"),)), registry)


def test_filters(
    store: Store, documents: list[Document], wanted: dict[str, Frames], registry: Registry, names: Names
) -> None:
    filled(store, documents)
    frames = {text: found(store, text, registry, names) for text in wanted}
    assert {text: some for text, some in frames.items() if some != wanted[text]} == {}
    assert sum(0 < len(frames[text]) < len(documents) for text in all_filters()) > 300


def test_the_oracle_is_tshark(captures: list[Path], wanted: dict[str, Frames]) -> None:
    for text in random.Random(1).sample(all_filters(), 12):
        capture = random.Random(text).choice(captures)
        alone = {place(capture, frame) for frame in passing_alone(capture, text)}
        assert {one for one in wanted[text] if one.startswith(f"{capture.name}#")} == alone


@pytest.mark.slow
def test_filters_of_other_captures(
    whole_job: Job, registry: Registry, names: Names, tmp_path: Path, elasticsearch_url: str
) -> None:
    captures = [capture for capture in _captures(require_other_folder()) if capture.stat().st_size <= LARGEST]
    documents = placed_documents(whole_job, captures, "packets-undated")  # a hundred days would be a hundred indices
    maker = Maker((document.source for document in documents), registry, seed=3)
    filters = [*(text for text in all_filters() if text not in NOT_ALIKE), *(maker.make() for _ in range(50))]
    wanted = _taken(expected(captures, filters, tmp_path))
    assert sum(0 < len(some) < len(documents) for some in wanted.values()) > 250
    for store in (
        LocalStore(tmp_path / "index", registry),
        ElasticsearchStore(Connection((elasticsearch_url,)), registry),
    ):
        filled(store, documents)
        frames = {text: found(store, text, registry, names) for text in wanted}
        assert {text: some for text, some in frames.items() if some != wanted[text]} == {}
