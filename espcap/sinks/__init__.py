"""The Protocol `Sink`, which takes documents, and `Outcome`, the numbers of documents stored or rejected."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from espcap.documents.columns import PacketColumns
from espcap.documents.packets import Document


class Rejection(NamedTuple):
    """A document that the store has rejected, and the reason that the store gave."""

    document: Document
    reason: str


@dataclass
class Outcome:
    """The results for the documents of a batch. Each document counts in exactly one of the five members."""

    stored: int = 0
    """New documents."""
    already_there: int = 0
    """Documents whose identifier was already stored, with the same `settings_id`."""
    rejected: list[Rejection] = field(default_factory=list)
    """Documents that the store has rejected."""
    replaced: int = 0
    """Documents that replaced one with the same identifier and another `settings_id`."""
    counted: int = 0
    """Documents that a dry run has only counted."""

    def add(self, other: "Outcome") -> None:
        """Adds the outcome of further documents."""
        self.stored += other.stored
        self.already_there += other.already_there
        self.rejected += other.rejected
        self.replaced += other.replaced
        self.counted += other.counted


class Sink(Protocol):
    """Takes documents. All methods raise StoreError if the sink as a whole fails."""

    writes_at_once: int
    """How many calls of `write` may run at the same time, each in a thread; 0: in the thread of the caller."""

    batches_ahead: int
    """How many batches may wait or be written at the same time, so that reading continues while the sink is slow."""

    def prepare(self) -> None:
        """Makes the index template or the folder that the sink needs. Called once, before the first `write`."""

    def write(self, batch: Sequence[Document], outcome: Outcome | None = None) -> Outcome:
        """Stores the documents that are not stored yet, and returns the outcome.

        A document that is stored with another `settings_id` is replaced, without a moment at which neither is stored.

        The results are added to `outcome` if it is given, as documents are acknowledged: it is right also if this
        method raises StoreError.
        """

    def flush(self, more_comes: bool = False) -> None:
        """Makes all documents that were written durable and visible to searches.

        `more_comes` says that more documents follow: the sink may then keep its lock if no other process waits for it.
        """

    def flush_if_due(self) -> None:
        """Does the same as `flush` if the last one was some seconds ago. Call it while no documents come."""

    def not_durable(self) -> Outcome:
        """Returns the outcome of written documents that are not durable yet, or that a failure has lost."""

    def close(self) -> None:
        """Flushes and releases the sink."""


class ColumnSink(Sink, Protocol):
    """A sink that also takes many packets at once as columns, which is much faster."""

    def write_columns(self, packets: PacketColumns, outcome: Outcome) -> None:
        """Does the same as `write` for packets of one capture and one day."""
