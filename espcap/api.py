"""The functions of `import espcap`, which read, index and search packets.

They do not print, handle signals or keep state between calls. They can run in several threads and inside a running
event loop. Of the environment variables ESPCAP_…, they use only ESPCAP_READER. They raise EspcapError for failures,
warn about packets that a query may not find, and log other notes to the logger `espcap`.
"""

import logging
import os
import sys
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict
from datetime import datetime
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeAlias

from espcap.base.errors import EspcapError, UsageError
from espcap.captures.sources import Source, capture_file, walk
from espcap.documents.types import PACKETS, type_named, types_named
from espcap.fields.registry import Registry
from espcap.ingest.job import close_job, open_job
from espcap.ingest.report import IncompleteError, Problem, Report
from espcap.ingest.run import IsKnown, Resuming, Run
from espcap.ingest.stream import DocumentStream
from espcap.query import Everything, Query
from espcap.searches.measures import measure
from espcap.searches.no_packets import explain_no_packets
from espcap.searches.searcher import Searcher
from espcap.searches.summary import summarize
from espcap.searches.tables import columns_of, pages, tables
from espcap.stores import Store, open_store
from espcap.tshark.arguments import Settings
from espcap.tshark.program import find_program
from espcap.tshark.registry import open_registry

if TYPE_CHECKING:
    from espcap.stores.elasticsearch.connection import Connection

StrPath: TypeAlias = str | os.PathLike[str]
Node: TypeAlias = "str | Sequence[str] | Connection"
"""`local`, `local:DIR`, one or more addresses of Elasticsearch, or a Connection with credentials."""

_log = logging.getLogger("espcap")


def read(  # noqa: PLR0913 - the options have names
    *sources: StrPath,
    display_filter: str = "",
    decode_as: Sequence[str] = (),
    preferences: Sequence[str] = (),
    payload: bool = False,
    count: int = 0,
    types: Sequence[str] = ("packets",),
    on_problem: Callable[[Problem], None] | None = None,
) -> Generator[dict[str, Any], None, None]:
    """Yields the packets of capture files, and of all captures below folders, as documents.

    The parameters are the options of the command. `count` is the number of packets of each capture; 0 reads all.
    `types` are the documents to make: packets, flows, transactions. Memory is bounded. tshark starts with the first
    document, and ends with the last one or when the generator is closed.

    If packets are left out (a damaged capture, a file that cannot be read), raises IncompleteError after all other
    documents. If `on_problem` is given, it is called instead, as soon as packets or files are left out.

    Raises UsageError if an option is invalid.
    """
    settings = Settings(display_filter, _words(decode_as), _words(preferences), count)
    paths, report_problem = _paths(sources), on_problem or _log.info
    with DocumentStream(settings, payload, lambda: _sources(paths), types_named(types)) as reading:
        for part in reading:
            if isinstance(part, Problem):
                report_problem(part)
            else:
                yield part
        if reading.report.exit_code and not on_problem:
            raise IncompleteError(reading.report)


def index(  # noqa: PLR0913 - the options have names
    *sources: StrPath,
    node: Node = "local",
    display_filter: str = "",
    decode_as: Sequence[str] = (),
    preferences: Sequence[str] = (),
    payload: bool = False,
    count: int = 0,
    types: Sequence[str] = ("packets",),
    again: bool = False,
) -> Report:
    """Stores the packets of capture files, and of all captures below folders. Returns the summary.

    The parameters are the options of the command. A packet is stored only once, also if its capture is indexed again. A
    capture whose packets are all stored is not dissected again, unless `again` is true.

    Raises IncompleteError, which contains the summary, if packets are left out or rejected; UsageError if an option is
    invalid; StoreError if the node cannot be used.
    """
    given = Settings(display_filter, _words(decode_as), _words(preferences), count)
    paths, (nodes, credentials) = _paths(sources), _address(node)
    wanted = types_named(types)
    job = open_job(find_program(), given, nodes, payload, types=wanted)
    try:
        store = _open_store(nodes, job.registry, credentials)
        run = Run(job, store)
        resuming = Resuming(store, nodes, again) if PACKETS in wanted else None
        report = run.read(lambda is_known: _sources(paths, is_known), resuming)
    finally:
        close_job(job)
    if run.failure and not report.read:
        raise run.failure
    if report.exit_code:
        raise IncompleteError(report) from run.failure
    return report


