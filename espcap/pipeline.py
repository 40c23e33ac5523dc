"""From a source to a store: opens the source, has it dissected, batches the documents, and keeps the account."""

import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import BinaryIO

from espcap.checkpoints import Checkpoints
from espcap.dead_letters import DeadLetters, deliver
from espcap.dissection import Reader
from espcap.dissection.json_lines import JsonReader
from espcap.dissection.tap import TapReader
from espcap.documents import Document, DocumentBuilder, Origin
from espcap.errors import EspcapError, StoreError, UsageError
from espcap.fields import Registry
from espcap.protocols import ProtocolList
from espcap.report import Problem, Report, Severity
from espcap.sources import CaptureFile, Interfaces, NotACapture, Source, StandardInput, printable, stamp_of
from espcap.spool import SpoolSettings
from espcap.spool.capture import SpooledCapture
from espcap.spool.feed import Feed, open_feed
from espcap.spool.folder import RunFolder, create, left_over
from espcap.spool.ring import Ring
from espcap.stores import Store
from espcap.tshark.arguments import Settings
from espcap.tshark.faulty import MOST_FAULTS, FaultyCapture
from espcap.tshark.output import Output, dropped_packets, read_file, read_pipe, received_packets
from espcap.tshark.plugin import GAVE_UP, LARGEST_PACKET
from espcap.tshark.process import Exit
from espcap.tshark.program import Program, User
from espcap.tshark.rights import remedy

LARGEST_BATCH = 8 << 20
"""Bytes of JSON at which a batch is written, however few documents it has."""

LONGEST_WAIT = 1.0
"""Seconds after which a batch of a live capture is written."""

FRUITLESS_ATTEMPTS = 3
"""How many tsharks of a live capture may die one after the other before their first packet."""

