"""Reads capture files: each capture once, also after crashes, and without the packets at which tshark crashes."""

import os
import signal
from dataclasses import replace
from typing import BinaryIO

from espcap.base.errors import EspcapError
from espcap.base.text import printable
from espcap.captures.compression import is_compressed
from espcap.captures.sources import CaptureFile, stamp_of
from espcap.documents.packets import Origin
from espcap.ingest.ahead import Ahead
from espcap.ingest.checkpoints import Checkpoints
from espcap.ingest.report import Severity
from espcap.ingest.transfer import Transfer, TransferResult
from espcap.tshark.arguments import Settings
from espcap.tshark.faulty import MOST_FAULTS, FaultyCapture
from espcap.tshark.output import Output, read_file
from espcap.tshark.plugin import GAVE_UP

PLUGIN_FAILED = frozenset([GAVE_UP, -signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS, -signal.SIGFPE, -signal.SIGILL])
"""Exit statuses of a tshark whose plugin gave up, or which crashed, in the plugin or in a dissector."""


class Files:
    """Reads files through `transfer`. Captures that are stored in full are recorded in `checkpoints`, if given."""

    def __init__(self, transfer: Transfer, checkpoints: Checkpoints | None, ahead: Ahead) -> None:
        self.deferred: list[tuple[CaptureFile, str]] = []
        """Captures, with their digests, that other processes were reading."""
        self._transfer = transfer
        self._checkpoints = checkpoints
        self._ahead = ahead

    def read(self, source: CaptureFile) -> None:
        """Stores the packets of a file, unless the checkpoints have it as stored. Raises EspcapError."""
        try:
            self._read(source)
        finally:
            self._ahead.drop(source.path)

    def _read(self, source: CaptureFile) -> None:
        done = self._checkpoints.packets_of_file(source) if self._checkpoints else None
        if done is not None:
            self._transfer.report.add_done_before(done)
            return
        with source.open() as file:
            if source.size == 0:
                self._transfer.report.files += 1
                self._transfer.add_problem(Severity.NOTE, f"{printable(source.name)} is empty (0 bytes)")
                return
            content = source.identify(file)
            if self._checkpoints:
                self._read_once(source, file, content, self._checkpoints)
            else:
                self._dissect_whole(source, file, content)

    def _read_once(self, source: CaptureFile, file: BinaryIO, content: str, checkpoints: Checkpoints) -> None:
        """Reads a file unless another process reads it or has read it, and records it if it is stored in full."""
        if not checkpoints.take(content):
            self.deferred.append((source, content))
            return
        earlier = source.digest(file) if is_compressed(file) else content
        earlier = "" if earlier == content else earlier  # the identifier of damaged data is the same in all versions
        if (packets := checkpoints.packets_of_content(content, source, earlier)) is not None:
            self._transfer.report.add_done_before(packets)
            return
        try:
            ended, whole = self._dissect_whole(source, file, content)
        except EspcapError:
            checkpoints.release(content)
            raise
        if whole and stamp_of(os.fstat(file.fileno())) == source.stamp:
            checkpoints.add(source, content, ended, earlier)
        else:
            checkpoints.release(content)

    def _dissect_whole(self, source: CaptureFile, file: BinaryIO, content: str) -> tuple[TransferResult, bool]:
        """Reads a file. Returns also whether all of its packets are stored."""
        report = self._transfer.report
        before = report.left_out
        ended = self._dissect_file(source, file, content)
        return ended, report.left_out == before and not self._transfer.signal

    def _dissect_file(self, source: CaptureFile, file: BinaryIO, content: str) -> TransferResult:
        self._transfer.report.files += 1
        job = self._transfer.job
        origin = Origin(content, source.name, source.modified)
        output = self._ahead.take(source, file) or self._open(file, job.settings)
        ended = self._transfer.run(output, origin)
        if output.tshark.uses_native_reader and ended.tshark.status in PLUGIN_FAILED and not self._transfer.signal:
            ended = self._read_on_as_json(source, file, origin, ended)
        if ended.broke and not self._transfer.signal:
            ended = self._finish_without_faults(source, file, origin, ended)
        self._transfer.judge(source, ended)
        return ended

    def _read_on_as_json(
        self, source: CaptureFile, file: BinaryIO, origin: Origin, ended: TransferResult
    ) -> TransferResult:
        """Reads the rest of a file with the JSON reader, so that a fault of the native reader does not lose packets."""
        job, name = self._transfer.job, printable(source.name)
        self._transfer.add_problem(
            Severity.NOTE, f"{name}: continued without the native reader: {ended.tshark.message}"
        )
        file.seek(0)
        settings = replace(job.settings, plugin=None)
        output = self._open(file, settings)
        return ended.followed_by(self._transfer.run(output, origin, ended.last_frame))

    def _open(self, file: BinaryIO, settings: Settings) -> Output:
        job = self._transfer.job
        return read_file(job.program, settings, file, job.user, job.stall_timeout)

    def _finish_without_faults(
        self, source: CaptureFile, file: BinaryIO, origin: Origin, ended: TransferResult
    ) -> TransferResult:
        """Reads the rest of a file without the packets at which tshark crashes or hangs, and reports their numbers.

        If tshark was killed from outside, it does not end at the same packet again: then no packet is left out.
        """
        job, faults = self._transfer.job, frozenset[int]()
        capture = FaultyCapture(job.program, job.settings, job.user, job.stall_timeout, file)
        while ended.broke and not self._transfer.signal and len(faults) < MOST_FAULTS:
            try:
                fault = capture.locate(faults)
                if fault is None or fault in faults:  # the cause is not the data of a packet
                    faults -= {fault}
                    break
                faults |= {fault}
                output = capture.read(faults)
            except EspcapError:  # packets of this file format cannot be left out
                return ended
            ended = ended.followed_by(self._transfer.run(output, origin, ended.last_frame, faults))
        if faults:
            frames = ", ".join(map(str, sorted(faults)))
            hint = "tshark crashes or hangs there"
            self._transfer.add_problem(Severity.PARTIAL, f"{printable(source.name)}: left out frame {frames}", hint)
        return ended
