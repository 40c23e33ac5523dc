"""Stores the packets that tshark prints."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple, Protocol

import orjson

from espcap.base.text import printable
from espcap.captures.sources import NotACapture, Source
from espcap.dissection import MOST_VALUES, RecordReader
from espcap.dissection.columns import ColumnReader
from espcap.dissection.json_lines import JsonReader
from espcap.dissection.messages import PacketMessages
from espcap.dissection.tap import TapReader
from espcap.documents.columns import ColumnBuilder, PacketColumns
from espcap.documents.packets import Document, DocumentBuilder, Origin
from espcap.documents.types import PACKETS, type_of
from espcap.ingest.batches import Batches
from espcap.ingest.dead_letters import DeadLetters
from espcap.ingest.job import Job, Listener
from espcap.ingest.report import Report, Severity
from espcap.sinks import Sink
from espcap.transactions.follower import Follower
from espcap.tshark.output import Output
from espcap.tshark.plugin import LARGEST_PACKET
from espcap.tshark.process import Exit

_FOREIGN = "isn't a capture file in a format"


@dataclass(frozen=True)
class TransferResult:
    """How the dissection of a source ended. `packets` were read, `last_frame` is the number of the last one."""

    tshark: Exit
    stalled: bool
    packets: int
    last_frame: int
    indices: frozenset[str]
    """Names of the indices that the packets belong to."""
    replaced: int = 0
    """Number of packets that replaced documents of other settings."""

    @property
    def broke(self) -> bool:
        """Whether tshark hung, or was killed by a signal."""
        return self.stalled or self.tshark.status < 0

    def followed_by(self, rest: "TransferResult") -> "TransferResult":
        """Returns the result of this tshark and the one that read the rest of the source, together."""
        packets, replaced = self.packets + rest.packets, self.replaced + rest.replaced
        return replace(rest, packets=packets, indices=self.indices | rest.indices, replaced=replaced)


class Transfer:
    """Stores the packets of one tshark after the other, and counts them in `report`."""

    def __init__(self, job: Job, sink: Sink, listener: Listener, dead_letters: DeadLetters) -> None:
        self.job = job
        self.sink = sink
        self.report = Report()
        self.signal = 0
        """Number of the signal that interrupted the run; 0 without a signal."""
        self._listener = listener
        self._dead_letters = dead_letters
        self._output: Output | None = None
        self._has_reported_script = False

    def add_problem(self, severity: Severity, message: str, hint: str = "") -> None:
        """Adds a problem to the report, and calls the listener with it."""
        self._listener.on_problem(self.report.add_problem(severity, message, hint))

    def interrupt(self) -> None:
        """Stops reading from the tshark that is running. May be called from a signal handler."""
        if self._output:
            self._output.interrupt()

    def run(
        self, output: Output, origin: Origin, after: int = 0, without: frozenset[int] = frozenset()
    ) -> TransferResult:
        """Stores the packets that tshark prints. Raises StoreError.

        Packets with frame numbers up to `after` are skipped, and those in `without`.
        """
        origin = replace(origin, settings_id=self.job.digests.settings_id)
        builder = DocumentBuilder(origin, self.job.protocols)
        self._output = output
        if self.signal:  # it arrived while the digest of a large file was being computed
            output.interrupt()
        before, replaced = self.report.read, self.report.replaced
        left_out = self.report.values_left_out
        live = not output.ends_at_once
        with output, Batches(self.sink, self._dead_letters, self.report, self.job.chunk, live) as batches:
            batches.on_stored = partial(self._stored, output)
            batches.is_waited_for = output.waits_for
            stream = self._stream(output, builder)
            part = _Part(self.job, origin, self.report, batches, _Skipped(after, without))
            for packets in stream.packets(self._with_progress(output)):
                if isinstance(packets, list):
                    part.follow(packets)
                    continue
                part.add(packets)
                if packets is None and live:
                    part.advance(time.time_ns())
                batches.write_if_due()
                if packets is None and batches.is_empty:
                    self.sink.flush_if_due()
                    if output.acknowledge_idle():
                        self._listener.on_stored()
            tshark = output.finish()
            if live or not (self.signal or output.stalled or tshark.status < 0):
                part.finish()
            self.report.add_counts(part.counts())
            batches.finish()
        self._report_failed_script(tshark)
        self.report.bad_utf8 += stream.bad_utf8
        self._report_left_out(printable(origin.file_name), self.report.values_left_out - left_out)
        if output.columns and output.columns.missing:
            name, message = printable(origin.file_name) or "live", "Wireshark's columns are missing for"
            missing = f"{message} {output.columns.missing:,} packets, which therefore have no info"
            self.add_problem(Severity.PARTIAL, f"{name}: {missing}", "the tshark that prints them ended; read it again")
        self._output = None
        count, replaced = self.report.read - before, self.report.replaced - replaced
        return TransferResult(tshark, output.stalled, count, part.last_frame, frozenset(part.indices), replaced)

    def _stream(self, output: Output, builder: DocumentBuilder) -> "_Stream":
        if output.has_columns:
            return ColumnStream(builder)
        if output.has_lines:
            return _RecordStream(TapReader(), builder)
        job = self.job
        reader = JsonReader(job.registry, job.payload, output.before, output.columns, job.names)
        return _RecordStream(reader, builder)

    def _stored(self, output: Output, frame: int) -> None:
        output.acknowledge(frame)
        self._listener.on_stored()

    def _report_failed_script(self, tshark: Exit) -> None:
        """Reports a script that does not load. Reports it once: every tshark of the run prints the same error."""
        if tshark.failed_script and not self._has_reported_script:
            self._has_reported_script = True
            hint = "correct it, and run the same command again; packets were dissected without it"
            self.add_problem(Severity.NOTE, f"a script in Lua does not load: {tshark.failed_script}", hint)

    def _report_left_out(self, name: str, values: int) -> None:
        if values:
            message = f"left out {values:,} values of packets with more than {MOST_VALUES:,} of them"
            hint = (
                f"espcap.left_out is their number; the native reader also stops at {LARGEST_PACKET:,} bytes of a packet"
            )
            self.add_problem(Severity.PARTIAL, f"{name or 'live'}: {message}", hint)

    def _with_progress(self, output: Output) -> Iterator[bytes]:
        for block in output.blocks():
            yield block
            self._listener.on_progress(output.position, self.report.read)

    def judge(self, source: Source, ended: TransferResult) -> None:
        """Reports a tshark that did not end cleanly. Raises NotACapture if the source is not a capture."""
        name, after = printable(source.name), f"after {ended.packets:,} packets"
        if self.signal:
            self.report.signal = self.signal
        elif ended.stalled:
            hint = (
                "packets that were read are stored; disable the protocol of the next packet, or raise --stall-timeout"
            )
            self.add_problem(
                Severity.PARTIAL, f"{name}: tshark made no progress for {self.job.stall_timeout:g} s {after}", hint
            )
        elif ended.tshark.status < 0:
            hint = "packets that were read are stored; run espcap again"
            self.add_problem(Severity.FAILED, f"{name}: tshark was {ended.tshark.message} {after}", hint)
        elif ended.tshark.status > 0 and not ended.packets and _FOREIGN in ended.tshark.message:
            raise NotACapture(f"{name} is not a capture that tshark understands", "see capinfos for its type")
        elif ended.tshark.status > 0:
            hint = "packets that were read are stored; the rest of this file cannot be read"
            self.add_problem(Severity.PARTIAL, f"{name}: {ended.tshark.message}, {after}", hint)


Packets = Document | PacketColumns | list[Any]
"""The document of a packet, or those of many packets; or the messages of a packet for flows and transactions."""


class _Stream(Protocol):
    """Makes documents of tshark's output."""

    @property
    def bad_utf8(self) -> int:
        """Number of packets with text that is not UTF-8."""

    def packets(self, blocks: Iterable[bytes]) -> Iterator[Packets | None]:
        """Yields the documents of the packets in their order, and None for each empty block."""


