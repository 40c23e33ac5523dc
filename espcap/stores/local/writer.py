"""Writes documents to the days of the local index, each identifier once, also if other processes write.

Identifiers are looked up only while this process holds the lock. It holds the lock from the first document to the
first commit after which another process waits for the lock, or no documents follow. Commits before that keep tantivy's
writers open, so that these merge segments while documents are added.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import accumulate, groupby
from pathlib import Path

import orjson
import tantivy

from espcap.base.frames import FrameSet, frame_ranges
from espcap.documents.packets import Document
from espcap.fields.field import Kind
from espcap.sinks import Outcome, Rejection
from espcap.stores.local.day import (
    BODY,
    CAPTURE,
    FRAME,
    INFO,
    MILLISECONDS,
    NUMBERS,
    TEXTS,
    UNSEARCHABLE,
    Day,
    any_of,
    both,
    without,
)
from espcap.stores.local.files import (
    WriterLock,
    failures,
    give_identity,
    make_private,
    open_index,
    remove_index,
    remove_uncommitted,
    state,
)
from espcap.stores.local.values import Encoder, SearchableText, body_string

COMMIT_DOCUMENTS = 100_000
COMMIT_BYTES = 256_000_000
COMMIT_SECONDS = 5.0
"""`write` commits after this number of documents, bytes, or seconds since the first document of a commit."""
OVERDUE_SECONDS = 2.0
"""`commit_if_due` commits this long after the first document that is not committed."""
QUIET_SECONDS = 0.5
"""`commit_if_due` commits after a pause of this length, after or before the last batch."""
HEAP_BYTES = 128_000_000
"""Memory in which tantivy collects documents before it writes a segment, for each open day."""
OPEN_DAYS = 4
"""Largest number of days that are open for writing."""
_INDEXED = (
    f'{{"{NUMBERS}":{{%b}},"{TEXTS}":{{%b}},"{UNSEARCHABLE}":%b,"{INFO}":%b,'
    f'"{CAPTURE}":%b,"{FRAME}":%d,"{MILLISECONDS}":%b,"{BODY}":%b}}'
).encode()
_DELETED_AT_ONCE = 100_000
"""Largest number of frames in a query that deletes documents."""
_READ_FRAMES = 1_000_000
"""Largest number of frame numbers that are read at a time from an index."""


@dataclass
class _Stored:
    """The frames of a capture that a day has, by whether they were made with the settings of this run."""

    settings_id: str
    """The one of this run."""
    same: FrameSet
    """Frames with these settings."""
    others: FrameSet
    """Frames with other settings."""
    replaced: list[int] = field(default_factory=list)
    """Frames of `others` that were replaced since the last commit, which is to delete their old documents."""


class _OpenDay:
    """A day that is open for writing, and the frames that it has of the captures in this run."""

    def __init__(self, folder: Path, kind: Callable[[str], Kind]) -> None:
        self.folder = folder
        self._index = open_index(folder)
        self._kind = kind
        self._committed = Day(self._index, kind)
        self._writer: tantivy.IndexWriter | None = None
        self._stored: dict[str, _Stored] = {}
        self._uncommitted: set[str] = set()
        self.not_durable = Outcome()
        """The outcome of the documents that are not committed yet."""
        with failures(folder):
            give_identity(folder)
        self.state = state(folder)

    def stored(self, capture: str, settings_id: str) -> _Stored:
        """Returns the frames of a capture that the day has, for documents with these settings."""
        stored = self._stored.get(capture)
        if stored is None or stored.settings_id != settings_id:
            if stored:
                self.commit_and_reload()
            stored = self._stored[capture] = _read_stored(self._committed, capture, settings_id)
        return stored

    def commit_and_reload(self) -> None:
        """Commits and reads the index again, for documents of the same capture with other settings."""
        self.commit(and_close=False)
        self._index.reload()
        self._committed = Day(self._index, self._kind)

    @property
    def _open_writer(self) -> tantivy.IndexWriter:
        if self._writer is None:
            remove_uncommitted(self.folder)
            self._writer = self._index.writer(HEAP_BYTES, 1)
        return self._writer

    def add(self, document: str, identifier: str, replaced: int = 0) -> None:
        """Adds a document, given as JSON. `replaced` is 1 if it replaces another one, else 0."""
        self._open_writer.add_json(document)
        self._uncommitted.add(identifier)
        self.not_durable.stored += 1 - replaced
        self.not_durable.replaced += replaced

    def forget(self, captures: Sequence[str], keep: str) -> int:
        """Deletes the documents of captures, except those with the settings `keep`. Returns their number."""
        query = any_of([self._committed.of_capture(capture) for capture in captures])
        if keep:
            query = without(query, self._committed.made_with(keep))
        if found := self._committed.count(query):
            self._open_writer.delete_documents_by_query(query)
        self._stored.clear()
        return found

    def count_existing(self, identifier: str) -> None:
        """Counts a document that was already there, if its identifier is not committed yet."""
        self.not_durable.already_there += identifier in self._uncommitted

    def commit(self, and_close: bool) -> None:
        """Makes the added documents readable. `and_close` also closes tantivy's writer after it has merged segments."""
        if self._writer is None:
            return
        self._delete_replaced(self._writer)
        self._writer.commit()
        self._uncommitted, self.not_durable = set(), Outcome()
        if and_close:
            writer, self._writer = self._writer, None
            writer.wait_merging_threads()
        make_private(self.folder)
        self.state = state(self.folder)

    def abandon(self) -> None:
        """Releases tantivy's own lock at once: the exception's traceback may keep this object alive."""
        writer, self._writer = self._writer, None
        if writer:
            with suppress(BaseException):  # its failure is being raised already
                writer.wait_merging_threads()

    def _delete_replaced(self, writer: tantivy.IndexWriter) -> None:
        """Deletes the old documents of replaced frames, so that one commit removes them and shows the new ones."""
        day = self._committed
        for capture, stored in self._stored.items():
            for start in range(0, len(stored.replaced), _DELETED_AT_ONCE):
                frames = day.of_frames(stored.replaced[start : start + _DELETED_AT_ONCE])
                earlier = without(both(day.of_capture(capture), frames), day.made_with(stored.settings_id))
                writer.delete_documents_by_query(earlier)
            stored.replaced.clear()


