"""Display filters: every store finds the frames that tshark lets pass."""

import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from espcap.documents import Document
from espcap.fields import Registry
from espcap.pipeline import Job
from espcap.protocols import read_list
from espcap.query.display_filter import parse
from espcap.stores import Store
from espcap.stores.elasticsearch.connection import Connection
from espcap.stores.elasticsearch.store import ElasticsearchStore
from espcap.stores.local.store import LocalStore
from espcap.tshark.arguments import Settings
from espcap.tshark.program import Program, environment
from espcap.tshark.value_names import ValueName, parse_value_names
from tests.conftest import remove_packets
from tests.filter_oracle import passing, passing_alone
from tests.integration.display_filters import FILTERS, odd_texts
from tests.integration.random_filters import Maker
from tests.support import CAPTURES, read

pytest_plugins = ["tests.core_fixtures"]

Frames = set[str]
"""File names and frame numbers: `dns.pcap#1`."""
PLACE = "place"
"""Where the documents of these tests have that, so that a store need not give whole documents to name frames."""


@pytest.fixture(scope="module")
def captures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    samples = [path for path in sorted(CAPTURES.iterdir()) if ".pcap" in path.name]
    return [*samples, odd_texts(tmp_path_factory.mktemp("odd") / "odd.pcap")]


@pytest.fixture(scope="module")
def documents(captures: list[Path], program: Program, registry: Registry) -> list[Document]:
    _, memory = read(Job(program, registry, read_list(), Settings(), payload=True), *captures)
    found = list(memory.documents.values())
    for document in found:
        document.source[PLACE] = _place(document.source["file_name"], document.source["layers"]["frame"]["number"])
        document.body = orjson.dumps(document.source)
    return found


def _place(file: str | Path, frame: int) -> str:
    return f"{Path(file).name}#{frame}"


@pytest.fixture(scope="module", params=["local", "elasticsearch"])
def store(
    request: pytest.FixtureRequest,
    documents: list[Document],
    registry: Registry,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Store]:
    """A store with the packets of all captures."""
    if request.param == "local":
        yield _filled(LocalStore(tmp_path_factory.mktemp("index"), registry), documents)
        return
    url = request.getfixturevalue("_elasticsearch_node")
    yield _filled(ElasticsearchStore(Connection((url,)), registry), documents)
    remove_packets(url)


def _filled(store: Store, documents: list[Document]) -> Store:
    store.prepare()
    assert store.write(documents).stored == len(documents)
    store.flush()
    return store


class Names:
    """The names of values, asked for once."""

    def __init__(self, program: Program) -> None:
        command = [program.path, "-G", "values"]
        self._lines = subprocess.run(command, capture_output=True, env=environment(), check=True).stdout.split(b"\n")
        self._known: dict[str, list[ValueName]] = {}

    def __call__(self, field: str) -> list[ValueName]:
        if field not in self._known:
            self._known[field] = parse_value_names(self._lines, field)
        return self._known[field]


@pytest.fixture(scope="module")
def names(program: Program) -> Names:
    return Names(program)


def _expected(captures: list[Path], filters: list[str], script: Path) -> dict[str, Frames | None]:
    """What tshark lets pass; None where it refuses the filter."""
    expected: dict[str, Frames | None] = {text: set() for text in filters}
    for capture in captures:
        for text, frames in zip(filters, passing(capture, filters, script), strict=True):
            found = expected[text]
            if frames is None or found is None:
                expected[text] = None
            else:
                found |= {_place(capture, frame) for frame in frames}
    return expected


def _found(store: Store, text: str, registry: Registry, names: Names) -> Frames:
    places = {"places": {"terms": {"field": PLACE, "size": 1000}}}
    found = store.search(parse(text, registry, names), size=0, aggregations=places)
    frames = {bucket["key"] for bucket in found.aggregations["places"]["buckets"]}
    assert len(frames) == found.total
    return frames


@pytest.fixture(scope="module")
def made(documents: list[Document], registry: Registry) -> list[str]:
    """Filters made at random, always the same."""
    maker = Maker((document.source for document in documents), registry, seed=1)
    return [maker.make() for _ in range(300)]


@pytest.fixture(scope="module")
def expected(
    captures: list[Path], made: list[str], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Frames | None]:
    return _expected(captures, [*FILTERS, *made], tmp_path_factory.mktemp("script") / "taps.lua")


def test_filters(store: Store, expected: dict[str, Frames | None], registry: Registry, names: Names) -> None:
    found = {text: _found(store, text, registry, names) for text in FILTERS}
    assert {text: frames for text, frames in found.items() if frames != expected[text]} == {}
    assert sum(1 for frames in found.values() if frames) > 300


def test_filters_made_at_random(
    store: Store, made: list[str], expected: dict[str, Frames | None], registry: Registry, names: Names
) -> None:
    """tshark refuses a few for reasons of its own, such as a name that two fields have."""
    wanted = {text: expected[text] for text in made if expected[text] is not None}
    assert len(wanted) > 270
    found = {text: _found(store, text, registry, names) for text in wanted}
    assert {text: frames for text, frames in found.items() if frames != wanted[text]} == {}


def test_the_oracle_is_tshark(captures: list[Path], expected: dict[str, Frames | None]) -> None:
    for text in random.Random(1).sample(FILTERS, 12):
        capture = random.Random(text).choice(captures)
        frames = expected[text]
        assert frames is not None
        alone = {_place(capture, frame) for frame in passing_alone(capture, text)}
        assert {place for place in frames if place.startswith(f"{capture.name}#")} == alone
