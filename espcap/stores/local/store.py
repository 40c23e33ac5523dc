"""The local index: a store in a folder, with Parquet files for each day, without a server."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from threading import RLock
from typing import Any, TypeVar

import numpy as np

from espcap.base.errors import StoreError
from espcap.base.paths import data_folder
from espcap.base.text import shell_word
from espcap.base.times import timestamp
from espcap.documents.columns import PacketColumns
from espcap.documents.packets import Document
from espcap.documents.types import PACKETS, DocumentType, type_of
from espcap.fields.own_fields import OwnFields
from espcap.fields.registry import Registry
from espcap.query import Query
from espcap.query.words import check_sortable, fields_of
from espcap.sinks import Outcome
from espcap.stores import TO_FILL, Hit, SearchResult, StoredDay
from espcap.stores.local.aggregations import gather
from espcap.stores.local.bounds import EVER, Bounds, time_bounds
from espcap.stores.local.conditions import View
from espcap.stores.local.documents import documents
from espcap.stores.local.files import check_versions, failures, measure, open_manifest, require_writable
from espcap.stores.local.folders import check_copies, day_folders
from espcap.stores.local.manifest import Entry, Manifest
from espcap.stores.local.record import add_to_record, read_record
from espcap.stores.local.segment import open_segment, open_together
from espcap.stores.local.sorting import Candidate, First, Sort
from espcap.stores.local.tables import Selected, pages, tables
from espcap.stores.local.writer import IndexWriter

_Answer = TypeVar("_Answer")
_ATTEMPTS = 10
"""How often a search is tried while other processes replace the files that it reads."""
_DAY = re.compile(r"\d{4}-\d\d-\d\d$")


class LocalStore:
    """The Store of one folder. The registry has the kinds of paths."""

    writes_at_once = 1
    batches_ahead = 32  # a commit can take seconds

    def __init__(self, folder: Path, registry: Registry, on_note: Callable[[str], None] = lambda note: None) -> None:
        """`on_note` is called with a line of text if a deletion waits for another process."""
        self._folder = folder
        self._registry = registry
        self._kind = registry.kind
        self._writer = IndexWriter(folder, registry.kind, on_note)
        self._turn = RLock()
        """Lock for the writer: `flush` may be called while a thread writes a batch."""

    def prepare(self) -> None:
        """Makes the folder, which only its owner can read, and records the fields of the user's own dissectors.

        Raises StoreError if an earlier version of espcap made a day, or if a folder is not a day or is a copy of one:
        no packets are written beside it.
        """
        with failures(self._folder):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            require_writable(self._folder)
        folders = self._folders()
        check_versions(folders)
        check_copies(_readable(folders))
        if self._registry.own:
            add_to_record(self._folder, self._registry.own, self.address)

    def own_fields(self) -> OwnFields | None:
        """Returns the fields of own dissectors that are recorded in the folder; None without a record."""
        return read_record(self._folder)

    def check(self) -> None:
        """Raises StoreError if a day is damaged, or if another version of espcap made it."""
        _measured(self._folders())

    def write(self, batch: Sequence[Document], outcome: Outcome | None = None) -> Outcome:
        """Stores the documents that are not stored yet. Searches find them after `flush` or a later commit."""
        outcome = outcome or Outcome()
        with self._turn:
            self._writer.write(batch, outcome)
        return outcome

    def write_columns(self, packets: PacketColumns, outcome: Outcome) -> None:
        """Stores the packets that are not stored yet, and adds to the outcome what becomes of each."""
        with self._turn:
            self._writer.write_columns(packets, outcome)

    def flush(self, more_comes: bool = False) -> None:
        """Makes all documents that were written durable and visible to searches."""
        with self._turn:
            self._writer.commit(more_comes)

    def flush_if_due(self) -> None:
        """Does the same as `flush` if documents have waited for some seconds."""
        with self._turn:
            self._writer.commit_if_due()

    def not_durable(self) -> Outcome:
        """Returns the outcome of documents that are not committed yet, or that a failure has lost."""
        return self._writer.not_durable

    def days(self) -> list[StoredDay]:
        """Returns the days in the order of their names."""
        self.flush()
        return _measured(self._folders())

    def delete(self, index: str) -> None:
        """Deletes a day. Waits while another process writes."""
        if self._folder.exists():
            with self._turn:
                self._writer.delete(index)

    def forget(self, captures: Sequence[str], keep: str = "") -> int:
        """Deletes documents of captures, except those with the settings `keep`. Waits while another process writes."""
        with self._turn:
            self.flush()
            folders = self._folders()
            return self._writer.forget(captures, keep, [folder.name for folder in folders]) if folders else 0

    def keep(self, days: int) -> None:
        """Raises StoreError: no process is running that could delete days."""
        hint = f"run espcap prune --keep {days}d --node {shell_word(self.address)} every day, for example from cron"
        raise StoreError("a local index deletes nothing by itself", hint)

    def describe(self) -> str:
        """Returns `local index (Parquet) in FOLDER`."""
        return f"local index (Parquet) in {self._folder}"

    @property
    def address(self) -> str:
        """`local`, or `local:FOLDER` for another folder than the default."""
        return "local" if self._folder == data_folder() else f"local:{self._folder}"

    def missing(self) -> StoreError | None:
        """Returns an error if the folder does not exist, else None."""
        with failures(self._folder):
            if self._folder.is_dir():
                return None
        return StoreError(f"the local index {self._folder} does not exist", TO_FILL.format(shell_word(self.address)))

    def close(self) -> None:
        """Makes all documents that were written durable, and merges small files."""
        with self._turn:
            self._writer.close()

    def search(  # noqa: PLR0913 - most have defaults
        self,
        query: Query,
        size: int = 10,
        start: int = 0,
        sort: Sort = (("@timestamp", False),),
        aggregations: dict[str, Any] | None = None,
        *,
        of: DocumentType = PACKETS,
    ) -> SearchResult:
        """Returns the documents that match, including all that this store has written. See `Store.search`.

        Documents with equal sort values are in the order of index, frame number and capture.
        """
        check_sortable([*(path for path, _ in sort), *fields_of(aggregations or {})])
        self.flush()
        return self._read(lambda: self._search(query, (size, start), sort, aggregations or {}, of))

    def tables(self, query: Query, paths: Sequence[str]) -> Iterator[Any]:
        """Yields the values of packets that match as Arrow tables, in the order of time. See `ColumnStore.tables`."""
        self.flush()
        return tables(self._read(lambda: self._select(query)), paths, self._kind)

    def pages(self, query: Query, size: int) -> Iterator[list[dict[str, Any]]]:
        """Yields the documents of packets that match, in the order of time. See `ColumnStore.pages`."""
        self.flush()
        return pages(self._read(lambda: self._select(query)), size)

    def _read(self, read: Callable[[], _Answer]) -> _Answer:
        """Returns what `read` returns, and tries again if a writer has replaced a file since the manifest was read."""
        for _ in range(_ATTEMPTS - 1):
            with suppress(FileNotFoundError):
                return read()
        with failures(self._folder):
            return read()

    def _select(self, query: Query) -> list[Selected]:
        """Returns the files that have packets that match. They stay readable if a writer replaces them."""
        views = self._views(time_bounds(query), False, PACKETS)
        found = (Selected(folder.name, view.segment, np.flatnonzero(view.mask(query))) for folder, view in views)
        return [each for each in found if len(each.rows)]

    def _search(
        self, query: Query, part: tuple[int, int], sort: Sort, aggregations: dict[str, Any], of: DocumentType
    ) -> SearchResult:
        size, start = part
        gatherers = gather(aggregations, self._kind)
        total, first = 0, First(sort, start + size if size else 0)
        for folder, view in self._views(time_bounds(query), bool(sort) and sort[0][1], of):
            mask = view.mask(query)
            if count := int(np.count_nonzero(mask)):
                total += count
                if first.needs(view):
                    first.add(folder.name, view, mask)
                for gatherer in gatherers.values():
                    gatherer.add(view, mask)
        answers = {name: gatherer.result() for name, gatherer in gatherers.items()}
        return SearchResult(total, _hits(first.found()[start:]), answers)

    def _views(self, bounds: Bounds, newest_first: bool, of: DocumentType) -> Iterator[tuple[Path, View]]:
        """Yields the files that can have packets of these times, in the order of their times, and their folders.

        Raises FileNotFoundError if one of them has just been replaced.
        """
        folders = [folder for folder in self._folders(bounds, newest_first) if of.owns(folder.name)]
        days = [(folder, open_manifest(folder)) for folder in folders]
        check_copies(days)
        files = [(folder, entry) for folder, listed in days for entry in _entries(listed, bounds, newest_first)]
        open_together(files)
        for folder, entry in files:
            try:
                yield folder, View(open_segment(folder, entry), self._kind)
            except FileNotFoundError:
                raise
            except (OSError, ValueError):
                with failures(folder):
                    raise

    def _folders(self, bounds: Bounds = EVER, newest_first: bool = False) -> list[Path]:
        """Returns the folders of the days, without those outside the bounds."""
        folders = day_folders(self._folder)
        low, high = (timestamp(max(0, bound))[:10] for bound in bounds)
        wanted = [folder for folder in folders if not _DAY.search(folder.name) or low <= folder.name[-10:] <= high]
        return sorted(wanted, reverse=newest_first)


def _readable(folders: list[Path]) -> Iterator[tuple[Path, Manifest]]:
    """Yields the days without those whose list is damaged: they are an error for those who use them."""
    for folder in folders:
        with suppress(StoreError):
            yield folder, open_manifest(folder)


def _measured(folders: list[Path]) -> list[StoredDay]:
    """Returns what is committed to each day, without those that wait for their first commit."""
    days = [(folder, open_manifest(folder)) for folder in folders]
    check_copies(days)
    return [measure(folder) for folder, listed in days if listed.generation]


def _entries(listed: Manifest, bounds: Bounds, newest_first: bool) -> list[Entry]:
    """Returns the files of a day that can have packets of these times, in the order of their times."""
    entries = [entry for entry in listed.entries if _can_match(entry, bounds)]
    return sorted(entries, key=lambda entry: (entry.last if newest_first else entry.first) or 0, reverse=newest_first)


def _can_match(entry: Entry, bounds: Bounds) -> bool:
    if entry.first is None or entry.last is None:
        return True
    return entry.first <= bounds[1] and entry.last >= bounds[0]


def _hits(candidates: list[Candidate]) -> list[Hit]:
    """Returns the documents of packets. Those of one file are read together."""
    places: dict[int, list[int]] = {}
    for place, candidate in enumerate(candidates):
        places.setdefault(id(candidate.view), []).append(place)
    hits: dict[int, Hit] = {}
    for group in places.values():
        view = candidates[group[0]].view
        sources = documents(view.segment, [candidates[place].row for place in group])
        for place, source in zip(group, sources, strict=True):
            index, frame, capture = candidates[place].ties
            hits[place] = Hit(index, type_of(index).identifier(capture, frame), source)
    return [hits[place] for place in range(len(candidates))]
