"""From a source to a store: opens the source, has it dissected, batches the documents, and keeps the account."""

import os
import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import BinaryIO

from espcap.checkpoints import Checkpoints
from espcap.dead_letters import DeadLetters, deliver
from espcap.dissection.json_lines import JsonReader
from espcap.documents import Document, DocumentBuilder, Origin
from espcap.errors import EspcapError, StoreError, UsageError
from espcap.fields import Registry
from espcap.protocols import ProtocolList
from espcap.report import Problem, Report, Severity
from espcap.sources import CaptureFile, Interfaces, NotACapture, Source, StandardInput, printable, stamp_of
from espcap.stores import Store
from espcap.tshark.arguments import Settings
from espcap.tshark.faulty import MOST_FAULTS, FaultyCapture
from espcap.tshark.output import Output, dropped_packets, read_file, read_interfaces, read_pipe
from espcap.tshark.process import Exit
from espcap.tshark.program import Program, User
from espcap.tshark.rights import remedy

LARGEST_BATCH = 8 << 20
"""Bytes of JSON at which a batch is written, however few documents it has."""

LONGEST_WAIT = 1.0
"""Seconds after which a batch of a live capture is written."""

CLAIM_SECONDS = 0.2
"""How often to look whether another process has finished a capture."""

_FOREIGN = "isn't a capture file in a format"


@dataclass(frozen=True)
class Job:
    """What all sources of a run share."""

    program: Program
    registry: Registry
    protocols: ProtocolList
    settings: Settings
    user: User | None = None
    """As whom tshark runs; None is as ourselves."""
    payload: bool = False
    chunk: int = 1000
    """Documents of a batch."""
    stall_timeout: float = 60
    """Seconds of silence after which a file's tshark is given up."""


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


@dataclass(frozen=True)
class _Ended:
    """How the dissection of a source ended."""

    tshark: Exit
    capture: Exit | None
    stalled: bool
    packets: int
    last_frame: int
    indices: frozenset[str]
    """Names of the indices that the packets belong to."""

    @property
    def broke(self) -> bool:
        """Whether tshark hung, or was ended by a signal."""
        return self.stalled or self.tshark.status < 0


