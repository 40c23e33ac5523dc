"""A sink that only counts documents, for dry runs."""

from collections.abc import Sequence

from espcap.documents.packets import Document
from espcap.sinks import Outcome


class CountingSink:
    """Counts documents and forgets them."""

    writes_at_once = 0
    batches_ahead = 0

    def prepare(self) -> None:
        """Does nothing."""

    def write(self, batch: Sequence[Document], outcome: Outcome | None = None) -> Outcome:
        """Counts the documents."""
        outcome = outcome or Outcome()
        outcome.counted += len(batch)
        return outcome

    def flush(self, more_comes: bool = False) -> None:
        """Does nothing."""

    def flush_if_due(self) -> None:
        """Does nothing."""

    def not_durable(self) -> Outcome:
        """Returns an empty outcome."""
        return Outcome()

    def close(self) -> None:
        """Does nothing."""