def search(  # noqa: PLR0913 - the options have names
    query: str = "",
    *,
    display_filter: str = "",
    since: str | datetime = "",
    until: str | datetime = "",
    node: Node = "local",
    sort: str = "@timestamp",
    size: int | None = None,
    columns: Sequence[str] = (),
    type: str = "packets",
) -> "Packets":
    """Returns the packets that match, or the first `size`: an iterator of their documents, fetched in pages.

    Its methods `to_arrow()`, `to_pandas()` and `to_polars()` return the fields `columns` as a table instead, by default
    those of the packet list.

    The parameters are those of `espcap search`; `type` is packets, flows or transactions. Times are
    `2024-05-01T10:30`, `1h` or `yesterday`. `-FIELD` sorts in descending order; FIELD is a name in display filters or a
    path of documents.

    Warns if a query is used as a display filter, if it may not find some packets, or if the store is empty.

    Raises UsageError if the query is invalid or a field does not exist; StoreError if the store does not exist or
    cannot be used; EspcapError after about 10,000 packets that are sorted by a field of `layers`, or that all have the
    same time.
    """
    if size is not None and size < 0:
        raise UsageError(f"size is {size}", "give a number of packets, or None for all")
    searcher = _open_searcher(node).of_type(type_named(type))
    try:
        parsed = _query(searcher, query, display_filter, since, until)
        path = searcher.path(sort.removeprefix("-"))
        paths = columns_of(searcher, _words(columns))
    except EspcapError:
        searcher.close()
        raise
    return Packets(searcher, parsed, (path, sort.startswith("-")), sys.maxsize if size is None else size, paths)


class Packets(Iterator[dict[str, Any]]):
    """The packets of a search: an iterator of documents, or one table. Read it once."""

    def __init__(self, searcher: Searcher, query: Query, sort: tuple[str, bool], most: int, paths: list[str]) -> None:
        self._searcher = searcher
        self._query = query
        self._sort = sort
        self._most = most
        self._paths = paths
        self._documents = self._all()

    def __next__(self) -> dict[str, Any]:
        """Returns the next document."""
        return next(self._documents)

    def close(self) -> None:
        """Closes the store. It is also closed after the last document, or when the table is made."""
        self._documents.close()
        self._searcher.close()

    def to_arrow(self) -> Any:
        """Returns a pyarrow.Table. Columns have the types of their fields; those with several values are lists.

        A local index fills it from its columns, without building documents.
        """
        from espcap.sinks.tables import joined
        from espcap.stores.tables import documents_table

        with closing(self):
            found = joined(tables(self._searcher, self._query, self._paths, self._sort, self._most))
            if found is not None:
                return found
            _warn_if_empty(self._searcher)
            return joined([documents_table([], self._paths, self._searcher.registry.kind)])

    def to_pandas(self) -> Any:
        """Returns a pandas.DataFrame with the columns of `to_arrow`. Raises UsageError if pandas is not installed."""
        _require("pandas")
        return self.to_arrow().to_pandas()

    def to_polars(self) -> Any:
        """Returns a polars.DataFrame with the columns of `to_arrow`. Raises UsageError if polars is not installed."""
        return _require("polars").from_arrow(self.to_arrow())

    def _all(self) -> Generator[dict[str, Any], None, None]:
        with closing(self._searcher):
            is_empty = True
            for sources in pages(self._searcher, self._query, self._sort, self._most):
                is_empty = False
                yield from sources
            if is_empty and self._most:
                _warn_if_empty(self._searcher)