class Pipeline:
    """Reads sources one after the other into one store."""

    def __init__(
        self,
        job: Job,
        store: Store,
        on_progress: Callable[[int, int], None] = lambda position, packets: None,
        on_problem: Callable[[Problem], None] = lambda problem: None,
        dead_letters: DeadLetters | None = None,
    ) -> None:
        """`on_progress` is told the bytes read of the current file and the packets read of all, block by block.

        Without `dead_letters` refused documents go to a file of the default folder.
        """
        self.report = Report()
        self._job = job
        self._store = store
        self._on_progress = on_progress
        self._on_problem = on_problem
        self._dead_letters = dead_letters or DeadLetters()
        self._batch = _Batch()
        self._output: Output | None = None
        self._signal = 0
        self._checkpoints: Checkpoints | None = None
        self._unreadable: list[EspcapError] = []
        self._deferred: list[tuple[CaptureFile, str]] = []
        """Captures, with their digests, that other processes were at."""

    @property
    def interrupted(self) -> bool:
        """Whether an end was asked for."""
        return bool(self._signal)

    def note(self, error: EspcapError) -> None:
        """Tells of a failure that leaves nothing out."""
        self._tell(Severity.NOTE, error.message, error.hint)

    def interrupt(self, signal: int) -> None:
        """Asks for an end in order. May be called from a signal handler."""
        self._signal = signal
        if self._output:
            self._output.interrupt()

    def run(self, sources: Iterable[Source | EspcapError | None], checkpoints: Checkpoints | None = None) -> Report:
        """Reads all sources. An error among them is told and passed over; NotACapture is worth a note only.

        None among them says that nothing is there to be read at present. Files that the checkpoints know are passed
        over, and those that come to a good end are recorded there. Raises StoreError where the store fails, UsageError
        where an option turns out to be wrong.
        """
        self._checkpoints = checkpoints
        opened = False
        for source in sources:
            if source is None:
                self._settle()
                self._tell_unreadable(Severity.PARTIAL)
                continue
            if self._signal:
                self.report.signal = self._signal
                break
            opened |= self._try_to_read(source)
            if checkpoints:
                checkpoints.settle_if_due(self._store)
        self._settle()
        self._read_deferred()
        self._tell_unreadable(Severity.PARTIAL if opened else Severity.FAILED)
        return self.report

    def _try_to_read(self, source: Source | EspcapError) -> bool:
        """Whether the source could be opened."""
        try:
            self._read(source)
        except (StoreError, UsageError):
            raise
        except EspcapError as error:
            self._unreadable.append(error)
            return False
        return True

    def _tell_unreadable(self, severity: Severity) -> None:
        for failure in self._unreadable:
            self._tell(severity, failure.message, failure.hint)
        self._unreadable.clear()

    def _settle(self) -> None:
        if self._checkpoints:
            self._checkpoints.settle(self._store)

    def _read_deferred(self) -> None:
        """Comes back to what other processes were at, once they have done it or given it up."""
        while self._deferred and not self._signal:
            waiting, self._deferred = self._deferred, []
            for source, content in waiting:
                if self._checkpoints and not self._checkpoints.take(content):
                    self._deferred.append((source, content))
                else:
                    self._try_to_read(source)
                    self._settle()
            time.sleep(CLAIM_SECONDS if self._deferred else 0)
        if self._deferred:
            self.report.signal = self._signal

    def _read(self, source: Source | EspcapError) -> None:
        match source:
            case NotACapture():
                self._tell(Severity.NOTE, f"skipped: {source.message}")
            case EspcapError():
                raise source
            case CaptureFile():
                self._read_file(source)
            case StandardInput():
                self._read_standard_input(source)
            case Interfaces():
                self._read_interfaces(source)

    def _read_file(self, source: CaptureFile) -> None:
        done = self._checkpoints.packets_of_file(source) if self._checkpoints else None
        if done is not None:
            self.report.add_done_before(done)
            return
        with source.open() as file:
            if source.size == 0:
                self.report.files += 1
                self._tell(Severity.NOTE, f"{printable(source.name)} is empty (0 bytes)")
                return
            content = source.identify(file)
            if self._checkpoints:
                self._read_once(source, file, content, self._checkpoints)
            else:
                self._dissect_file(source, file, content)

    def _read_once(self, source: CaptureFile, file: BinaryIO, content: str, checkpoints: Checkpoints) -> None:
        """Reads a file unless another process is at it or has done it, and records a good end."""
        if not checkpoints.take(content):
            self._deferred.append((source, content))
            return
        if (packets := checkpoints.packets_of_content(content, source)) is not None:
            self.report.add_done_before(packets)
            return
        before = self.report.left_out
        try:
            ended = self._dissect_file(source, file, content)
        except EspcapError:
            checkpoints.release(content)
            raise
        if self.report.left_out == before and not self._signal and stamp_of(os.fstat(file.fileno())) == source.stamp:
            checkpoints.add(source, content, ended.packets, ended.indices)
        else:
            checkpoints.release(content)

    def _dissect_file(self, source: CaptureFile, file: BinaryIO, content: str) -> _Ended:
        self.report.files += 1
        job = self._job
        origin = Origin(content, source.name, source.modified)
        output = read_file(job.program, job.settings, file, job.user, job.stall_timeout)
        ended = self._store_output(output, origin, file)
        if ended.broke and not self._signal:
            ended = self._finish_without_faults(source, file, origin, ended)
        self._judge(source, ended)
        return ended

    def _finish_without_faults(self, source: CaptureFile, file: BinaryIO, origin: Origin, ended: _Ended) -> _Ended:
        """Reads the rest of a file without the packets at which tshark crashes or hangs, and says which they are.

        A tshark that was ended from outside does not end at the same packet again: then all stays as it is.
        """
        job, faults = self._job, frozenset[int]()
        capture = FaultyCapture(job.program, job.settings, job.user, job.stall_timeout, file)
        while ended.broke and not self._signal and len(faults) < MOST_FAULTS:
            try:
                fault = capture.locate(faults)
                if fault is None or fault in faults:  # it is not the packet's data, then
                    faults -= {fault}
                    break
                faults |= {fault}
                output = capture.read(faults)
            except EspcapError:  # the format cannot be read without some of its packets
                return ended
            rest = self._store_output(output, origin, file, ended.last_frame, faults)
            ended = replace(rest, packets=ended.packets + rest.packets, indices=ended.indices | rest.indices)
        if faults:
            frames = ", ".join(map(str, sorted(faults)))
            hint = "tshark crashes or hangs there"
            self._tell(Severity.PARTIAL, f"{printable(source.name)}: left out frame {frames}", hint)
        return ended

    def _read_standard_input(self, source: StandardInput) -> None:
        job, pipe = self._job, sys.stdin.buffer
        output = read_pipe(job.program, job.settings, pipe, job.user)
        self.report.files += 1
        self._judge(source, self._store_output(output, Origin(source.capture_id(), source.name)))

    def _read_interfaces(self, source: Interfaces) -> None:
        job = self._job
        output = read_interfaces(job.program, job.settings, source, job.user)
        ended = self._store_output(output, Origin(source.capture_id(), hostname=socket.gethostname()))
        if ended.capture and self._captured(source, ended.capture):
            self._judge(source, ended)

    def _store_output(
        self,
        output: Output,
        origin: Origin,
        file: BinaryIO | None = None,
        after: int = 0,
        without: frozenset[int] = frozenset(),
    ) -> _Ended:
        """Stores what tshark prints of the packets after the one numbered `after`, and without some."""
        job, builder = self._job, DocumentBuilder(origin, self._job.protocols)
        reader = JsonReader(job.registry, job.payload)
        self._output = output
        if self._signal:  # it came while the content of a large file was being identified
            output.interrupt()
        before, last_frame, indices = self.report.read, after, set()
        with output:
            for record in reader.records(self._with_progress(output.blocks(), file)):
                if record and (frame := record.frame_number) > after and frame not in without:
                    document = builder.build(record)
                    self._add(document)
                    indices.add(document.index)
                    last_frame = frame
                self._write_if_due(live=file is None)
            self._write()
            tshark, capture = output.finish(), output.finish_capture()
        packets = self.report.read - before
        ended = _Ended(tshark, capture, output.stalled, packets, last_frame, frozenset(indices))
        self.report.bad_utf8 += reader.bad_utf8
        self._output = None
        return ended

    def _with_progress(self, blocks: Iterable[bytes], file: BinaryIO | None) -> Iterator[bytes]:
        for block in blocks:
            yield block
            position = os.lseek(file.fileno(), 0, os.SEEK_CUR) if file else 0  # tshark reads the same open file
            self._on_progress(position, self.report.read)

    def _add(self, document: Document) -> None:
        self.report.add_document(document)
        self._batch.add(document)

    def _write_if_due(self, live: bool) -> None:
        batch = self._batch
        waited = live and batch.documents and time.monotonic() - batch.started >= LONGEST_WAIT
        if waited or len(batch.documents) >= self._job.chunk or batch.size >= LARGEST_BATCH:
            self._write()

    def _write(self) -> None:
        batch, self._batch = self._batch, _Batch()
        if batch.documents:
            deliver(batch.documents, self._store, self._dead_letters, self.report)

    def _judge(self, source: Source, ended: _Ended) -> None:
        """Says what a tshark that did not come to a clean end has left out."""
        name, after = printable(source.name), f"after {ended.packets:,} packets"
        if self._signal:
            self.report.signal = 0 if isinstance(source, Interfaces) else self._signal
        elif ended.stalled:
            hint = "what was read is stored; disable the protocol of the next packet, or raise --stall-timeout"
            self._tell(Severity.PARTIAL, f"{name}: tshark was silent for {self._job.stall_timeout:g} s {after}", hint)
        elif ended.tshark.status < 0:
            hint = "what was read is stored; run espcap again"
            self._tell(Severity.FAILED, f"{name}: tshark was {ended.tshark.message} {after}", hint)
        elif ended.tshark.status > 0 and not ended.packets and _FOREIGN in ended.tshark.message:
            raise NotACapture(f"{name} is not a capture that tshark understands", "see capinfos for its type")
        elif ended.tshark.status > 0:
            hint = "what was read is stored; the rest of this file cannot be read"
            self._tell(Severity.PARTIAL, f"{name}: {ended.tshark.message}, {after}", hint)

    def _captured(self, source: Interfaces, capture: Exit) -> bool:
        """Whether dumpcap did what it was asked for; where not, says so. Raises UsageError for a bad filter."""
        self.report.dropped += dropped_packets(capture)
        if "Invalid capture filter" in capture.message:
            raise UsageError(capture.message, "see man pcap-filter")
        if capture.status == 0 and (self._signal or self._job.settings.count):
            return True
        if self._signal or "roken pipe" in capture.message:
            return True
        hint = remedy(self._job.program) if "permission" in capture.message else "see espcap --list"
        self._tell(Severity.FAILED, f"the capture on {printable(source.name)} ended early: {capture.message}", hint)
        return False

    def _tell(self, severity: Severity, message: str, hint: str = "") -> None:
        self._on_problem(self.report.add_problem(severity, message, hint))
