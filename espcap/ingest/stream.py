"""Documents as an iterator: a run in a thread of its own, which waits while its documents are not taken."""

import signal
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from queue import Empty, Queue
from typing import Any

import orjson

from espcap.base.errors import EspcapError
from espcap.captures.sources import Source
from espcap.documents.types import PACKETS, DocumentType
from espcap.ingest.job import Listener, close_job, open_job
from espcap.ingest.report import Problem, Report
from espcap.ingest.run import Run
from espcap.sinks.lines import LinesSink
from espcap.tshark.arguments import Settings
from espcap.tshark.program import find_program

_CHUNK = 100
"""Number of documents that are passed to the thread of the caller at a time."""


class _Handover:
    """A stream from one thread to another. `write` waits while two pieces have not been taken."""

    def __init__(self) -> None:
        self._pieces: Queue[bytes | Problem | None] = Queue(2)
        self._is_closed = False

    def write(self, piece: bytes | Problem) -> None:
        """Passes a piece on. Raises BrokenPipeError after `close`."""
        if self._is_closed:
            raise BrokenPipeError
        self._pieces.put(piece)

    def flush(self, more_comes: bool = False) -> None:
        """Does nothing: `write` passes everything on at once."""

    def end(self) -> None:
        """Ends the iteration of the reading thread."""
        self._pieces.put(None)

    def __iter__(self) -> Iterator[bytes | Problem]:
        while (piece := self._pieces.get()) is not None:
            yield piece

    def close(self) -> None:
        """Drops all pieces, so that the writing thread does not wait: there is room for its last piece and the end."""
        self._is_closed = True
        with suppress(Empty):
            while True:
                self._pieces.get_nowait()


class _Worker:
    """The work of the thread: reads the sources and passes on their documents and problems."""

    def __init__(
        self,
        handover: _Handover,
        settings: Settings,
        payload: bool,
        sources: Callable[[], Iterable[Source | EspcapError]],
        types: Sequence[DocumentType],
    ) -> None:
        self.report = Report()
        self.error: BaseException | None = None
        self._handover = handover
        self._settings = settings
        self._payload = payload
        self._sources = sources
        self._types = types
        self._is_wanted = True
        self._run: Run | None = None

    def run(self) -> None:
        """Reads the sources. An exception is kept in `error`."""
        try:
            self._read()
        except BaseException as error:  # it is raised in the thread that takes the documents
            self.error = error
        finally:
            self._handover.end()

    def _read(self) -> None:
        job = open_job(find_program(), self._settings, (), self._payload, types=self._types, chunk=_CHUNK)
        try:
            run = Run(job, LinesSink(self._handover), Listener(on_problem=self._handover.write))
            self.report, self._run = run.report, run
            if self._is_wanted:
                run.read(lambda is_known: self._sources())
        finally:
            close_job(job)

    def interrupt(self) -> None:
        """Stops reading, or prevents it if it has not begun."""
        self._is_wanted = False
        if self._run:
            self._run.interrupt(signal.SIGTERM)


class DocumentStream:
    """Iterates over the documents of sources and over the problems with them. Use it as a context manager.

    Its tsharks end with the context and with the program.
    """

    def __init__(
        self,
        settings: Settings,
        payload: bool,
        sources: Callable[[], Iterable[Source | EspcapError]],
        types: Sequence[DocumentType] = (PACKETS,),
    ) -> None:
        """`types` are those of the documents. `sources` returns the sources; it is called in the reading thread."""
        self._handover = _Handover()
        self._worker = _Worker(self._handover, settings, payload, sources, types)
        # Must be a daemon: Python joins other threads before it runs the finalizer that ends them.
        self._thread = threading.Thread(target=self._worker.run, name="espcap-reading", daemon=True)
        self._end = weakref.finalize(self, _end, self._handover, self._worker, self._thread)

    @property
    def report(self) -> Report:
        """The counts and problems so far."""
        return self._worker.report

    def __enter__(self) -> "DocumentStream":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def __iter__(self) -> Iterator[dict[str, Any] | Problem]:
        """Yields documents and problems. Raises the exception that ended the run."""
        for piece in self._handover:
            if isinstance(piece, Problem):
                yield piece
            else:
                yield from map(orjson.loads, piece.splitlines())
        if self._worker.error:
            raise self._worker.error


def _end(handover: _Handover, worker: _Worker, thread: threading.Thread) -> None:
    handover.close()
    worker.interrupt()
    thread.join()