PLUGIN_FAILED = frozenset([GAVE_UP, -signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS, -signal.SIGFPE, -signal.SIGILL])
"""How a tshark ends whose plugin gave up, or crashed, which a dissector may have done as well."""

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
    spool: SpoolSettings = field(default_factory=SpoolSettings)
    """Where live captures wait for the store."""


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
        self.on_stored: Callable[[], None] = lambda: None
        """Called whenever packets have found their end in the store."""
        self._job = job
        self._store = store
        self._on_progress = on_progress
        self._on_problem = on_problem
        self._dead_letters = dead_letters or DeadLetters()
        self._batch = _Batch()
        self._output: Output | None = None
        self._capture: SpooledCapture | None = None
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
        if self._capture:
            self._capture.interrupt()
        elif self._output:
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
        if output.tshark.is_tapped and ended.tshark.status in PLUGIN_FAILED and not self._signal:
            ended = self._read_on_as_json(source, file, origin, ended)
        if ended.broke and not self._signal:
            ended = self._finish_without_faults(source, file, origin, ended)
        self._judge(source, ended)
        return ended

    def _read_on_as_json(self, source: CaptureFile, file: BinaryIO, origin: Origin, ended: _Ended) -> _Ended:
        """Reads what the native reader left, so that no fault of its own costs a packet."""
        job, name = self._job, printable(source.name)
        self._tell(Severity.NOTE, f"{name}: read on without the native reader: {ended.tshark.message}")
        file.seek(0)
        settings = replace(job.settings, plugin=None)
        output = read_file(job.program, settings, file, job.user, job.stall_timeout)
        rest = self._store_output(output, origin, file, ended.last_frame)
        return replace(rest, packets=ended.packets + rest.packets, indices=ended.indices | rest.indices)

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
        ring = Ring(create(job.spool.folder, socket.gethostname()), self._dropped)
        try:
            with SpooledCapture(job.program, job.settings, source, job.spool, ring) as capture:
                self._capture = capture
                if self._signal:
                    capture.interrupt()
                for folder in left_over(job.spool.folder):
                    self._store_left_over(folder)
                followed = self._follow(ring, printable(source.name))
                if followed:
                    self._captured(source, capture.finish(), ring)
        finally:
            self._capture = None
            self._leave(ring.folder)

    def _store_left_over(self, folder: RunFolder) -> None:
        before, ring = self.report.read, Ring(folder, self._dropped)
        try:
            ring.load()
            self._follow(ring, f"the spool of {folder.run}")
        finally:
            self._leave(folder)
        if packets := self.report.read - before:
            self._tell(Severity.NOTE, f"stored what an earlier run had left in the spool: {packets:,} packets")

    def _follow(self, ring: Ring, name: str) -> bool:
        """Stores all packets of a ring, through one tshark after the other; False where tshark fails for good."""
        job = self._job
        origin = Origin(ring.folder.run, hostname=ring.folder.hostname)
        fruitless, settings = 0, job.settings
        while feed := open_feed(job.program, settings, ring, job.user, job.spool.tshark_memory):
            feed.before_removal = self._store.flush
            ended = self._store_output(feed, origin)
            if ended.tshark.status == 0 and feed.stored == feed.passed:
                settings = job.settings
                continue
            fruitless = 0 if ended.packets else fruitless + 1
            failed = f"{name}: tshark: {ended.tshark.message} after packet {feed.stored:,} of the capture"
            if fruitless == FRUITLESS_ATTEMPTS:
                self._tell(Severity.FAILED, failed, "run espcap again; or leave out the next packet with -f")
                return False
            self._tell(Severity.PARTIAL, failed, "tshark is started again")
            settings = replace(settings, plugin=None)  # which may have been the cause
            stuck = not ended.packets and feed.passed > feed.stored
            poison = stuck and not feed.tshark.is_tapped  # the second to die on the same packet
            ring.resume = feed.stored + poison
            self._dropped(int(poison))
        return True

    def _dropped(self, packets: int) -> None:
        self.report.spool_dropped += packets

    def _leave(self, folder: RunFolder) -> None:
        """Removes the folder of a run, unless packets are left in it: then says so."""
        size = folder.size()
        left = bool(folder.segments())
        if left:
            folder.write_dropped(0)
            message = f"{size:,} bytes of packets that are not stored stay in {printable(str(folder.path))}"
            self._tell(Severity.FAILED, message, "the next live capture with this spool stores them")
        folder.close(remove=not left)

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
        feed = output if isinstance(output, Feed) else None
        before = feed.before if feed else 0
        tapped = output.tshark.is_tapped
        reader: Reader = TapReader() if tapped else JsonReader(job.registry, job.payload, before)
        self._output = output
        if self._signal:  # it came while the content of a large file was being identified
            output.interrupt()
        before, last_frame, indices = self.report.read, after, set()
        left_out = self.report.values_left_out
        with output:
            for record in reader.records(self._with_progress(output.blocks(), file)):
                if record and (frame := record.frame_number) > after and frame not in without:
                    document = builder.build(record)
                    self._add(document)
                    indices.add(document.index)
                    last_frame = frame
                self._write_if_due(live=file is None)
                if feed and not record and not self._batch.documents and feed.acknowledge_idle():
                    self.on_stored()
            self._write()
            tshark = output.finish()
        packets = self.report.read - before
        ended = _Ended(tshark, output.stalled, packets, last_frame, frozenset(indices))
        self.report.bad_utf8 += reader.bad_utf8
        self._tell_left_out(printable(origin.file_name), self.report.values_left_out - left_out)
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
            if isinstance(self._output, Feed):
                self._output.acknowledge(batch.documents[-1].frame_number)
            self.on_stored()

    def _judge(self, source: Source, ended: _Ended) -> None:
        """Says what a tshark that did not come to a clean end has left out."""
        name, after = printable(source.name), f"after {ended.packets:,} packets"
        if self._signal:
            self.report.signal = self._signal
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

    def _captured(self, source: Interfaces, capture: Exit, ring: Ring) -> None:
        """Counts what dumpcap dropped, and says where it did not do as asked. Raises UsageError for a bad filter."""
        name = printable(source.name)
        self.report.dropped += dropped_packets(capture)
        if (unwritten := received_packets(capture) - ring.packets) > 0:
            self._dropped(unwritten)
        if "Invalid capture filter" in capture.message:
            raise UsageError(capture.message, "see man pcap-filter")
        if capture.status > 0 or not (self._signal or self._job.settings.count):
            hint = remedy(self._job.program) if "permission" in capture.message else "see espcap --list"
            hint = "make room there, and start espcap again" if "no space" in capture.message else hint
            self._tell(Severity.FAILED, f"the capture on {name} ended early: {capture.message}", hint)
        if self.report.spool_dropped:
            hint = "raise --spool-size, or make the store faster"
            self._tell(Severity.PARTIAL, f"{name}: the spool dropped {self.report.spool_dropped:,} packets", hint)

    def _tell_left_out(self, name: str, values: int) -> None:
        if values:
            message = f"left out {values:,} values of packets with more than {LARGEST_PACKET:,} bytes of them"
            self._tell(Severity.PARTIAL, f"{name or 'live'}: {message}", "ESPCAP_READER=json reads them all")

    def _tell(self, severity: Severity, message: str, hint: str = "") -> None:
        self._on_problem(self.report.add_problem(severity, message, hint))
