"""Collects documents as columns, one document after the other."""

from array import array
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import numpy as np
import orjson

from espcap.base.errors import UsageError
from espcap.base.times import SECOND, date_text, timestamp
from espcap.documents.columns import FRAME, KEYS, LISTS, Column, texts_of
from espcap.fields.field import PATHS, Kind
from espcap.query.values import span
from espcap.stores.local.layout import CAPTURE, MOST_PATHS, OTHERS, TIME, can_be_in_others, is_text, keys_of

_LEAST, _GREATEST = -(2**63), 2**63 - 1
_OBJECTS = (*dict.fromkeys(path.partition(".")[0] for path in PATHS if "." in path), "layers", "unparsed")
"""The members of a document that have members."""


class _Values:
    """The values of a path: numbers in an array, texts as numbers of distinct words."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.rows = array("I")
        self._words: dict[str, int] | None = {} if is_text(kind) else None
        self._numbers: Any = array("d") if kind is Kind.FLOAT else array("Q" if kind is Kind.UNSIGNED else "q")

    def add(self, row: int, value: Any) -> bool:
        """Adds a value. Returns False, and adds nothing, if the column cannot contain it."""
        number = self._number(value)
        if number is None:
            return False
        self.rows.append(row)
        self._numbers.append(number)
        return True

    def take_back(self, count: int) -> None:
        """Removes the last `count` values."""
        del self.rows[-count:], self._numbers[-count:]

    def _number(self, value: Any) -> Any:
        if self._words is not None:
            return self._words.setdefault(value, len(self._words)) if isinstance(value, str) else None
        return CONVERTERS[self.kind](value)

    def column(self, path: str, length: int) -> Column:
        """Returns the values as a column of a batch of `length` packets."""
        rows = np.frombuffer(self.rows, "u4")
        is_complete = len(rows) == length and bool((rows == np.arange(length)).all())
        values = np.frombuffer(self._numbers, self._numbers.typecode)
        if self._words is not None:
            return Column(path, self.kind, None if is_complete else rows, values.astype("u4"), texts_of(self._words))
        if self.kind is Kind.BOOLEAN:
            values = values.astype(bool)
        return Column(path, self.kind, None if is_complete else rows, values)


def _integer(value: Any) -> int | None:
    return value if type(value) is int and _LEAST <= value <= _GREATEST else None


def _unsigned(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value < 2**64 else None


def _float(value: Any) -> float | None:
    if type(value) is float:
        return value
    return float(value) if type(value) is int and abs(value) <= 2**53 else None


def _boolean(value: Any) -> int | None:
    return int(value) if type(value) is bool else None


def parse_timestamp(value: Any) -> int | None:
    """Returns nanoseconds since 1970 of a time as documents write it; None for any other value."""
    if type(value) is not str or len(value) != 30 or value[19] != ".":
        return None
    second = _second(value[:19])
    if second is None or not value[20:29].isdecimal():
        return None
    nanoseconds = second + int(value[20:29])
    return nanoseconds if nanoseconds <= _GREATEST and timestamp(nanoseconds) == value else None


@lru_cache(4096)
def _second(text: str) -> int | None:
    try:
        first, _ = span("", Kind.TIME, text)
    except UsageError:
        return None
    return int(first)


CONVERTERS: dict[Kind, Callable[[Any], Any]] = {
    Kind.INTEGER: _integer,
    Kind.UNSIGNED: _unsigned,
    Kind.FLOAT: _float,
    Kind.BOOLEAN: _boolean,
    Kind.TIME: parse_timestamp,
}
"""Functions that return the number for a column, from a value in a document; None if the column cannot contain it."""


class Collector:
    """Collects documents of one day. `kind` returns the kind of a path."""

    def __init__(self, kind: Callable[[str], Kind]) -> None:
        self._kind = kind
        self._values: dict[str, _Values] = {}
        self.length = 0
        """Number of documents."""

    def add(self, source: dict[str, Any], capture: str, frame: int) -> None:
        """Adds a document. Raises ValueError if its parts are not those of a document."""
        check_form(source)
        others = {path: value for path, value in _leaves(source) if path not in DERIVED and not self._put(path, value)}
        self._put(CAPTURE, capture)
        self._put(FRAME, frame)
        self._put(KEYS, keys_of(source))
        others |= _not_derived(source, frame)
        if source.get(CAPTURE) != capture:
            others[CAPTURE] = source.get(CAPTURE)
        if others:
            self._put(OTHERS, orjson.dumps(others).decode())
        self.length += 1

    def _put(self, path: str, value: Any) -> bool:
        """Adds the value or the values of a path. Returns False, and adds nothing, if one of them does not fit."""
        column = self._values.get(path)
        if column is None:
            if len(self._values) >= MOST_PATHS and can_be_in_others(path):
                return False
            kind = Kind.INTEGER if path == FRAME else self._kind(path)
            column = self._values[path] = _Values(kind)
        if not isinstance(value, list):
            return path not in LISTS and column.add(self.length, value)
        if len(value) < (1 if path in LISTS else 2):
            return False
        for count, each in enumerate(value):
            if not column.add(self.length, each):
                if count:
                    column.take_back(count)
                return False
        return True

    def columns(self) -> list[Column]:
        """Returns all documents as columns."""
        return [values.column(path, self.length) for path, values in self._values.items() if len(values.rows)]


def check_form(source: dict[str, Any]) -> None:
    """Raises ValueError if a part of a document is not an object as it is in all other documents."""
    for part in _OBJECTS:
        if not isinstance(source.get(part, {}), dict):
            raise ValueError(f"{part} is an object in other documents")
    for part in ("layers", "unparsed"):
        for name, layer in source.get(part, {}).items():
            if not isinstance(layer, dict):
                raise ValueError(f"{part}.{name} is an object in other documents")


def _leaves(source: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, part in source.items():
        if name in ("layers", "unparsed"):
            for layer, values in part.items():
                for key, value in values.items():
                    yield f"{name}.{layer}.{key}", value
        elif name != CAPTURE:
            yield from _outside(name, part)


def _outside(path: str, part: Any) -> Iterator[tuple[str, Any]]:
    """Yields the paths and values of a part outside `layers`, whose objects have no dots in their keys."""
    if isinstance(part, dict) and part:
        for key, value in part.items():
            yield from _outside(f"{path}.{key}", value)
    else:
        yield path, part


DERIVED = ("sniff_timestamp", "sniff_date_utc", "layers.frame.time", "layers.frame.time_epoch", "layers.frame.number")
"""Paths whose values follow from the time and the frame number. They have no columns."""


def derived(nanoseconds: int | None, frame: int) -> dict[str, Any]:
    """Returns the values that follow from the time and the frame number of a packet, by path."""
    values: dict[str, Any] = {"layers.frame.number": frame}
    if nanoseconds is None:
        return values
    seconds = nanoseconds / SECOND
    return values | {
        "sniff_timestamp": seconds,
        "sniff_date_utc": date_text(nanoseconds // SECOND),
        "layers.frame.time": timestamp(nanoseconds),
        "layers.frame.time_epoch": seconds,
    }


def _not_derived(source: dict[str, Any], frame: int) -> dict[str, Any]:
    """Returns the values at DERIVED that differ from those that follow; None if they are missing."""
    expected = derived(parse_timestamp(source.get(TIME)), frame)
    found = {path: value_at(source, path) for path in DERIVED}
    return {path: value for path, value in found.items() if value != expected.get(path)}


def value_at(source: dict[str, Any], path: str) -> Any:
    """Returns the value at a path of a document whose keys have no dots; None if there is none."""
    part: Any = source
    for key in path.split("."):
        part = part.get(key) if isinstance(part, dict) else None
    return part
