"""Documents as lines of JSON on a stream, for terminals and pipes."""

from collections.abc import Callable, Sequence
from typing import Protocol

import orjson

from espcap.base.errors import StoreError
from espcap.base.text import without_controls
from espcap.documents.packets import Document
from espcap.sinks import Outcome


class Stream(Protocol):
    """What documents are printed on."""

    def write(self, text: bytes, /) -> object:
        """Takes all of a text."""

    def flush(self) -> object:
        """Hands over what it still holds."""


def as_line(document: Document) -> bytes:
    """The document as one line of JSON. No control character of a packet is raw in it."""
    return (document.body if document.is_printable else without_controls(document.body)) + b"\n"


def indented(document: Document) -> bytes:
    """The document as JSON on several lines. No control character of a packet is raw in it."""
    return without_controls(orjson.dumps(document.source, option=orjson.OPT_INDENT_2)) + b"\n"


class LinesSink:
    """Prints each document in one of the forms that are given above, or in one of the caller's."""

    writes_at_once = 0  # what is printed is worth no thread
    batches_ahead = 0

    def __init__(self, stream: Stream, form: Callable[[Document], bytes] = as_line) -> None:
        self._stream = stream
        self._form = form

    def prepare(self) -> None:
        """Nothing to do."""

    def write(self, batch: Sequence[Document], outcome: Outcome | None = None) -> Outcome:
        """Prints the batch in one call. Raises BrokenPipeError where the reader went away."""
        outcome = outcome or Outcome()
        self._print(b"".join(map(self._form, batch)))
        outcome.stored += len(batch)
        return outcome

    def flush(self, more_comes: bool = False) -> None:
        """Nothing to do: each batch is handed over at once."""

    def flush_if_due(self) -> None:
        """Nothing to do either."""

    def not_durable(self) -> Outcome:
        """Nothing."""
        return Outcome()

    def close(self) -> None:
        """Hands over what the stream still holds."""
        self._print(b"")

    def _print(self, text: bytes) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            hint = "make room or print elsewhere; the output up to here is incomplete"
            raise StoreError(f"cannot print: {error.strerror or error}", hint) from error