def _read_stored(day: Day, capture: str, settings_id: str) -> _Stored:
    query = day.of_capture(capture)
    if not settings_id or not day.count(query):
        return _Stored(settings_id, _read_frames(day, query), FrameSet())
    same = day.made_with(settings_id)
    return _Stored(settings_id, _read_frames(day, both(query, same)), _read_frames(day, without(query, same)))


def _read_frames(day: Day, query: tantivy.Query) -> FrameSet:
    frames = FrameSet()
    stats = day.searcher.aggregate(query, {"frames": {"stats": {"field": FRAME}}})["frames"]
    if not stats["count"]:
        return frames

    def count(low: int, high: int) -> int:
        return day.count(both(query, day.frames_between(low, high)))

    for low, high in frame_ranges(stats["min"], stats["max"], int(stats["count"]), count, _READ_FRAMES):
        found = day.addresses(both(query, day.frames_between(low, high)), _READ_FRAMES)
        for frame in day.searcher.fast_field_values(FRAME, found):
            frames.add(int(frame or 0))
    return frames


@dataclass(slots=True)
class _Pending:
    """The number and size of documents added since the last commit, and when the first one was added."""

    documents: int = 0
    bytes: int = 0
    since: float = field(default_factory=time.monotonic)

    def is_much(self) -> bool:
        late = time.monotonic() - self.since >= COMMIT_SECONDS
        return late or self.documents >= COMMIT_DOCUMENTS or self.bytes >= COMMIT_BYTES

    def is_overdue(self) -> bool:
        return self.documents > 0 and time.monotonic() - self.since >= OVERDUE_SECONDS


