"""What `import espcap` gives: packets read, indexed and searched in plain functions.

None of them prints, handles signals or keeps anything between two calls, so that they can run side by side, in threads
and below a running event loop. They read no ESPCAP_… variables but ESPCAP_READER. Failures are EspcapErrors; what a
query may not find is a warning; what asks for nothing goes to the logger `espcap`.
"""

import logging
import os
import sys
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from espcap.base.errors import EspcapError, UsageError
from espcap.captures.sources import CaptureFile, Source, capture_file, walk
from espcap.fields.registry import Registry
from espcap.ingest.job import close_job, open_job
from espcap.ingest.report import IncompleteError, Problem, Report
from espcap.ingest.run import IsKnown, Resuming, Run
from espcap.ingest.stream import DocumentStream
from espcap.query import Everything, Query
from espcap.searches.nothing import why_nothing
from espcap.searches.paging import page
from espcap.searches.searcher import Searcher
from espcap.searches.summary import summarize
from espcap.stores import Store, open_store
from espcap.tshark.arguments import Settings
from espcap.tshark.program import find_program
from espcap.tshark.registry import open_registry

if TYPE_CHECKING:
    from espcap.stores.elasticsearch.connection import Connection

StrPath: TypeAlias = str | os.PathLike[str]
Node: TypeAlias = "str | Sequence[str] | Connection"
"""`local`, `local:DIR`, one or more addresses of an Elasticsearch, or a Connection with its credentials."""

_log = logging.getLogger("espcap")
_AT_ONCE = 1000
"""Packets of one question to a store."""


def read(  # noqa: PLR0913 - the options have names
    *sources: StrPath,
    display_filter: str = "",
    decode_as: Sequence[str] = (),
    preferences: Sequence[str] = (),
    payload: bool = False,
    count: int = 0,
    on_problem: Callable[[Problem], None] | None = None,
) -> Generator[dict[str, Any], None, None]:
    """The packets of captures, and of all captures below folders, one document after the other.

    The parameters are the command's options; `count` is for each capture, 0 is all. Memory is bounded. tshark starts
    with the first document, and ends when the generator does: at the last one, or by its `close`.

    Where packets are left out (a damaged capture, a file that cannot be read) all others come first, and then an
    IncompleteError. With `on_problem` it is told instead what was left out, as it happens, and what was passed over.
    Raises UsageError where an option is wrong.
    """
    settings = Settings(display_filter, _words(decode_as), _words(preferences), count)
    paths, told = _paths(sources), on_problem or _log.info
    with DocumentStream(settings, payload, lambda: _sources(paths, _is_new)) as reading:
        for part in reading:
            if isinstance(part, Problem):
                told(part)
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
    again: bool = False,
) -> Report:
    """Stores the packets of captures, and of all captures below folders; returns the account.

    The parameters are the command's options. The same captures again leave one copy of each packet; those that the node
    has in full are not dissected again, but with `again`. Raises IncompleteError, which has the account too, where
    packets are left out or refused; UsageError where an option is wrong; StoreError where the node cannot be used.
    """
    given = Settings(display_filter, _words(decode_as), _words(preferences), count)
    paths, (nodes, credentials) = _paths(sources), _address(node)
    job = open_job(find_program(), given, nodes, payload)
    try:
        store = _open_store(nodes, job.registry, credentials)
        run = Run(job, store)
        report = run.read(lambda is_known: _sources(paths, is_known), Resuming(store, nodes, again))
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
) -> Iterator[dict[str, Any]]:
    """The documents of the packets that match, of all or of the first `size`; they are fetched as they are asked for.

    The parameters are those of `espcap search`: times as `2024-05-01T10:30`, `1h` or `yesterday`, and `-FIELD` sorts
    descending, where FIELD is a display filter's name or a document's path. A warning says how a query was taken and
    what it may not find, or that the store is empty. Raises UsageError where the query is wrong or a field does not
    exist, StoreError where there is no such store or it cannot be used. Of packets that are sorted by a field of
    `layers`, or that all have the same time, about 10,000 can be had: to want more is an EspcapError.
    """
    if size is not None and size < 0:
        raise UsageError(f"size is {size}", "give a number of packets, or None for all")
    searcher = _open_searcher(node)
    try:
        asked = _query(searcher, query, display_filter, since, until)
        path = searcher.path(sort.removeprefix("-"))
    except EspcapError:
        searcher.close()
        raise
    return _hits(searcher, asked, (path, sort.startswith("-")), size)


