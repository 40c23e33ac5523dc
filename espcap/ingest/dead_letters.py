"""Documents that a store refused for good: kept in a file with the reason, and read from it to be sent again.

A dead letter is one line of JSON: `{"reason": …, "index": …, "id": …, "source": {…}}`.
"""

import os
import re
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
from espcap.ingest.report import Report
from espcap.sinks import Outcome, Refusal

_INDEX = re.compile(r"packets-[0-9a-z-]+")
_ID = re.compile(r"[^\s/]+-\d{1,18}")


class DeadLetters:
    """A file of dead letters, made when the first comes; only its owner can read it."""

    def __init__(self, path: Path | None = None) -> None:
        """Without a path, a file of this moment and this process in the state folder."""
        self._chosen = path
        self._started = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        self._file: int | None = None
        self.path: Path | None = None
        """The file, once there is one."""

    def add(self, refusals: Sequence[Refusal]) -> None:
        """Appends all, on the disk when this returns. Raises StoreError, with none of them in the file."""
        if not refusals:
            return
        path = self.path or self._chosen or _folder() / f"{self._started}-{os.getpid()}.ndjson"
        try:
            if self._file is None:
                self._file = self._open(path)
            _append(self._file, b"".join(map(_line, refusals)))
        except OSError as error:
            raise StoreError(
                f"cannot write the refused documents to {printable(str(path))}: {error.strerror or error}",
                "make room, or name another file with --dead-letters; the same command again stores what is missing",
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
                os.write(descriptor, b"\n")  # a writer was killed in the middle of its line
        return descriptor


def _folder() -> Path:
    return state_folder() / "dead-letters"


def _line(refusal: Refusal) -> bytes:
    document = refusal.document
    head = orjson.dumps({"reason": refusal.reason, "index": document.index, "id": document.id})
    return b'%b,"source":%b}\n' % (head[:-1], document.body)


def _append(descriptor: int, text: bytes) -> None:
    """Writes all of the text, or takes back what it wrote."""
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


def account(outcome: Outcome, dead_letters: DeadLetters, report: Report) -> None:
    """Counts what became of a batch and keeps what was refused, which counts as not stored where it cannot be kept."""
    report.add_outcome(replace(outcome, refused=[]))
    dead_letters.add(outcome.refused)
    report.add_outcome(Outcome(refused=outcome.refused))
    report.dead_letters = str(dead_letters.path or "")


def read_dead_letters(path: Path, on_damaged: Callable[[int], None]) -> Iterator[Document]:
    """The documents of a file, one at a time. `on_damaged` is told the number of each line that is none.

    Raises EspcapError where the file cannot be read or does not look like one of dead letters.
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
        if not (_INDEX.fullmatch(index) and _ID.fullmatch(identifier) and isinstance(source, dict)):
            return None
        settings = str(source.get("settings_id", ""))
        return Document(index, identifier, source, orjson.dumps(source), info=info_of(source), settings_id=settings)
    except (ValueError, KeyError, TypeError):
        return None
