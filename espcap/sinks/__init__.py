"""Where documents go: the Protocol `Sink`, and what becomes of the documents that it is given."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from espcap.documents.packets import Document


class Refusal(NamedTuple):
    """A document that the store does not take, and why in the store's words."""

    document: Document
    reason: str


@dataclass
class Outcome:
    """What became of a batch: every document of it is in exactly one of the four."""

    stored: int = 0
    already_there: int = 0
    refused: list[Refusal] = field(default_factory=list)
    replaced: int = 0
    """Stored in the place of a document with the same identifier and another `settings_id`."""

    def add(self, other: "Outcome") -> None:
        """Takes in what became of further documents."""
        self.stored += other.stored
        self.already_there += other.already_there
        self.refused += other.refused
        self.replaced += other.replaced


class Sink(Protocol):
    """Takes documents. All methods raise StoreError if the sink as a whole fails."""

    writes_at_once: int
    """How many calls of `write` may run at the same time, beside the reading; 0: none, not even one."""

    batches_ahead: int
    """How many batches may be on their way if some wait for their turn, so that reading goes on meanwhile."""

    def prepare(self) -> None:
        """Makes the sink ready for documents (templates, folders). Called once, before the first `write`."""

    def write(self, batch: Sequence[Document], outcome: Outcome | None = None) -> Outcome:
        """Takes what is not there yet, and says what became of each document.

        A document that is there with another `settings_id` is replaced: at each moment the one or the other is there.

        A given `outcome` is added to as documents are acknowledged: it holds also if this method raises.
        """

    def flush(self, more_comes: bool = False) -> None:
        """Makes all that was written durable and readable.

        Other processes may then write, but have to wait a little longer if `more_comes`.
        """

    def flush_if_due(self) -> None:
        """Call it when nothing comes: does what `flush` does, once that is overdue."""

    def not_durable(self) -> Outcome:
        """What `write` has reported of documents that are not durable: until `flush`, or never if one failed."""

    def close(self) -> None:
        """Makes all that was written readable and lets go of the sink."""
