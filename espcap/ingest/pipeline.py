"""Reads sources into a store: opens each source, dissects it, stores its packets, and keeps the report of the run."""

import sys
import time
from collections.abc import Iterable

from espcap.base.errors import EspcapError, StoreError, UsageError
from espcap.captures.sources import CaptureFile, Interfaces, NotACapture, Source, StandardInput
from espcap.documents.packets import Origin
from espcap.ingest.ahead import Ahead
from espcap.ingest.checkpoints import Checkpoints
from espcap.ingest.dead_letters import DeadLetters
from espcap.ingest.files import Files
from espcap.ingest.job import Job, Listener
from espcap.ingest.live import Live
from espcap.ingest.report import Report, Severity
from espcap.ingest.transfer import Transfer
from espcap.sinks import Sink
from espcap.tshark.output import read_pipe

__all__ = ["Job", "Listener", "Pipeline"]

CLAIM_SECONDS = 0.2
"""Seconds between attempts to claim a capture that another process is reading."""


class Pipeline:
    """Reads sources one after the other into one store."""

    def __init__(
        self,
        job: Job,
        sink: Sink,
        listener: Listener = Listener(),  # noqa: B008 - it cannot be changed
        dead_letters: DeadLetters | None = None,
    ) -> None:
        """Without `dead_letters`, rejected documents are written to a file in the default folder."""
        self._transfer = Transfer(job, sink, listener, dead_letters or DeadLetters())
        self._live = Live(self._transfer)
        self._files: Files
        self._checkpoints: Checkpoints | None = None
        self._unreadable: list[EspcapError] = []

    @property
    def report(self) -> Report:
        """The counts and problems so far."""
        return self._transfer.report

    @property
    def interrupted(self) -> bool:
        """Whether `interrupt` was called."""
        return bool(self._transfer.signal)

    def add_problem(self, severity: Severity, message: str, hint: str = "") -> None:
        """Adds a problem to the report, and calls the listener with it."""
        self._transfer.add_problem(severity, message, hint)

    def note(self, error: EspcapError) -> None:
        """Reports a failure that does not lose packets."""
        self.add_problem(Severity.NOTE, error.message, error.hint)

    def interrupt(self, signal: int) -> None:
        """Stops reading; packets that were read are still stored. May be called from a signal handler."""
        self._transfer.signal = signal
        if not self._live.interrupt():
            self._transfer.interrupt()

    def run(self, sources: Iterable[Source | EspcapError | None], checkpoints: Checkpoints | None = None) -> Report:
        """Reads all sources, and returns the report.

        An error among the sources is reported and skipped (NotACapture as a note). A None means that there is nothing
        to read at the moment: files that were read until then are recorded. Files that the checkpoints know as stored
        are skipped, and files that are stored in full are recorded there. Raises StoreError if the store fails, and
        UsageError if an option is wrong.
        """
        self._checkpoints = checkpoints
        is_ours = checkpoints.claim if checkpoints else lambda file: True
        with Ahead(self._transfer.job, is_ours) as ahead:
            self._files = Files(self._transfer, checkpoints, ahead)
            opened = self._read_all(ahead.over(sources), checkpoints)
        self._settle()
        self._read_deferred()
        self._report_outdated()
        self._report_unreadable(Severity.PARTIAL if opened else Severity.FAILED)
        return self.report

    def _read_all(self, sources: Iterable[Source | EspcapError | None], checkpoints: Checkpoints | None) -> bool:
        """Reads sources. Returns whether at least one could be opened."""
        opened = False
        for source in sources:
            if source is None:
                self._settle()
                self._report_unreadable(Severity.PARTIAL)
                continue
            if self.interrupted:
                self.report.signal = self._transfer.signal
                break
            opened |= self._try_to_read(source)
            if checkpoints:
                checkpoints.settle_if_due()
        return opened

    def _try_to_read(self, source: Source | EspcapError) -> bool:
        """Reads a source. Returns False if it could not be opened."""
        try:
            self._read(source)
        except (StoreError, UsageError):
            raise
        except EspcapError as error:
            self._unreadable.append(error)
            return False
        return True

    def _report_unreadable(self, severity: Severity) -> None:
        for failure in self._unreadable:
            self._transfer.add_problem(severity, failure.message, failure.hint)
        self._unreadable.clear()

    def _report_outdated(self) -> None:
        if self._checkpoints and (captures := len(self._checkpoints.outdated)):
            message = f"{captures:,} captures were stored by another version of tshark or espcap and are not read again"
            self._transfer.add_problem(Severity.NOTE, message, "--again reads them again")
        if self._checkpoints and (packets := self._checkpoints.moved):
            message = f"{packets:,} packets of compressed captures that an earlier version had stored are deleted"
            self._transfer.add_problem(
                Severity.NOTE, message, "they are stored again under the identifiers of their uncompressed contents"
            )

    def _settle(self) -> None:
        if self._checkpoints:
            self._checkpoints.settle()

    def _read_deferred(self) -> None:
        """Reads the captures that other processes had claimed, after those have released them."""
        files = self._files
        while files.deferred and not self.interrupted:
            waiting, files.deferred = files.deferred, []
            for source, content in waiting:
                if self._checkpoints and not self._checkpoints.take(content):
                    files.deferred.append((source, content))
                else:
                    self._try_to_read(source)
                    self._settle()
            time.sleep(CLAIM_SECONDS if files.deferred else 0)
        if files.deferred:
            self.report.signal = self._transfer.signal

    def _read(self, source: Source | EspcapError) -> None:
        match source:
            case NotACapture():
                self._transfer.add_problem(Severity.NOTE, f"skipped: {source.message}")
            case EspcapError():
                raise source
            case CaptureFile():
                self._files.read(source)
            case StandardInput():
                self._read_standard_input(source)
            case Interfaces():
                self._live.read(source)

    def _read_standard_input(self, source: StandardInput) -> None:
        job = self._transfer.job
        output = read_pipe(job.program, job.settings, sys.stdin.buffer, job.user)
        self.report.files += 1
        self._transfer.judge(source, self._transfer.run(output, Origin(source.capture_id(), source.name)))
