"""One run: sources are read into a sink, which is prepared before and closed after."""

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
"""Whether a file need not be read, because the store has all of it."""
Sources = Callable[[IsKnown], Iterable[Source | EspcapError | None]]


@dataclass(frozen=True)
class Resuming:
    """What tells which captures need not be read: the store, and the ledger of what is stored there."""

    store: Store
    nodes: Sequence[str]
    again: bool = False
    """Read all captures, and still record them."""


class Run:
    """Reads sources into a sink once. `report` says what became of their packets, also if the run is interrupted."""

    def __init__(
        self, job: Job, sink: Sink, listener: Listener | None = None, dead_letters: DeadLetters | None = None
    ) -> None:
        """Without `dead_letters`, rejected documents go to a file of the default folder."""
        self._job = job
        self._sink = sink
        self._pipeline = Pipeline(job, sink, listener or Listener(), dead_letters)
        self._checkpoints: Checkpoints | None = None
        self.failure: StoreError | None = None
        """The failure of the store that ended the run."""

    @property
    def report(self) -> Report:
        """What became of the packets so far."""
        return self._pipeline.report

    @property
    def interrupted(self) -> bool:
        """Whether an end was asked for."""
        return self._pipeline.interrupted

    def interrupt(self, signal: int) -> None:
        """Asks for an end in order. May be called from a signal handler."""
        self._pipeline.interrupt(signal)

    def read(self, sources: Sources, resuming: Resuming | None = None) -> Report:
        """Reads what `sources` gives, without the captures that the store has. Raises UsageError for a wrong option."""
        try:
            self._sink.prepare()
            if resuming:
                self._checkpoints = self._open_checkpoints(resuming)
            self._pipeline.run(sources(self._checkpoints.is_known if self._checkpoints else _is_new), self._checkpoints)
            self._sink.close()
        except StoreError as error:
            self.failure = error
            self._pipeline.tell(Severity.FAILED, error.message, error.hint)
            with suppress(StoreError):
                self._sink.close()
        finally:
            self.report.take_back(self._sink.not_durable())
            if self._checkpoints:
                self._checkpoints.close()
        return self.report

    def _open_checkpoints(self, resuming: Resuming) -> Checkpoints:
        """What earlier runs have stored and the store still has. Notes report what is lost."""
        note, digests = self._pipeline.note, self._job.digests
        checkpoints = Checkpoints(ledger_path(resuming.nodes), resuming.store, digests, note, resuming.again)
        if lost := checkpoints.verify():
            note(EspcapError(f"{lost:,} captures are read again: the node has lost some of their packets"))
        if replaced := checkpoints.verify_settings():
            note(EspcapError(f"{replaced:,} captures are read again: other settings have replaced packets"))
        return checkpoints


def _is_new(file: CaptureFile) -> bool:
    return False
