"""The local index: a store in a folder, with one tantivy index for each day, without a server."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from threading import RLock
from typing import Any

import orjson
import tantivy

from espcap.base.errors import StoreError
from espcap.base.paths import data_folder
from espcap.documents.packets import Document
from espcap.documents.types import PACKETS, DocumentType
from espcap.fields.field import Kind
from espcap.fields.own_fields import OwnFields
from espcap.fields.registry import Registry
from espcap.query import And, Equals, Everything, Or, Query, Range
from espcap.query.values import Time
from espcap.query.words import check_sortable, fields_of
from espcap.sinks import Outcome
from espcap.stores import TO_FILL, Hit, SearchResult, StoredDay
from espcap.stores.local.aggregations import gather
from espcap.stores.local.day import BODY, CAPTURE, FRAME, Day, Sort
from espcap.stores.local.files import exists, failures, measure, read_index
from espcap.stores.local.record import add_to_record, read_record
from espcap.stores.local.values import body_of, encode
from espcap.stores.local.writer import IndexWriter

_TIES: Sort = (("layers.frame.number", False), ("capture_id", False))
_MOST_KEPT = 1000
_DAY = re.compile(r"\d{4}-\d\d-\d\d$")


class LocalStore:
    """The Store of one folder. The registry has the kinds of paths."""

    writes_at_once = 1
    batches_ahead = 32  # a commit can take seconds

    def __init__(self, folder: Path, registry: Registry) -> None:
        self._folder = folder
        self._registry = registry
        self._kind = registry.kind
        self._writer = IndexWriter(folder, registry.kind)
        self._turn = RLock()
        """Lock for the writer: `flush` may be called while a thread writes a batch."""

    def prepare(self) -> None:
        """Makes the folder, which only its owner can read, and records the fields of the user's own dissectors."""
        with failures(self._folder):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._registry.own:
            add_to_record(self._folder, self._registry.own, self.address)

    def own_fields(self) -> OwnFields | None:
        """Returns the fields of own dissectors that are recorded in the folder; None without a record."""
        return read_record(self._folder)

    def check(self) -> None:
        """Does nothing: only espcap creates these indices."""

    def write(self, batch: Sequence[Document], outcome: Outcome | None = None) -> Outcome:
        """Stores the documents that are not stored yet. Searches find them after `flush` or a later commit."""
        outcome = outcome or Outcome()
        with self._turn:
            self._writer.write(batch, outcome)
        return outcome

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
        return [measure(folder) for folder in self._folders(Everything(), newest_first=False)]

    def delete(self, index: str) -> None:
        """Deletes a day. Waits while another process writes."""
        if self._folder.exists():
            with self._turn:
                self._writer.delete(index)

    def forget(self, captures: Sequence[str], keep: str = "") -> int:
        """Deletes documents of captures, except those with the settings `keep`. Waits while another process writes."""
        with self._turn:
            folders = self._folders(Everything(), newest_first=False)
            return self._writer.forget(captures, keep, [folder.name for folder in folders]) if folders else 0

    def keep(self, days: int) -> None:
        """Raises StoreError: no process is running that could delete days."""
        hint = f"run espcap prune --keep {days}d --node local:{self._folder} every day, for example from cron"
        raise StoreError("a local index deletes nothing by itself", hint)

    def describe(self) -> str:
        """Returns `local index (tantivy VERSION) in FOLDER`."""
        return f"local index (tantivy {version('tantivy')}) in {self._folder}"

    @property
    def address(self) -> str:
        """`local`, or `local:FOLDER` for another folder than the default."""
        return "local" if self._folder == data_folder() else f"local:{self._folder}"

    def missing(self) -> StoreError | None:
        """Returns an error if the folder does not exist, else None."""
        if self._folder.is_dir():
            return None
        return StoreError(f"the local index {self._folder} does not exist", TO_FILL.format(self.address))

    def close(self) -> None:
        """Makes all documents that were written durable."""
        self.flush()

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
        gatherers = gather(aggregations or {}, self._kind)
        total, best = 0, _Best(sort, start, size, self._kind)
        for folder in self._folders(query, newest_first=bool(sort) and sort[0][1]):
            if not of.owns(folder.name):
                continue
            with failures(folder):
                day = Day(read_index(folder), self._kind)
                question = day.translate(query)
                total += day.count(question)
                best.add(folder.name, day, question)
                for gatherer in gatherers.values():
                    gatherer.add(day, question)
        with failures(self._folder):
            answers = {name: gatherer.result() for name, gatherer in gatherers.items()}
        return SearchResult(total, best.hits(), answers)

    def _folders(self, query: Query, newest_first: bool) -> list[Path]:
        """Returns the folders of the days, without those that the query's bounds of @timestamp exclude."""
        with failures(self._folder):
            folders = [folder for folder in self._folder.iterdir() if exists(folder)] if self._folder.exists() else []
        low, high = _days(query)
        wanted = [folder for folder in folders if not _DAY.search(folder.name) or low <= folder.name[-10:] <= high]
        return sorted(wanted, reverse=newest_first)


