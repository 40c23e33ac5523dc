"""Tables on a terminal: columns that fit its width, without control characters."""

import shutil
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

import click

from espcap.base.members import end_of, part
from espcap.base.text import printable
from espcap.documents.packets import Document
from espcap.documents.types import FLOWS, PACKETS, TRANSACTIONS

PACKET = "packet"
"""The column that names a packet, by its capture and frame number. It is never cut: `espcap show` accepts it."""

PACKET_COLUMNS = ("time", "source", "destination", "protocol", "length", PACKET, "info")
_STREAMED_WIDTHS = (27, 21, 21, 8, 6, 0, 0)
"""Widths of `PACKET_COLUMNS` in characters, if rows are printed one by one. Longer cells move the rest of their row."""
_GAP = "  "
_SMALLEST = 8
"""Columns are not cut to fewer characters than this."""
_SMALLEST_LAST = 20
"""The last column is not cut to fewer characters than this before others are cut."""


def show_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Prints the names of the columns and all rows. The widest columns are cut if the terminal is too narrow."""
    lines = [[printable(cell) for cell in line] for line in [columns, *rows]]
    widths = [max(map(_width, column)) for column in zip(*lines, strict=True)]
    kept = {index for index, name in enumerate(columns) if name == PACKET}
    _fit(widths, kept, shutil.get_terminal_size().columns)
    for line in lines:
        click.echo(_joined(_cut(cell, width) for cell, width in zip(line, widths, strict=True)))


def packet_row(document: dict[str, Any]) -> list[str]:
    """Returns the cells of a document for `PACKET_COLUMNS`. Documents of other programs also get a row."""
    ends = [end_of(part(document, end)) for end in ("source", "destination")]
    frame = part(document, "layers", "frame")
    name = document.get("file_name") or part(document, "observer").get("hostname", "")
    cells = [document.get("protocol", ""), part(document, "network").get("bytes", "")]
    packet, info = f"{name}#{frame.get('number', '')}", document.get("info", "")
    return [_time(document), *ends, *map(str, cells), packet, str(info)]


FLOW_COLUMNS = ("start", "source", "destination", "protocol", "packets", "bytes", "seconds", "end")
TRANSACTION_COLUMNS = ("time", "client", "server", "type", "status", "ms", PACKET, "query")


def flow_row(document: dict[str, Any]) -> list[str]:
    """Returns the cells of the document of a flow for `FLOW_COLUMNS`."""
    network, event = part(document, "network"), part(document, "event")
    protocol = network.get("protocol") or network.get("transport", "")
    counts = [network.get("packets", ""), network.get("bytes", "")]
    seconds = f"{(event.get('duration') or 0) / 1e9:.6f}"
    ends = [end_of(part(document, end)) for end in ("source", "destination")]
    return [_time(document), *ends, protocol, *map(str, counts), seconds, part(document, "flow").get("end_reason", "")]


def transaction_row(document: dict[str, Any]) -> list[str]:
    """Returns the cells of the document of a transaction for `TRANSACTION_COLUMNS`."""
    duration = part(document, "event").get("duration")
    half = part(document, "request") or part(document, "response")
    packet = f"{document.get('file_name', '')}#{half.get('frame', '')}"
    errors = part(document, "error").get("message") or []
    query = (
        document.get("query") or document.get("method") or ", ".join(errors if isinstance(errors, list) else [errors])
    )
    milliseconds = "" if duration is None else f"{duration / 1e6:.3f}"
    ends = [end_of(part(document, end)) for end in ("client", "server")]
    kind = [str(document.get(name, "")) for name in ("type", "status")]
    return [_time(document), *ends, *kind, milliseconds, packet, str(query)]


def _time(document: dict[str, Any]) -> str:
    time = str(document.get("@timestamp", ""))
    return time.removesuffix("000Z") + "Z" * time.endswith("000Z")


TABLES = {
    PACKETS: (PACKET_COLUMNS, packet_row),
    FLOWS: (FLOW_COLUMNS, flow_row),
    TRANSACTIONS: (TRANSACTION_COLUMNS, transaction_row),
}
"""For each type of documents the columns of its table, and the function that returns a row."""


class PacketRows:
    """Formats documents, one at a time, as rows of a table. The names of the columns come before the first row."""

    def __init__(self) -> None:
        self._is_begun = False

    def __call__(self, document: Document) -> bytes:
        """Returns the row with its newline, UTF-8."""
        rows = [packet_row(document.source)] if self._is_begun else [PACKET_COLUMNS, packet_row(document.source)]
        self._is_begun = True
        return "".join(f"{_streamed(row)}\n" for row in rows).encode()


def _streamed(row: Sequence[str]) -> str:
    """Returns the row as a line, in which only the last column is cut, or left out if it has almost no room."""
    *cells, last = (_filled(printable(cell), width) for cell, width in zip(row, _STREAMED_WIDTHS, strict=True))
    line = _joined(cells)
    room = shutil.get_terminal_size().columns - _width(line) - len(_GAP)
    return _joined([line, _cut(last, room)]) if room >= _SMALLEST else line


def _fit(widths: list[int], kept: set[int], total: int) -> None:
    """Makes the last column smaller, then each time the widest, until all fit or none can be smaller."""
    last = len(widths) - 1
    if last not in kept:
        widths[last] -= max(0, min(_excess(widths, total), widths[last] - _SMALLEST_LAST))
    while (excess := _excess(widths, total)) > 0:
        others = sorted((width, index) for index, width in enumerate(widths) if index not in kept)
        if not others or others[-1][0] <= _SMALLEST:
            return
        width, index = others[-1]
        next_width = others[-2][0] if len(others) > 1 else 0
        widths[index] = max(width - excess, min(next_width, width - 1), _SMALLEST)


def _excess(widths: list[int], total: int) -> int:
    return sum(widths) + len(_GAP) * (len(widths) - 1) - total


def _cut(text: str, width: int) -> str:
    """Returns text of exactly this width: filled with blanks, or cut with `…` at its end."""
    if _width(text) > width:
        text = text[:width]
        while _width(text) > width - 1:
            text = text[:-1]
        text += "…"
    return _filled(text, width)


def _filled(text: str, width: int) -> str:
    return text + " " * (width - _width(text))


def _joined(cells: Iterable[str]) -> str:
    return _GAP.join(cells).rstrip()


def _width(text: str) -> int:
    """Returns how many columns of a terminal the text takes."""
    if text.isascii():
        return len(text)
    return sum(_character_width(character) for character in text)


def _character_width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
