"""Writes documents to the days of the local index, each identifier once, also if several processes write at once.

The lock is held from the first document to a commit: to the next one if another process waits for the lock or no more
documents come.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from espcap.base.errors import StoreError
from espcap.documents.columns import PacketColumns
from espcap.documents.packets import Document
from espcap.documents.types import number_in
from espcap.fields.field import Kind
from espcap.sinks import Outcome, Rejection
from espcap.stores.local.day import OpenDay
from espcap.stores.local.files import WriterLock, failures, remove_index, state
from espcap.stores.local.kinds import RecordedKinds
from espcap.stores.local.merging import Merger

COMMIT_DOCUMENTS = 131_072
COMMIT_BYTES = 512_000_000
COMMIT_SECONDS = 5.0
"""`write` commits after so many documents, or bytes of them, or so long after the first."""
OVERDUE_SECONDS = 0.3
QUIET_SECONDS = 0.5
"""`commit_if_due` commits so long after the first document, or if no document came for QUIET_SECONDS."""
DELETION_SECONDS = 1.0
"""A deletion that waits longer for another process says so."""

_LAST_MERGES = 8
"""How often `close` merges files of a day, at most: another process may go on writing small files."""


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

    def __init__(self, folder: Path, kind: Callable[[str], Kind], on_note: Callable[[str], None]) -> None:
        """`on_note` is called with a line of text if a deletion waits for another process."""
        self._folder = folder
        self._kinds = RecordedKinds(folder, kind)
        self._lock = WriterLock(folder, on_note)
        self._days: dict[str, OpenDay] = {}
        self._mergers: dict[str, Merger] = {}
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
        with self._adding():
            for index, documents in groupby(batch, lambda document: document.index):
                day = self._day(index)
                with failures(day.folder):
                    for document in documents:
                        self._add(day, document, outcome)

    def write_columns(self, packets: PacketColumns, outcome: Outcome) -> None:
        """Adds the packets that are not stored yet, and commits if there are many."""
        with self._adding():
            day = self._day(packets.index)
            with failures(day.folder):
                outcome.add(day.add_columns(packets))
            self._pending.documents += len(packets.frames)

    @contextmanager
    def _adding(self) -> Iterator[None]:
        """Takes the lock, and commits afterwards if much waits."""
        self._quiet = time.monotonic() - self._last_write >= QUIET_SECONDS
        with self._all_or_nothing():
            self._acquire()
            yield
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

    def close(self) -> None:
        """Makes all documents readable, and merges the small files of the days that were written."""
        self.commit()
        with suppress(StoreError):  # the packets are stored all the same
            for _ in range(_LAST_MERGES):
                self._finish_merging([name for name, merger in self._mergers.items() if merger.is_busy])

    def _finish_merging(self, names: Sequence[str]) -> None:
        for name in names:
            self._mergers[name].wait()
        if names:
            with self._all_or_nothing():
                self._acquire()
                for name in names:
                    self._day(name)
            self.commit()

    def _commit(self, and_release: bool) -> None:
        if not self._lock.is_held():
            return  # nothing was added, and another process may have changed the days
        with self._all_or_nothing():
            for day in self._days.values():
                with failures(day.folder):
                    day.commit()
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
            self._acquire(DELETION_SECONDS)
            self._days.pop(index, None)
            self._mergers.pop(index, None)
            remove_index(self._folder / index)
        self._lock.release()

    def forget(self, captures: Sequence[str], keep: str, days: Sequence[str]) -> int:
        """Commits, waits for the lock, and deletes captures from these days. Returns the number of documents."""
        self.commit()
        with self._all_or_nothing():
            self._acquire(DELETION_SECONDS)
            forgotten = sum(self._forget(name, captures, keep) for name in days)
        self._commit(and_release=True)
        return forgotten

    def _forget(self, name: str, captures: Sequence[str], keep: str) -> int:
        day = self._day(name)
        with failures(day.folder):
            return day.forget(captures, keep)

    def _acquire(self, note_after: float | None = None) -> None:
        with failures(self._folder):
            if not self._lock.acquire(note_after):
                return
            self._kinds.load()
        self._pending = _Pending()
        changed = [name for name, day in self._days.items() if state(day.folder) != day.state]
        for name in changed:  # another process has written frames that are not known here
            del self._days[name]

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        """After a failure, drops all documents that are not committed, and releases the lock."""
        try:
            yield
        except BaseException:
            self._lost = self.not_durable
            self._days.clear()
            self._lock.release()
            raise

    def _day(self, name: str) -> OpenDay:
        if name not in self._days:
            merger = self._mergers.setdefault(name, Merger(self._folder / name))
            self._days[name] = OpenDay(self._folder / name, self._kinds, merger)
        return self._days[name]

    def _add(self, day: OpenDay, document: Document, outcome: Outcome) -> None:
        capture, frame = number_in(document.id)
        stored = day.stored(capture, document.settings_id)
        if frame in stored.same:
            outcome.already_there += 1
            day.found(document.id)
            return
        replaces = frame in stored.others
        try:
            day.add(document, capture, frame, replaces)
        except ValueError as error:
            outcome.rejected.append(Rejection(document, str(error)))
            return
        stored.same.add(frame)
        if replaces:
            stored.replaced.append(frame)
        outcome.stored += not replaces
        outcome.replaced += replaces
        self._pending.documents += 1
        self._pending.bytes += len(document.body)
