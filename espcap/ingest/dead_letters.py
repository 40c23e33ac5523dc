"""Keeps documents that a store has rejected in a file, with the reasons, and reads them from there to be sent again.

A dead letter is one line of JSON: `{"reason": …, "index": …, "id": …, "source": {…}}`.
"""

import os
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import orjson

from espcap.base.errors import EspcapError, StoreError
from espcap.base.paths import state_folder
from espcap.base.text import printable
from espcap.documents.packets import Document, info_of
from espcap.documents.types import is_identifier, is_index
from espcap.ingest.report import Report
from espcap.sinks import Outcome, Rejection


class DeadLetters:
    """A file of dead letters. It is created for the first dead letter, and only its owner can read it."""

    def __init__(self, path: Path | None = None) -> None:
        """Without a path, the file is in the state folder, and its name has the time and the process identifier."""
        self._chosen = path
        self._started = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        self._file: int | None = None
        self.path: Path | None = None
        """The file; None before the first dead letter."""

    def add(self, rejections: Sequence[Rejection]) -> None:
        """Appends rejected documents and syncs the file to disk.

        Raises StoreError if that fails; then none of them is in the file.
        """
        if not rejections:
            return
        path = self.path or self._chosen or _folder() / f"{self._started}-{os.getpid()}.ndjson"
        try:
            if self._file is None:
                self._file = self._open(path)
            _append(self._file, b"".join(map(_line, rejections)))
        except OSError as error:
            raise StoreError(
                f"cannot write the rejected documents to {printable(str(path))}: {error.strerror or error}",
                "make room, or name another file with --dead-letters; then run the same command again",
            ) from error
        self.path = path

    def _open(self, path: Path) -> int:
        if not self._chosen:
            path.parent.parent.parent.mkdir(parents=True, exist_ok=True)
            for folder in (path.parent.parent, path.parent):
                folder.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        status = os.fstat(descriptor)
        if stat.S_ISREG(status.st_mode):
            os.fchmod(descriptor, 0o600)
            if status.st_size and os.pread(descriptor, 1, status.st_size - 1) != b"\n":
                os.write(descriptor, b"\n")  # an earlier writer was killed before it finished its line
        return descriptor


def _folder() -> Path:
    return state_folder() / "dead-letters"


def _line(rejection: Rejection) -> bytes:
    document = rejection.document
    head = orjson.dumps({"reason": rejection.reason, "index": document.index, "id": document.id})
    return b'%b,"source":%b}\n' % (head[:-1], document.body)


def _append(descriptor: int, text: bytes) -> None:
    """Writes the whole text, or none of it. Raises OSError."""
    before = os.fstat(descriptor).st_size
    rest = memoryview(text)
    try:
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.fsync(descriptor)
    except BaseException:
        with suppress(OSError):
            os.ftruncate(descriptor, before)
        raise


def record_outcome(outcome: Outcome, dead_letters: DeadLetters, report: Report) -> None:
    """Adds the outcome of a batch to the report, and its rejected documents to the dead letters.

    Raises StoreError if the dead letters cannot be written; the rejected documents then count as not stored.
    """
    report.add_outcome(replace(outcome, rejected=[]))
    dead_letters.add(outcome.rejected)
    report.add_outcome(Outcome(rejected=outcome.rejected))
    report.dead_letters = str(dead_letters.path or "")


def read_dead_letters(path: Path, on_damaged: Callable[[int], None]) -> Iterator[Document]:
    """Yields the documents of a file of dead letters.

    `on_damaged` is called with the number, from 1, of each line that is not a dead letter. Raises EspcapError if the
    file cannot be read or does not look like a file of dead letters.
    """
    try:
        with path.open("rb") as file:
            if file.peek(1)[:1] not in (b"{", b""):
                raise EspcapError(
                    f"{printable(str(path))} is not a file of dead letters", "name one that espcap has written"
                )
            for number, line in enumerate(file, 1):
                document = _document(line)
                if document:
                    yield document
                else:
                    on_damaged(number)
    except OSError as error:
        raise EspcapError(f"cannot read {printable(str(path))}: {error.strerror}", "check the path") from error


def _document(line: bytes) -> Document | None:
    try:
        letter = orjson.loads(line)
        index, identifier, source = letter["index"], letter["id"], letter["source"]
        if not (is_index(index) and is_identifier(identifier, index) and isinstance(source, dict)):
            return None
        settings_id = str(source.get("settings_id", ""))
        return Document(index, identifier, source, orjson.dumps(source), info=info_of(source), settings_id=settings_id)
    except (ValueError, KeyError, TypeError):
        return None