@dataclass(slots=True)
class _Candidate:
    keys: list[Any]
    ties: tuple[Any, ...]
    index: str
    day: Day
    address: tantivy.DocAddress
    hit: Hit | None
    """The document; None if it is to be read again when it is needed."""


class _Best:
    """Collects the first documents of a sort from one day after the other."""

    def __init__(self, sort: Sort, start: int, size: int, kind: Callable[[str], Kind]) -> None:
        self._sort = sort
        self._start = start
        self._wanted = start + size if size else 0
        self._kind = kind
        self._by_day = bool(sort) and sort[0][0] == "@timestamp"
        self._found: list[_Candidate] = []

    def add(self, index: str, day: Day, question: tantivy.Query) -> None:
        """Adds the documents of a day. If the sort begins with @timestamp, days must be added in that order."""
        wanted = self._wanted
        if self._by_day and _DAY.search(index):
            wanted -= sum(1 for candidate in self._found if _DAY.search(candidate.index))
        addresses = day.first(question, [*self._sort, *_TIES], wanted)
        self._found += [self._candidate(index, day, address) for address in addresses]
        self._order()
        del self._found[self._wanted :]

    def hits(self) -> list[Hit]:
        """Returns the documents from position `start` on."""
        wanted = self._found[self._start :]
        return [candidate.hit or _hit(candidate.index, candidate.day, candidate.address) for candidate in wanted]

    def _candidate(self, index: str, day: Day, address: tantivy.DocAddress) -> _Candidate:
        hit = _hit(index, day, address)
        source = hit.source
        keys = [self._key(source, path, descending) for path, descending in self._sort]
        ties = [self._key(source, path, descending) for path, descending in _TIES]
        kept = hit if self._start <= _MOST_KEPT else None  # documents before `start` are not needed, and may be large
        return _Candidate(keys, (index, *((tie is None, tie) for tie in ties)), index, day, address, kept)

    def _key(self, source: dict[str, Any], path: str, descending: bool) -> Any:
        kind = self._kind(path)
        terms = [found for value in _values(source, path) if (found := encode(kind, value)) is not None]
        return (max(terms) if descending else min(terms)) if terms else None

    def _order(self) -> None:
        self._found.sort(key=lambda candidate: candidate.ties)
        for position in reversed(range(len(self._sort))):
            absent = [candidate for candidate in self._found if candidate.keys[position] is None]
            present = [candidate for candidate in self._found if candidate.keys[position] is not None]
            present.sort(key=lambda candidate: candidate.keys[position], reverse=self._sort[position][1])
            self._found = present + absent


def _hit(index: str, day: Day, address: tantivy.DocAddress) -> Hit:
    found = day.searcher.doc(address)
    return Hit(index, f"{found[CAPTURE][0]}-{found[FRAME][0]}", orjson.loads(body_of(found[BODY][0])))


def _values(source: Any, path: str) -> list[Any]:
    """Returns the values at a path as a list."""
    for key in path.split("."):
        source = source.get(key) if isinstance(source, dict) else None
    found = source if isinstance(source, list) else [source]
    return [value for value in found if value is not None]


def _days(query: Query) -> tuple[str, str]:
    """Returns the first and the last day (`2015-07-30`) that can have documents for which the query is true."""
    first, last = "0000-00-00", "9999-99-99"
    match query:
        case Equals("@timestamp", Time() as moment):
            return str(moment)[:10], str(moment)[:10]
        case Range("@timestamp", low, high, _, include_high):
            latest = last if not isinstance(high, Time) else str(Time(high - (not include_high)))[:10]
            return first if low is None else str(low)[:10], latest
        case And(parts):
            bounds = [_days(part) for part in parts]
            return max([first, *(low for low, _ in bounds)]), min([last, *(high for _, high in bounds)])
        case Or((_, *_) as parts):
            bounds = [_days(part) for part in parts]
            return min(low for low, _ in bounds), max(high for _, high in bounds)
    return first, last
