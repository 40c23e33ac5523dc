"""Answers queries on a file: for each packet whether it matches. Conditions are asked once for each distinct text."""

import re
from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from espcap.base.arrays import Array
from espcap.base.errors import UsageError
from espcap.base.frames import FrameSet
from espcap.documents.columns import FRAME
from espcap.fields.field import Kind
from espcap.query import (
    And,
    Condition,
    Equals,
    Everything,
    Exists,
    Frames,
    Matches,
    Not,
    Or,
    Query,
    Range,
    Unsearchable,
    Wildcard,
    Words,
)
from espcap.query.words import TEXT_PATHS, expression_of_wildcards, words
from espcap.stores import SIMPLER
from espcap.stores.local import terms
from espcap.stores.local.collector import DERIVED
from espcap.stores.local.frames import contained
from espcap.stores.local.layout import CAPTURE, is_text
from espcap.stores.local.segment import Segment, Values, as_array, merged
from espcap.stores.local.words import containing


class View:
    """A file as queries see it. `kind` returns the kind of a path."""

    def __init__(self, segment: Segment, kind: Callable[[str], Kind]) -> None:
        self.segment = segment
        self.length = segment.length
        self.kind = kind

    def mask(self, query: Query) -> Array:
        """Returns for each packet whether the query is true for it."""
        match query:
            case Everything():
                return np.ones(self.length, bool)
            case And(parts):
                return reduce(np.logical_and, map(self.mask, parts), np.ones(self.length, bool))
            case Or(parts):
                return reduce(np.logical_or, map(self.mask, parts), np.zeros(self.length, bool))
            case Not(part):
                return ~self.mask(part)
            case Frames(captures):
                return self._frames(captures)
        return self._condition(query)

    def values(self, path: str) -> Values | None:
        """Returns all values of a path that can be searched for; None if there are none."""
        found, kind = self._stored(path), self.kind(path)
        if found is None or (good := terms.searchable(found, kind)) is None:
            return found
        keep = good[found.values]
        return Values(found.row_numbers()[keep], found.values[keep], found.words, found.has_several, found.cache)

    def _stored(self, path: str) -> Values | None:
        """Returns the values of a path from its columns and from the column of other values."""
        found, others = self.segment.values(path), self._others(path)
        if found is not None and (found.words is None) is is_text(self.kind(path)):
            found = terms.converted(found, self.kind(path))  # the field had another type when the file was written
        if not others:
            return found
        rows, parsed = [], []
        for row, value in others:
            for term in terms.terms_of(self.kind(path), value):
                rows.append(row)
                parsed.append(term)
        more = terms.values_of(self.kind(path), rows, parsed)
        return more if found is None else merged(_without(found, [row for row, _ in others]), more)

    def _others(self, path: str) -> list[tuple[int, Any]]:
        return [(row, values[path]) for row, values in self.segment.others().items() if path in values]

    # Conditions

    def _condition(self, query: Condition) -> Array:
        path, kind = query.path, self.kind(query.path)
        match query:
            case Exists():
                return self._exists(path)
            case Unsearchable():
                return self._unsearchable(path)
            case Equals("_id"):
                return self._identified(str(query.value))
        values = self.values(path)
        if values is None:
            return np.zeros(self.length, bool)
        if values.words is None:
            return values.mask(_numbers(query, kind, values.values), self.length)
        holds = _addresses(query, values) if kind is Kind.IP else _texts(query, values)
        return values.mask(holds[values.values], self.length)

    def _identified(self, identifier: str) -> Array:
        capture, _, number = identifier.rpartition("-")
        number = number.lstrip("ft")
        if not number.isascii() or not number.isdecimal() or int(number) > terms.GREATEST:
            return np.zeros(self.length, bool)
        frames = FrameSet()
        frames.add(int(number))
        return self._frames(((capture, frames),))

    def _frames(self, captures: tuple[tuple[str, FrameSet], ...]) -> Array:
        mask = np.zeros(self.length, bool)
        for capture, frames in captures:
            if self.segment.entry.may_contain(capture, frames):
                rows = np.flatnonzero(self.of_capture(capture))
                mask[rows[contained(frames, self.frame_numbers()[rows])]] = True
        return mask

    def of_capture(self, capture: str) -> Array:
        """Returns for each packet whether it belongs to the capture."""
        values = self.segment.values(CAPTURE)
        assert values is not None
        assert values.words is not None
        return as_array(pc.equal(values.words, capture))[values.values]

    def frame_numbers(self) -> Array:
        """Returns the frame number of each packet."""
        values = self.segment.values(FRAME)
        assert values is not None
        return values.values

    # Presence

    def _exists(self, path: str) -> Array:
        mask = np.zeros(self.length, bool)
        prefix = f"{path}."
        for each in self._known_paths():
            if each == path or each.startswith(prefix):
                mask |= self._present(each)
        return mask

    def _known_paths(self) -> set[str]:
        others = {path for values in self.segment.others().values() for path in values}
        return self.segment.paths | others | set(DERIVED)

    def _present(self, path: str) -> Array:
        values = self.segment.values(path)
        mask = np.zeros(self.length, bool)
        if values is not None and path in TEXT_PATHS:  # an empty text has no words
            mask[values.row_numbers()] = as_array(pc.not_equal(values.words, ""))[values.values]
        elif values is not None:
            mask[values.row_numbers()] = True
        for row, value in self._others(path):
            mask[row] = value is not None and value != [] and path not in TEXT_PATHS
        return mask

    def _unsearchable(self, path: str) -> Array:
        mask = np.zeros(self.length, bool)
        kind = self.kind(path)
        if path in TEXT_PATHS:
            return mask
        values = self.segment.values(path)
        if values is not None and (good := terms.searchable(values, kind)) is not None:
            mask = values.mask(~good[values.values], self.length)
        for row, value in self._others(path):
            wanted = len(value) if isinstance(value, list) else value is not None
            mask[row] |= len(terms.terms_of(kind, value)) < wanted
        return mask