class IndexWriter:
    """Writes documents to all days of one folder. All methods raise StoreError."""

    def __init__(self, folder: Path, kind: Callable[[str], Kind]) -> None:
        self._folder = folder
        self._kind = kind
        self._encoder = Encoder(kind)
        self._lock = WriterLock(folder)
        self._days: dict[str, _OpenDay] = {}
        self._pending = _Pending()
        self._lost = Outcome()
        self._last_write = float("-inf")
        self._quiet = True

    @property
    def not_durable(self) -> Outcome:
        """The outcome of documents that are not committed: not yet, or lost by a failure."""
        outcome = Outcome()
        outcome.add(self._lost)
        for day in self._days.values():
            outcome.add(day.not_durable)
        return outcome

    def write(self, batch: Sequence[Document], outcome: Outcome) -> None:
        """Adds the documents that are not stored yet, and commits if there are many."""
        self._quiet = time.monotonic() - self._last_write >= QUIET_SECONDS
        with self._all_or_nothing():
            self._acquire()
            for index, documents in groupby(batch, lambda document: document.index):
                day = self._day(index)
                with failures(day.folder):
                    for document in documents:
                        self._add(day, document, outcome)
        if self._pending.is_much():
            self._commit(and_release=self._is_wanted())
        self._last_write = time.monotonic()

    def commit_if_due(self) -> None:
        """Commits documents that have waited too long, so that a live capture can be searched."""
        quiet = self._quiet or time.monotonic() - self._last_write >= QUIET_SECONDS
        if self._lock.is_held() and (quiet or self._pending.is_overdue()):
            self._commit(and_release=quiet or self._is_wanted())

    def commit(self, more_comes: bool = False) -> None:
        """Makes all documents readable, and releases the lock; if `more_comes`, only if other processes wait for it."""
        self._commit(and_release=not more_comes or self._is_wanted())

    def _commit(self, and_release: bool) -> None:
        with self._all_or_nothing():
            for day in self._days.values():
                with failures(day.folder):
                    day.commit(and_close=and_release)
        self._pending = _Pending()
        self._last_write = time.monotonic()  # a long commit is not a pause of the input
        if and_release:
            self._lock.release()

    def _is_wanted(self) -> bool:
        with failures(self._folder):
            return self._lock.is_wanted()

    def delete(self, index: str) -> None:
        """Commits all documents, waits for the lock, and deletes a day."""
        self.commit()
        with self._all_or_nothing():
            self._acquire()
            self._days.pop(index, None)
            remove_index(self._folder / index)
        self._lock.release()

    def forget(self, captures: Sequence[str], keep: str, days: Sequence[str]) -> int:
        """Commits, waits for the lock, and deletes captures from these days. Returns the number of documents."""
        self.commit()
        with self._all_or_nothing():
            self._acquire()
            forgotten = sum(self._forget(name, captures, keep) for name in days)
        self._commit(and_release=True)
        return forgotten

    def _forget(self, name: str, captures: Sequence[str], keep: str) -> int:
        day = self._day(name)
        with failures(day.folder):
            day.commit_and_reload()
            return day.forget(captures, keep)

    def _acquire(self) -> None:
        with failures(self._folder):
            if not self._lock.acquire():
                return
        self._pending = _Pending()
        changed = [name for name, day in self._days.items() if state(day.folder) != day.state]
        for name in changed:  # another process has written frames that are not known here
            del self._days[name]

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        """After a failure, drops all documents that are not committed (as tantivy does), and releases the lock."""
        try:
            yield
        except BaseException:
            self._lost = self.not_durable
            for day in self._days.values():
                day.abandon()
            self._days.clear()
            self._lock.release()
            raise

    def _day(self, name: str) -> _OpenDay:
        if name in self._days:
            self._days[name] = self._days.pop(name)  # days are in the order of their last use
        else:
            if len(self._days) >= OPEN_DAYS:
                oldest = next(iter(self._days.values()))
                with failures(oldest.folder):
                    oldest.commit(and_close=True)
                del self._days[oldest.folder.name]
            self._days[name] = _OpenDay(self._folder / name, self._kind)
        return self._days[name]

    def _add(self, day: _OpenDay, document: Document, outcome: Outcome) -> None:
        capture, _, number = document.id.rpartition("-")
        stored, frame = day.stored(capture, document.settings_id), int(number)
        if frame in stored.same:
            outcome.already_there += 1
            day.count_existing(document.id)
            return
        replaced = frame in stored.others
        if reason := self._add_to(day, document, capture, frame, replaced):
            outcome.rejected.append(Rejection(document, reason))
            return
        stored.same.add(frame)
        if replaced:
            stored.replaced.append(frame)
        outcome.stored += not replaced
        outcome.replaced += replaced
        self._pending.documents += 1
        self._pending.bytes += len(document.body)

    def _add_to(self, day: _OpenDay, document: Document, capture: str, frame: int, replaced: bool) -> str:
        """Adds the document. Returns why it cannot be indexed, or an empty string."""
        try:
            indexed = self._indexed(document, capture, frame)
        except (ValueError, TypeError) as error:
            return str(error)
        try:
            day.add(indexed, document.id, int(replaced))
        except ValueError as error:  # tantivy has no exceptions of its own
            if _is_json(indexed):
                raise
            return str(error)
        return ""

    def _indexed(self, document: Document, capture: str, frame: int) -> str:
        """Returns the document as JSON for tantivy, which is faster than a `tantivy.Document`."""
        searchable = self._encoder.encode_document(document)
        parts = (
            b"".join(searchable.numbers),
            b"".join(searchable.texts),
            _unsearchable(searchable),
            searchable.info or b"[]",
            orjson.dumps(capture),
            frame,
            b"[]" if searchable.nanoseconds is None else b"%d" % (searchable.nanoseconds // 1_000_000),
            body_string(document.body),
        )
        return (_INDEXED % parts).decode()


def _unsearchable(searchable: SearchableText) -> bytes:
    """Returns a JSON list of the paths that have values without terms, and of the paths above them.

    `info` is always in the list if the document has it, because tantivy cannot search for documents with any word.
    """
    if not searchable.unsearchable:
        return b'["info"]' if searchable.info else b"[]"
    paths = [*searchable.unsearchable, "info"] if searchable.info else searchable.unsearchable
    return orjson.dumps(sorted({parent for path in paths for parent in accumulate(path.split("."), _join)}))


def _is_json(text: str) -> bool:
    """Returns whether tantivy can parse the text."""
    try:
        tantivy.Document().add_json(TEXTS, text)
    except ValueError:
        return False
    return True


def _join(parent: str, key: str) -> str:
    return f"{parent}.{key}"