def count(
    query: str = "",
    *,
    display_filter: str = "",
    since: str | datetime = "",
    until: str | datetime = "",
    node: Node = "local",
) -> int:
    """How many packets match. Parameters and errors are those of `search`."""
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
) -> dict[str, Any]:
    """The packets that match summed up, as `espcap stats` prints it: tables of at most `size` lines each."""
    with closing(_open_searcher(node)) as searcher:
        summary = summarize(searcher.store, _query(searcher, query, display_filter, since, until), size)
        if not summary["packets"]:
            _warn_if_empty(searcher)
        return summary


def _words(given: Sequence[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def _paths(sources: Sequence[StrPath]) -> list[str]:
    paths = [os.fsdecode(source) for source in sources]
    if not paths:
        raise UsageError("nothing to read", "name captures, or folders of them")
    if "-" in paths:
        raise UsageError("standard input is read by the command alone", "for a file of this name write ./-")
    return paths


def _is_new(file: CaptureFile) -> bool:
    return False


def _sources(paths: Sequence[str], is_known: IsKnown) -> Iterator[Source | EspcapError]:
    for path in paths:
        try:
            if os.path.isdir(path):
                yield from walk(path, is_known)
            else:
                yield capture_file(path)
        except EspcapError as error:
            yield error


def _address(node: Node) -> tuple[tuple[str, ...], dict[str, Any]]:
    """The nodes, and the credentials for them."""
    if isinstance(node, Sequence):
        return _words(node), {}
    credentials = asdict(node)
    return credentials.pop("nodes"), credentials


def _open_store(nodes: Sequence[str], registry: Registry, credentials: dict[str, Any]) -> Store:
    """The store, which logs when it waits for an Elasticsearch."""
    if not nodes:
        raise UsageError("no node is named", 'node="local", or an address of an Elasticsearch')
    return open_store(nodes, registry, on_note=_log.info, **credentials)


def _open_searcher(node: Node) -> Searcher:
    program, (nodes, credentials) = find_program(), _address(node)
    registry = open_registry(program)
    try:
        store = _open_store(nodes, registry, credentials)
    except EspcapError:
        registry.close()
        raise
    return Searcher(program, registry, store).there()


def _query(searcher: Searcher, query: str, display_filter: str, since: str | datetime, until: str | datetime) -> Query:
    """What is asked for. Warns, three calls up, of how it was taken and what it may not find."""
    asked = searcher.ask(query, display_filter, str(since), str(until))
    for note in asked.notes:
        warnings.warn(note, stacklevel=3)
    return asked.query


def _warn_if_empty(searcher: Searcher) -> None:
    """Warns, two calls up, that a store has no packets at all."""
    if not searcher.store.search(Everything(), size=0).total:
        warnings.warn(why_nothing(searcher.store, Everything()), stacklevel=3)


def _hits(searcher: Searcher, query: Query, sort: tuple[str, bool], size: int | None) -> Iterator[dict[str, Any]]:
    most, given = sys.maxsize if size is None else size, 0
    with closing(searcher):
        part = page(searcher, query, sort, None, max(1, min(most, _AT_ONCE)))
        if not part.total:
            _warn_if_empty(searcher)
        wanted = min(part.total, most)
        while given < wanted:
            yield from (hit.source for hit in part.hits)
            given += len(part.hits)
            if part.next is None or given >= wanted:
                break
            part = page(searcher, query, sort, part.next, min(wanted - given, _AT_ONCE))
    if given < wanted:
        message = f"only the first {given:,} of {part.total:,} packets can be had in this order"
        raise EspcapError(message, "narrow the query, or sort by @timestamp")
