"""Stores documents in batches: earlier batches are being stored while the next one is filled."""

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import cast

from espcap.documents.columns import PacketColumns
from espcap.documents.packets import Document
from espcap.ingest.dead_letters import DeadLetters, record_outcome
from espcap.ingest.report import Report
from espcap.sinks import ColumnSink, Outcome, Sink

LARGEST_BATCH = 8 << 20
"""Size in bytes of JSON at which a batch is written, even if it has few documents."""

LARGEST_WAITING = 16 << 20
"""Bytes of JSON that may wait, in full batches, for the store."""

LONGEST_WAIT = 1.0
"""Seconds after its first document at which a batch of a live capture is written."""

SECONDS_TO_END, SECONDS_TO_LEAVE = 10.0, 1.0
"""How long espcap waits for batches that are being stored: after a failure, and after a second interruption."""


@dataclass
class _Batch:
    documents: list[Document] = field(default_factory=list)
    columns: PacketColumns | None = None
    """Documents of many packets; then `documents` is empty."""
    size: int = 0
    started: float = 0
    outcome: Outcome = field(default_factory=Outcome)
    """The results so far; the sink adds to them while it stores the batch."""
    written: Future[None] = field(default_factory=Future)
    """Is done when the sink has stored the batch or has failed; it then has the exception."""

    def add(self, document: Document) -> None:
        if not self.documents:
            self.started = time.monotonic()
        self.documents.append(document)
        self.size += len(document.body)

    @property
    def last_frame(self) -> int:
        """The frame number of the last packet."""
        return int(self.columns.frames[-1]) if self.columns else self.documents[-1].frame_number


class _Writer:
    """Writes batches in their order, in `sink.writes_at_once` threads. After a failure it writes no further batch.

    It is not an executor: Python waits for the threads of an executor before it exits, also if the store hangs.
    """

    def __init__(self, sink: Sink, live: bool) -> None:
        self._sink = sink
        self._live = live
        self._queue: SimpleQueue[_Batch | None] = SimpleQueue()
        self._error: BaseException | None = None
        for _ in range(sink.writes_at_once):
            threading.Thread(target=self._write_queued, daemon=True).start()

    def write(self, batch: _Batch) -> None:
        """Has a thread write the batch; without threads, writes it now."""
        if self._sink.writes_at_once:
            self._queue.put(batch)
        else:
            self._write(batch)

    def close(self) -> None:
        """Ends the threads when they have written the batches in the queue. Does not wait for that."""
        for _ in range(self._sink.writes_at_once):
            self._queue.put(None)

    def _write_queued(self) -> None:
        while batch := self._queue.get():
            self._write(batch)

    def _write(self, batch: _Batch) -> None:
        try:
            if self._error:
                raise self._error
            if batch.columns:
                cast(ColumnSink, self._sink).write_columns(batch.columns, batch.outcome)
            else:
                self._sink.write(batch.documents, batch.outcome)
            if self._live:
                self._sink.flush_if_due()
            batch.written.set_result(None)
        except BaseException as error:
            self._error = error
            batch.written.set_exception(error)


class Batches:
    """Collects documents and stores them in batches. Use it as a context manager, and call `finish` at the end.

    The outcomes go to `report`, and rejected documents to `dead_letters`, in the order in which packets were read.
    """

    def __init__(self, sink: Sink, dead_letters: DeadLetters, report: Report, chunk: int, live: bool = False) -> None:
        """`chunk` is the number of documents of a batch. If `live`, smaller batches are written after LONGEST_WAIT."""
        self.on_stored: Callable[[int], None] = lambda frame: None
        """Called with the last frame number of each batch that is finished, in the order of reading."""
        self.is_waited_for: Callable[[int], bool] = lambda frame: False
        """Returns whether the packets up to a frame number should be stored as soon as the store is idle."""
        self._sink = sink
        self._dead_letters = dead_letters
        self._report = report
        self._chunk = chunk
        self._live = live
        self._batch = _Batch()
        self._writing: deque[_Batch] = deque()
        self._writer = _Writer(sink, live)

    @property
    def is_empty(self) -> bool:
        """Whether no document is waiting or being stored."""
        return not self._batch.documents and not self._writing

    def add(self, document: Document) -> None:
        """Adds a document, which the report has already counted as read."""
        self._batch.add(document)

    def add_columns(self, columns: PacketColumns) -> None:
        """Starts to store packets, which the report has already counted as read. Raises StoreError."""
        if self._batch.documents:
            self._write()
        self._batch = _Batch(columns=columns, size=columns.size)
        self._write()

    def write_if_due(self) -> None:
        """Starts to store the batch if it is large enough or, in a live capture, old enough. Raises StoreError."""
        while self._writing and self._writing[0].written.done():
            self._settle_first()
        batch = self._batch
        waited = self._live and batch.documents and time.monotonic() - batch.started >= LONGEST_WAIT
        if (
            waited
            or len(batch.documents) >= self._chunk
            or batch.size >= LARGEST_BATCH
            or (self._live and self._should_not_wait())
        ):
            self._write()

    def _should_not_wait(self) -> bool:
        """Returns whether the store is idle and the source can continue only after the documents so far are stored."""
        documents = self._batch.documents
        return bool(documents) and not self._writing and self.is_waited_for(documents[-1].frame_number)

    def finish(self) -> None:
        """Stores all documents, and waits until they are stored. Raises StoreError."""
        if self._batch.documents:
            self._write()
        while self._writing:
            self._settle_first()

    def __enter__(self) -> "Batches":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """After a failure, waits a few seconds for batches that are being stored, and records their outcomes."""
        seconds = SECONDS_TO_END if kind and issubclass(kind, Exception) else SECONDS_TO_LEAVE
        deadline = time.monotonic() + seconds
        self._writer.close()
        while self._writing:
            batch = self._writing.popleft()
            with suppress(Exception):  # it has the same cause as the failure that ended the block
                batch.written.result(max(0, deadline - time.monotonic()))
            record_outcome(batch.outcome, self._dead_letters, self._report)

    def _write(self) -> None:
        """Starts to store the batch. Waits first if the store is busy, so that tshark waits as well."""
        while len(self._writing) >= max(1, self._sink.writes_at_once) and not self._may_wait():
            self._settle_first()
        batch, self._batch = self._batch, _Batch()
        self._writing.append(batch)
        self._writer.write(batch)
        if not self._sink.writes_at_once:
            self._settle_first()

    def _may_wait(self) -> bool:
        """Returns whether one more batch may wait for the store."""
        size = sum(batch.size for batch in self._writing)
        return len(self._writing) < self._sink.batches_ahead and size < LARGEST_WAITING

    def _settle_first(self) -> None:
        batch = self._writing[0]
        try:
            batch.written.result()
        finally:
            if self._writing and self._writing[0] is batch and batch.written.done():
                self._writing.popleft()
                record_outcome(batch.outcome, self._dead_letters, self._report)
        self.on_stored(batch.last_frame)
