"""The columns of a list: predefined ones, such as `source`, and any field by its name in display filters."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from espcap.base.errors import UsageError
from espcap.base.members import part
from espcap.stores import Hit
from espcap.web.info import info

STREAM_COLOURS = 12
_LONGEST = 200

Document = dict[str, Any]


@dataclass(frozen=True)
class Column:
    """A column of the packet list."""

    name: str
    title: str
    path: str
    """Path of the field to sort by; empty if the list cannot be sorted by the column."""
    text: Callable[[Document], str]
    """Returns the cell of a document."""
    is_number: bool = False


@dataclass(frozen=True)
class Row:
    """A row of the packet list."""

    id: str
    stream: int | None
    """Number of the colour of its conversation; None if the packet has no conversation."""
    cells: list[str]


def columns(
    names: list[str], path: Callable[[str], str], predefined: Mapping[str, Column] | None = None
) -> tuple[list[Column], list[str]]:
    """Returns the columns of these names, and messages for names that are not fields.

    `predefined` has columns by their names; None stands for those of packets. `path` returns the path of a field and
    raises UsageError if the field does not exist.
    """
    found, errors = [], []
    for name in names:
        try:
            found.append((predefined or PREDEFINED).get(name) or _field(name, path(name)))
        except UsageError as error:
            errors.append(error.message)
    return found, errors


def row(hit: Hit, listed: list[Column]) -> Row:
    """Returns the row of a document."""
    return Row(hit.id, _stream(hit.source), [column.text(hit.source) for column in listed])


def _stream(document: Document) -> int | None:
    flow = part(document, "network").get("community_id")
    return hashlib.blake2b(str(flow).encode(), digest_size=1).digest()[0] % STREAM_COLOURS if flow else None


def _field(name: str, path: str) -> Column:
    keys = path.split(".")

    def text(document: Document) -> str:
        value: Any = document
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        return shown(value)

    return Column(name, name, path, text)


def shown(value: Any) -> str:
    """Returns a value, or a list of values, as the text of a cell."""
    text = "" if value is None else ", ".join(map(shown, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def time_of(document: Document) -> str:
    """Returns the time of a document as the text of a cell."""
    return str(document.get("@timestamp", "")).replace("T", " ").removesuffix("Z")[:26]


def _number(document: Document) -> str:
    return shown(part(document, "layers", "frame").get("number"))


def _end(end: str) -> Callable[[Document], str]:
    def text(document: Document) -> str:
        found = part(document, end)
        return shown(found.get("ip") or found.get("mac"))

    return text


PREDEFINED = {
    column.name: column
    for column in (
        Column("number", "No.", "layers.frame.number", _number, is_number=True),
        Column("time", "Time (UTC)", "@timestamp", time_of),
        Column("source", "Source", "source.ip", _end("source")),
        Column("destination", "Destination", "destination.ip", _end("destination")),
        Column("protocol", "Protocol", "protocol", lambda document: shown(document.get("protocol"))),
        Column(
            "length",
            "Length",
            "network.bytes",
            lambda document: shown(part(document, "network").get("bytes")),
            is_number=True,
        ),
        Column("info", "Info", "", info),
        Column("file", "File", "file_name", lambda document: shown(document.get("file_name"))),
    )
}
