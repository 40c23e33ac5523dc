"""The file of dead letters: how documents are written to it, and read from it."""

import os
import stat
from pathlib import Path

import orjson
import pytest

from espcap.base.errors import EspcapError, StoreError
from espcap.documents.packets import Document
from espcap.documents.types import TYPES, DocumentType
from espcap.ingest.dead_letters import DeadLetters, read_dead_letters, record_outcome
from espcap.ingest.report import Report
from espcap.sinks import Outcome, Rejection
from tests.support.documents import make


def rejections(*numbers: int) -> list[Rejection]:
    return [Rejection(make(number), f"reason {number}") for number in numbers]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "letters.ndjson"


def damaged_lines(path: Path) -> tuple[list[str], list[int]]:
    """The identifiers of the documents in the file, and the numbers of damaged lines."""
    damaged: list[int] = []
    return [document.id for document in read_dead_letters(path, damaged.append)], damaged


def test_documents_come_back(path: Path) -> None:
    DeadLetters(path).add(rejections(1, 2))
    damaged: list[int] = []
    found = list(read_dead_letters(path, damaged.append))
    for document, number in zip(found, (1, 2), strict=True):
        assert (document.index, document.id, document.source) == (
            make(number).index,
            make(number).id,
            make(number).source,
        )
    assert [orjson.loads(line)["reason"] for line in path.read_bytes().splitlines()] == ["reason 1", "reason 2"]
    assert damaged == []


def test_no_rejection_makes_no_file(path: Path) -> None:
    letters = DeadLetters(path)
    letters.add([])
    assert letters.path is None
    assert not path.exists()


def test_only_its_owner_reads_it(path: Path) -> None:
    path.touch(0o644)
    DeadLetters(path).add(rejections(1))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_default_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    letters = DeadLetters()
    letters.add(rejections(1))
    assert letters.path is not None
    assert letters.path.parent == tmp_path / "espcap" / "dead-letters"
    assert letters.path.name.endswith(f"Z-{os.getpid()}.ndjson")
    assert stat.S_IMODE(letters.path.parent.stat().st_mode) == 0o700


def test_a_line_that_a_killed_writer_left(path: Path) -> None:
    path.write_bytes(b'{"reason": "cut')
    DeadLetters(path).add(rejections(1))
    assert damaged_lines(path) == ([make(1).id], [1])


@pytest.mark.parametrize(
    "line",
    [
        b"{}",
        b"{",
        b'{"index":"other","id":"a-1","source":{}}',
        b'{"index":"packets-2024-05-01","id":"a","source":{}}',
        b'{"index":"packets-2024-05-01","id":"a-f1","source":{}}',
        b'{"index":"flows-2024-05-01","id":"a-1","source":{}}',
        b'{"index":"packets-2024-05-01","id":"a-1","source":[]}',
        b'{"index":1,"id":"a-1","source":{}}',
    ],
)
def test_damaged_lines_are_skipped(path: Path, line: bytes) -> None:
    DeadLetters(path).add(rejections(1))
    path.write_bytes(path.read_bytes() + line + b"\n")
    DeadLetters(path).add(rejections(2))
    assert damaged_lines(path) == ([make(1).id, make(2).id], [2])


@pytest.mark.parametrize("of", TYPES, ids=lambda of: of.name)
def test_every_type_of_documents_comes_back(of: DocumentType, path: Path) -> None:
    identifier = of.identifier("0123456789abcdef", 7)
    document = Document(of.index("2024-05-01"), identifier, {}, b'{"type":"http"}')
    DeadLetters(path).add([Rejection(document, "refused")])
    damaged: list[int] = []
    (found,) = read_dead_letters(path, damaged.append)
    assert not damaged
    assert (found.index, found.id, found.source) == (document.index, identifier, {"type": "http"})


def test_other_files(path: Path, tmp_path: Path) -> None:
    path.write_text("a text")
    with pytest.raises(EspcapError, match=r"letters.ndjson is not a file of dead letters"):
        damaged_lines(path)
    with pytest.raises(EspcapError, match=r"cannot read .*missing: No such file or directory"):
        damaged_lines(tmp_path / "missing")


def test_outcomes_are_recorded(path: Path) -> None:
    report = Report(read=5)
    record_outcome(Outcome(stored=3, rejected=rejections(4, 5)), DeadLetters(path), report)
    assert (report.stored, report.refused, report.not_stored) == (3, 2, 0)
    assert report.dead_letters == str(path)


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    """The other documents of the batch count as stored; the rejected ones count as not stored."""
    report, letters = Report(read=5), DeadLetters(tmp_path / "missing" / "letters")
    outcome = Outcome(stored=3, rejected=rejections(4, 5))
    with pytest.raises(StoreError, match=r"cannot write the rejected documents to .*: No such file or directory"):
        record_outcome(outcome, letters, report)
    assert (report.stored, report.refused, report.not_stored, report.dead_letters) == (3, 0, 2, "")


def test_a_full_disk() -> None:
    with pytest.raises(StoreError, match=r"cannot write the rejected documents to /dev/full: No space left on device"):
        DeadLetters(Path("/dev/full")).add(rejections(1))
