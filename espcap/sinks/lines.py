"""A sink that prints documents as lines of JSON, for terminals and pipes."""

from collections.abc import Callable, Sequence
from typing import Protocol

import orjson

from espcap.base.errors import StoreError
from espcap.base.text import without_controls
from espcap.documents.packets import Document
from espcap.sinks import Outcome


class Stream(Protocol):
    """A binary stream that documents are printed on."""

    def write(self, text: bytes, /) -> object:
        """Writes the whole text. Raises OSError."""

    def flush(self) -> object:
        """Writes bytes that are still buffered. Raises OSError."""


def as_line(document: Document) -> bytes:
    """Returns the document as one line of JSON, with all control characters escaped."""
    return (document.body if document.is_printable else without_controls(document.body)) + b"\n"


def indented(document: Document) -> bytes:
    """Returns the document as JSON on several lines, with all control characters of values escaped."""
    return without_controls(orjson.dumps(document.source, option=orjson.OPT_INDENT_2)) + b"\n"


class LinesSink:
    """Prints each document, in the form that the function `form` returns."""

    writes_at_once = 0  # a thread would not make printing faster
    batches_ahead = 0

    def __init__(self, stream: Stream, form: Callable[[Document], bytes] = as_line) -> None:
        self._stream = stream
        self._form = form

    def prepare(self) -> None:
        """Does nothing."""

    def write(self, batch: Sequence[Document], outcome: Outcome | None = None) -> Outcome:
        """Prints the batch in one call. Raises BrokenPipeError if the reader has closed the pipe."""
        outcome = outcome or Outcome()
        self._print(b"".join(map(self._form, batch)))
        outcome.stored += len(batch)
        return outcome

    def flush(self, more_comes: bool = False) -> None:
        """Does nothing: `write` flushes the stream."""

    def flush_if_due(self) -> None:
        """Does nothing: `write` flushes the stream."""

    def not_durable(self) -> Outcome:
        """Returns an empty outcome."""
        return Outcome()

    def close(self) -> None:
        """Flushes the stream."""
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