def _without(values: Values, rows: list[int]) -> Values:
    keep = ~np.isin(values.row_numbers(), rows)
    return Values(values.row_numbers()[keep], values.values[keep], values.words, values.has_several)


def _numbers(query: Condition, kind: Kind, values: Array) -> Array:
    numbers = terms.ordinals(kind, values)
    match query:
        case Equals(_, value):
            holds: Array = numbers == terms.ordinal_of(kind, value)
            return holds
        case Range(_, low, high, include_low, include_high):
            holds = np.ones(len(values), bool)
            if low is not None:
                limit = terms.ordinal_of(kind, low)
                holds &= numbers >= limit if include_low else numbers > limit
            if high is not None:
                limit = terms.ordinal_of(kind, high)
                holds &= numbers <= limit if include_high else numbers < limit
            return holds
    return np.zeros(len(values), bool)  # patterns and words match only texts


def _addresses(query: Condition, values: Values) -> Array:
    found = terms.addresses(values)
    match query:
        case Equals(_, value):
            wanted = terms.packed_address(value)  # type: ignore[arg-type]
            return np.array([each == wanted for each in found], bool)
        case Range(_, low, high, include_low, include_high):
            least = b"" if low is None else terms.packed_address(low)  # type: ignore[arg-type]
            greatest = b"\xff" * 17 if high is None else terms.packed_address(high)  # type: ignore[arg-type]
            return np.array(
                [
                    least <= each <= greatest and (include_low or each != least) and (include_high or each != greatest)
                    for each in found
                ],
                bool,
            )
    return np.zeros(len(found), bool)


def _texts(query: Condition, values: Values) -> Array:
    """Returns for each word whether the condition is true."""
    texts = values.words
    match query:
        case Equals(path, str() as text) if path in TEXT_PATHS:
            return containing(values, words(text))
        case Words(_, text):
            return containing(values, words(text))
        case Equals(_, value):
            return as_array(pc.equal(texts, str(value)))
        case Range():
            return _between(query, texts)
        case Wildcard(_, pattern):
            return _matching(query.path, expression_of_wildcards(pattern, re.escape), texts)
        case Matches(_, pattern):
            return _matching(query.path, pattern, texts)
    raise AssertionError(query)


def _between(query: Range, texts: pa.Array) -> Array:
    holds = np.ones(len(texts), bool)
    if query.low is not None:
        compare = pc.greater_equal if query.include_low else pc.greater
        holds &= as_array(compare(texts, str(query.low)))
    if query.high is not None:
        compare = pc.less_equal if query.include_high else pc.less
        holds &= as_array(compare(texts, str(query.high)))
    return holds


def _matching(path: str, expression: str, texts: pa.Array) -> Array:
    try:
        found = pc.match_substring_regex(texts, rf"\A(?s:{expression})\z")
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise UsageError(f"{path}: the pattern is too complex", SIMPLER) from error
    return as_array(found)
