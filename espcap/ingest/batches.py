"""Documents on their way to the store, in batches: some are being stored while the next is gathered."""

import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from espcap.documents.packets import Document
from espcap.ingest.dead_letters import DeadLetters, account
from espcap.ingest.report import Report
from espcap.sinks import Outcome, Sink

LARGEST_BATCH = 8 << 20
"""Bytes of JSON at which a batch is written, however few documents it has."""

LARGEST_WAITING = 16 << 20
"""Bytes of JSON of the batches that may wait for their turn."""

LONGEST_WAIT = 1.0
"""Seconds after which a batch of a live capture is written."""

SECONDS_TO_END, SECONDS_TO_LEAVE = 10.0, 1.0
"""How long the batches that are being stored may still take after a failure, and when all is to end at once."""


@dataclass
class _Batch:
    documents: list[Document] = field(default_factory=list)
    size: int = 0
    started: float = 0

    def add(self, document: Document) -> None:
        if not self.documents:
            self.started = time.monotonic()
        self.documents.append(document)
        self.size += len(document.body)


class _Writing:
    """A batch that is being stored: in the background, by a thread that touches the store and the outcome alone."""

    def __init__(
        self, sink: Sink, batch: _Batch, in_background: bool, live: bool, before: "_Writing | None" = None
    ) -> None:
        """Its turn comes when `before` is stored, and never where that fails."""
        self.documents = batch.documents
        self.size = batch.size
        self._live = live
        self.outcome = Outcome()
        self._sink = sink
        self._before = before
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._write, daemon=True)  # an end at once does not wait for it
        if in_background:
            self._thread.start()
        else:
            self._write()

    def _write(self) -> None:
        try:
            if self._before:
                self._before.wait()
                self._before = None
            self._sink.write(self.documents, self.outcome)
            if self._live:
                self._sink.flush_if_due()
        except BaseException as error:
            self._error = error

    @property
    def is_done(self) -> bool:
        return not self._thread.is_alive()

    def wait(self, seconds: float | None = None) -> None:
        """Waits for the end, and raises what the store raised."""
        if self._thread.ident:
            self._thread.join(seconds)
        if self._error:
            raise self._error


class Batches:
    """Gathers documents and has them stored. Use it as a context manager, and `finish` it at the end.

    `report` and `dead_letters` get what became of the documents, in the order of reading.
    """

    def __init__(self, sink: Sink, dead_letters: DeadLetters, report: Report, chunk: int, live: bool = False) -> None:
        """`chunk` is the number of documents of a batch. When `live`, somebody waits for what comes."""
        self.on_stored: Callable[[int], None] = lambda frame: None
        """Told the last frame number of each batch whose documents have found their end, in the order of reading."""
        self.is_waited_for: Callable[[int], bool] = lambda frame: False
        """Tells whether what was read up to a frame number should be stored as soon as the store has nothing to do."""
        self._sink = sink
        self._dead_letters = dead_letters
        self._report = report
        self._chunk = chunk
        self._live = live
        self._batch = _Batch()
        self._writing: deque[_Writing] = deque()

    @property
    def is_empty(self) -> bool:
        """Whether every document that came has found its end."""
        return not self._batch.documents and not self._writing

    def add(self, document: Document) -> None:
        """Takes a document that was read, and counted."""
        self._batch.add(document)

    def write_if_due(self) -> None:
        """Begins to store the batch when it is large enough or, of a live capture, old enough. Raises StoreError."""
        while self._writing and self._writing[0].is_done:
            self._settle_first()
        batch = self._batch
        waited = self._live and batch.documents and time.monotonic() - batch.started >= LONGEST_WAIT
        if (
            waited
            or len(batch.documents) >= self._chunk
            or batch.size >= LARGEST_BATCH
            or (self._live and self._holds_up())
        ):
            self._write()

    def _holds_up(self) -> bool:
        """Whether the source can go on sooner if a part of a batch is stored now, and the store is idle."""
        documents = self._batch.documents
        return bool(documents) and not self._writing and self.is_waited_for(documents[-1].frame_number)

    def finish(self) -> None:
        """Has all stored. Raises StoreError."""
        if self._batch.documents:
            self._write()
        while self._writing:
            self._settle_first()

    def __enter__(self) -> "Batches":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """After a failure takes what is known, soon, of the batches that are being stored."""
        seconds = SECONDS_TO_END if kind and issubclass(kind, Exception) else SECONDS_TO_LEAVE
        deadline = time.monotonic() + seconds
        while self._writing:
            writing = self._writing.popleft()
            with suppress(Exception):  # it had the same cause
                writing.wait(max(0, deadline - time.monotonic()))
            account(writing.outcome, self._dead_letters, self._report)

    def _write(self) -> None:
        """Waits while the store has as much to do as it can take: tshark then waits as well."""
        at_once = self._sink.writes_at_once
        while len(self._writing) >= max(1, at_once) and not self._may_wait():
            self._settle_first()
        batch, self._batch = self._batch, _Batch()
        before = self._writing[-at_once] if len(self._writing) >= at_once > 0 else None
        self._writing.append(_Writing(self._sink, batch, at_once > 0, self._live, before))
        if not at_once:
            self._settle_first()

    def _may_wait(self) -> bool:
        """Whether another batch may wait for its turn."""
        size = sum(writing.size for writing in self._writing)
        return len(self._writing) < self._sink.batches_ahead and size < LARGEST_WAITING

    def _settle_first(self) -> None:
        writing = self._writing[0]
        try:
            writing.wait()
        finally:
            if self._writing and self._writing[0] is writing and writing.is_done:
                self._writing.popleft()
                account(writing.outcome, self._dead_letters, self._report)
        self.on_stored(writing.documents[-1].frame_number)