def count(
    query: str = "",
    *,
    display_filter: str = "",
    since: str | datetime = "",
    until: str | datetime = "",
    node: Node = "local",
) -> int:
    """Returns the number of packets that match. Parameters and errors are those of `search`."""
    with closing(_open_searcher(node)) as searcher:
        found = searcher.store.search(_query(searcher, query, display_filter, since, until), size=0).total
        if not found:
            _warn_if_empty(searcher)
        return found


def stats(  # noqa: PLR0913 - the options have names
    query: str = "",
    *,
    display_filter: str = "",
    since: str | datetime = "",
    until: str | datetime = "",
    node: Node = "local",
    size: int = 10,
    field: str = "",
    by: str = "",
) -> dict[str, Any]:
    """Returns a summary of the packets that match: the JSON object of `espcap stats`, with `size` lines in each table.

    With `field`, returns what the numbers of that field are, for all packets and for each value of the field `by`.

    Parameters and errors are those of `search`. Raises UsageError if the values of `field` are not numbers.
    """
    with closing(_open_searcher(node)) as searcher:
        parsed = _query(searcher, query, display_filter, since, until)
        if field:
            return measure(searcher, parsed, field, by, size)
        if by:
            raise UsageError("by needs a field", "name a field of numbers")
        summary = summarize(searcher.store, parsed, size)
        if not summary["packets"]:
            _warn_if_empty(searcher)
        return summary


def _require(name: str) -> ModuleType:
    try:
        return import_module(name)
    except ImportError as error:
        raise UsageError(f"{name} is not installed", f"pip install {name}, or use to_arrow()") from error


def _words(given: Sequence[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def _paths(sources: Sequence[StrPath]) -> list[str]:
    paths = [os.fsdecode(source) for source in sources]
    if not paths:
        raise UsageError("nothing to read", "name captures, or folders of them")
    if "-" in paths:
        raise UsageError("only the command reads standard input", "to read a file with the name -, write ./-")
    return paths


def _sources(paths: Sequence[str], is_known: IsKnown = lambda file: False) -> Iterator[Source | EspcapError]:
    for path in paths:
        try:
            if os.path.isdir(path):
                yield from walk(path, is_known)
            else:
                yield capture_file(path)
        except EspcapError as error:
            yield error


def _address(node: Node) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Returns the nodes, and the credentials as arguments of `open_store`."""
    if isinstance(node, Sequence):
        return _words(node), {}
    credentials = asdict(node)
    return credentials.pop("nodes"), credentials


def _open_store(nodes: Sequence[str], registry: Registry, credentials: dict[str, Any]) -> Store:
    """Opens the store. It logs when it waits for Elasticsearch."""
    if not nodes:
        raise UsageError("no node is named", 'give node="local" or the address of an Elasticsearch')
    return open_store(nodes, registry, on_note=_log.info, **credentials)


def _open_searcher(node: Node) -> Searcher:
    program, (nodes, credentials) = find_program(), _address(node)
    registry = open_registry(program)
    try:
        store = _open_store(nodes, registry, credentials)
    except EspcapError:
        registry.close()
        raise
    return Searcher(program, registry, store).require_existing()


def _query(searcher: Searcher, query: str, display_filter: str, since: str | datetime, until: str | datetime) -> Query:
    """Returns the query, and warns how it is understood. The warnings point to the caller of the public function."""
    question = searcher.prepare(query, display_filter, str(since), str(until))
    for note in question.notes:
        warnings.warn(note, stacklevel=3)
    return question.query


def _warn_if_empty(searcher: Searcher) -> None:
    """Warns if the store has no packets. The warning points to the caller of the public function."""
    if not searcher.store.search(Everything(), size=0).total:
        warnings.warn(explain_no_packets(searcher.store, Everything()), stacklevel=3)
