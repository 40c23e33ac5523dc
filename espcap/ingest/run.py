"""One run: prepares a sink, reads sources into it, and closes it."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from espcap.base.errors import EspcapError, StoreError
from espcap.captures.sources import CaptureFile, Source
from espcap.ingest.checkpoints import Checkpoints
from espcap.ingest.dead_letters import DeadLetters
from espcap.ingest.job import Job, Listener
from espcap.ingest.ledger import ledger_path
from espcap.ingest.pipeline import Pipeline
from espcap.ingest.report import Report, Severity
from espcap.sinks import Sink
from espcap.stores import Store

IsKnown = Callable[[CaptureFile], bool]
"""Returns whether a file need not be read, because the store has all of its packets."""
Sources = Callable[[IsKnown], Iterable[Source | EspcapError | None]]
"""Returns the sources of a run. An EspcapError stands for a source that failed, None for a pause without sources."""


@dataclass(frozen=True)
class Resuming:
    """The store, and the addresses of its ledger, from which a run learns which captures need not be read."""

    store: Store
    nodes: Sequence[str]
    again: bool = False
    """Read all captures, also those that are stored, and record them."""


class Run:
    """Reads sources into a sink. Call `read` once. `report` has the counts, also if the run fails or is interrupted."""

    def __init__(
        self, job: Job, sink: Sink, listener: Listener | None = None, dead_letters: DeadLetters | None = None
    ) -> None:
        """Without `dead_letters`, rejected documents are written to a file in the default folder."""
        self._job = job
        self._sink = sink
        self._pipeline = Pipeline(job, sink, listener or Listener(), dead_letters)
        self._checkpoints: Checkpoints | None = None
        self.failure: StoreError | None = None
        """The failure of the store that ended the run; None if the store did not fail."""

    @property
    def report(self) -> Report:
        """The counts and problems so far."""
        return self._pipeline.report

    @property
    def interrupted(self) -> bool:
        """Whether `interrupt` was called."""
        return self._pipeline.interrupted

    def interrupt(self, signal: int) -> None:
        """Stops reading; packets that were read are still stored. May be called from a signal handler."""
        self._pipeline.interrupt(signal)

    def read(self, sources: Sources, resuming: Resuming | None = None) -> Report:
        """Reads the sources that `sources` returns, and returns the report.

        With `resuming`, captures that the store has in full are skipped. A failure of the store is in the report, and
        in `failure`. Raises UsageError if an option is wrong.
        """
        try:
            self._sink.prepare()
            if resuming:
                self._checkpoints = self._open_checkpoints(resuming)
            self._pipeline.run(sources(self._checkpoints.is_known if self._checkpoints else _is_new), self._checkpoints)
            self._sink.close()
            self._note_replaced()
        except StoreError as error:
            self.failure = error
            self._pipeline.add_problem(Severity.FAILED, error.message, error.hint)
            with suppress(StoreError):
                self._sink.close()
        finally:
            self.report.subtract(self._sink.not_durable())
            if self._checkpoints:
                self._checkpoints.close()
        return self.report

    def _note_replaced(self) -> None:
        """Adds a note if this run has no settings of its own and replaced documents that others may have decrypted."""
        if self.report.replaced and not self._job.has_own_settings:
            message = f"{self.report.replaced:,} packets were stored with other settings before and are replaced"
            hint = "values that only those settings gave, such as decrypted ones, need the same options again"
            self._pipeline.note(EspcapError(message, hint))

    def _open_checkpoints(self, resuming: Resuming) -> Checkpoints:
        """Returns the captures that earlier runs have stored and the store still has. Reports lost ones in notes."""
        note, digests = self._pipeline.note, self._job.digests
        checkpoints = Checkpoints(ledger_path(resuming.nodes), resuming.store, digests, note, resuming.again)
        if lost := checkpoints.verify():
            note(EspcapError(f"{lost:,} captures are read again: the node has lost some of their packets"))
        if replaced := checkpoints.verify_settings():
            note(
                EspcapError(
                    f"{replaced:,} captures are read again: some of their packets were replaced with other settings"
                )
            )
        return checkpoints


def _is_new(file: CaptureFile) -> bool:
    return False