class _RecordStream:
    """Makes a document of each record."""

    def __init__(self, reader: RecordReader, builder: DocumentBuilder) -> None:
        self._reader = reader
        self._builder = builder

    @property
    def bad_utf8(self) -> int:
        return self._reader.bad_utf8

    def packets(self, blocks: Iterable[bytes]) -> Iterator[Packets | None]:
        for record in self._reader.records(blocks):
            if record is None:
                yield None
                continue
            yield self._builder.build(record)
            if record.messages:
                yield record.messages


class ColumnStream:
    """Makes documents of whole batches of packets, and of lines of packets that do not fit columns."""

    def __init__(self, builder: DocumentBuilder) -> None:
        self._reader = ColumnReader()
        self._lines = TapReader()
        self._builder = builder
        self._columns = ColumnBuilder(builder)

    @property
    def bad_utf8(self) -> int:
        return self._lines.bad_utf8

    def packets(self, blocks: Iterable[bytes]) -> Iterator[Packets | None]:
        for batch in self._reader.batches(blocks):
            if batch is None:
                yield None
                continue
            for line in batch.lines:
                yield self._builder.build(self._lines.record(line))
            if batch.length:
                yield from self._columns.build(batch)
            yield from map(orjson.loads, batch.messages)


class _Skipped(NamedTuple):
    """The packets whose documents are not wanted: those up to a frame number, and single ones."""

    after: int
    without: frozenset[int]


