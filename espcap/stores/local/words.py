"""Finds texts by their words, in all distinct texts of a column at once."""

from bisect import bisect_right

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from espcap.base.arrays import Array
from espcap.query.words import expression_of_words
from espcap.query.words import words as words_of
from espcap.stores.local.segment import Values


def containing(values: Values, wanted: list[str]) -> Array:
    """Returns for each text whether it contains the words, which are in lower case, one directly after the other."""
    assert values.words is not None
    if not wanted:
        return np.zeros(len(values.words), bool)
    rarest = max(wanted, key=len)
    if not rarest.isascii():
        return _matching(values.words, wanted)
    found = np.zeros(len(values.words), bool)
    for place in _candidates(values, rarest.encode()):
        found[place] = _contains(words_of(values.words[place].as_py()), wanted)
    return found


def _candidates(values: Values, word: bytes) -> set[int]:
    """Returns the places of all texts that contain the word in any case, also as a part of another word."""
    lower, offsets = _lower(values)
    places = _places(lower, word, offsets)
    for letter in () if lower.isascii() else _LIKE_ASCII:
        places |= _places(lower, letter, offsets)
    return places


_LIKE_ASCII = ("\u212a".encode(), "\u0130".encode())
"""Letters that are not ASCII, and are or begin with an ASCII letter in lower case."""


def _places(texts: bytes, part: bytes, offsets: list[int]) -> set[int]:
    places: set[int] = set()
    start = texts.find(part)
    while start >= 0:
        place = bisect_right(offsets, start) - 1
        is_inside = start + len(part) <= offsets[place + 1]
        if is_inside:
            places.add(place)
        start = texts.find(part, offsets[place + 1] if is_inside else start + 1)
    return places


def _lower(values: Values) -> tuple[bytes, list[int]]:
    """Returns all texts in one, with ASCII letters in lower case, and for each text its start; the end is the last."""
    if "lower" not in values.cache:
        texts = values.words
        assert texts is not None
        sizes = pc.binary_length(texts).to_numpy(zero_copy_only=False)
        offsets = np.concatenate((np.zeros(1, "i8"), np.cumsum(sizes, dtype="i8"))).tolist()
        start = np.frombuffer(texts.buffers()[1], "i4")[texts.offset] if len(texts) else 0
        whole = memoryview(texts.buffers()[2] or b"")[start : start + offsets[-1]]
        values.cache["lower"] = bytes(whole).lower(), offsets
    found: tuple[bytes, list[int]] = values.cache["lower"]
    return found


def _contains(found: list[str], wanted: list[str]) -> bool:
    count = len(wanted)
    return any(found[start : start + count] == wanted for start in range(len(found) - count + 1))


def _matching(texts: pa.Array, wanted: list[str]) -> Array:
    """As `containing`, for words that are not ASCII."""
    found: Array = pc.match_substring_regex(texts, rf"\A(?s:{expression_of_words(' '.join(wanted))})\z").to_numpy(
        zero_copy_only=False
    )
    return found