class _Part:
    """The packets that one tshark prints, which may have to be skipped in part."""

    def __init__(self, job: Job, origin: Origin, report: Report, batches: Batches, skipped: _Skipped) -> None:
        self.last_frame = skipped.after
        self.indices = set[str]()
        self._report = report
        self._batches = batches
        self._after, self._without = skipped
        self._has_packets = PACKETS in job.types
        self._follower = Follower(job.types, job.names, job.declarations, origin) if job.names else None

    def add(self, packets: Document | PacketColumns | None) -> None:
        """Adds packets to the batches, and counts them."""
        if isinstance(packets, PacketColumns):
            self._add_columns(packets)
        elif packets and (frame := packets.frame_number) > self._after and frame not in self._without:
            if self._has_packets:
                self._report.add_document(packets)
                self._batches.add(packets)
                self._added(packets.index, frame)
            else:
                self._report.add_followed(1)
                self.last_frame = max(self.last_frame, frame)

    def follow(self, messages: PacketMessages) -> None:
        """Follows a packet, also one whose document is skipped: the state of its flow depends on it."""
        if self._follower and messages[0] not in self._without:
            self._add_derived(self._follower.add(messages))

    def advance(self, now: int) -> None:
        """Adds the documents of flows and transactions that end by this time, in nanoseconds since 1970."""
        if self._follower:
            self._add_derived(self._follower.advance(now))

    def finish(self) -> None:
        """Adds the documents of all flows and transactions that are open."""
        if self._follower:
            self._add_derived(self._follower.finish())

    def counts(self) -> dict[str, int]:
        """Returns numbers of flows and transactions; empty if none are made."""
        return self._follower.counts() if self._follower else {}

    def _add_derived(self, documents: Iterable[Document]) -> None:
        for document in documents:
            self._report.add_derived(type_of(document.index))
            self.indices.add(document.index)
            self._batches.add(document)

    def _add_columns(self, packets: PacketColumns) -> None:
        wanted = packets.frames > self._after
        for frame in self._without:
            wanted &= packets.frames != frame
        if not wanted.all():
            packets = packets.only(wanted)
        if len(packets.frames):
            self._report.add_columns(packets)
            self._batches.add_columns(packets)
            self._added(packets.index, int(packets.frames[-1]))

    def _added(self, index: str, frame: int) -> None:
        self.indices.add(index)
        self.last_frame = max(self.last_frame, frame)
