"""Comparable forms of values: integers and texts whose order is that of the values. They are called terms.

Numbers, times and booleans are signed 64-bit integers, addresses are the 16 bytes of their IPv6 form, and other texts
are unchanged.
"""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from socket import AF_INET, AF_INET6, inet_pton
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from espcap.base.arrays import Array
from espcap.fields.casts import cast_to
from espcap.fields.field import Kind
from espcap.query.limits import LONGEST_INDEXED
from espcap.query.values import Time
from espcap.stores.local.collector import parse_timestamp
from espcap.stores.local.segment import Values

LEAST, GREATEST = -(2**63), 2**63 - 1
_SIGN = np.uint64(1 << 63)
_MAPPED = b"\0" * 10 + b"\xff\xff"
"""The prefix ::ffff:0:0/96, with which IPv4 addresses become IPv6 addresses."""
_NO_ADDRESS = b""


def ordinals(kind: Kind, values: Array) -> Array:
    """Returns for each number a signed 64-bit integer; the integers sort as the numbers do."""
    if kind is Kind.UNSIGNED:
        return (values.astype("u8") ^ _SIGN).view("i8")
    if kind is Kind.FLOAT:
        bits = (values.astype("f8") + 0.0).view("i8")  # -0.0 becomes 0.0
        return np.where(bits < 0, LEAST - bits, bits)
    return values.astype("i8", copy=False)


def number_of(kind: Kind, ordinal: int) -> Any:
    """Returns the number of an ordinal: an int, a float, or a bool; a time as a `Time`."""
    if kind is Kind.UNSIGNED:
        return ordinal + 2**63
    if kind is Kind.FLOAT:
        return float(np.array([ordinal if ordinal >= 0 else LEAST - ordinal], "i8").view("f8")[0])
    if kind is Kind.TIME:
        return Time(ordinal)
    return bool(ordinal) if kind is Kind.BOOLEAN else ordinal


def ordinal_of(kind: Kind, value: Any) -> int:
    """Returns the ordinal of a number in a query."""
    dtype = {Kind.UNSIGNED: "u8", Kind.FLOAT: "f8"}.get(kind, "i8")
    return int(ordinals(kind, np.array([value], dtype))[0])


@lru_cache(65536)
def packed(text: str) -> bytes:
    """Returns the 16 bytes of an address; no bytes if the text is not an address."""
    try:
        return inet_pton(AF_INET6, text) if ":" in text else _MAPPED + inet_pton(AF_INET, text)
    except OSError:
        return _NO_ADDRESS


def packed_address(address: IPv4Address | IPv6Address) -> bytes:
    """Returns the 16 bytes of an address in a query."""
    return (_MAPPED if address.version == 4 else b"") + address.packed


def address_text(found: bytes) -> str:
    """Returns the address of its 16 bytes as text."""
    return str(ip_address(found[12:]) if found.startswith(_MAPPED) else IPv6Address(found))


def addresses(values: Values) -> list[bytes]:
    """Returns the 16 bytes of each of the words; no bytes for a word that is not an address."""
    if "addresses" not in values.cache:
        assert values.words is not None
        values.cache["addresses"] = [packed(text) for text in values.words.to_pylist()]
    found: list[bytes] = values.cache["addresses"]
    return found


def searchable(values: Values, kind: Kind) -> Array | None:
    """Returns for each word whether it can be searched for; None if all can be."""
    if values.words is None:
        return None
    if kind is Kind.IP:
        return _all_or(np.array([bool(each) for each in addresses(values)], bool))
    if "searchable" not in values.cache:
        values.cache["searchable"] = _short(values.words)
    found: Array | None = values.cache["searchable"]
    return found


def _short(words: pa.Array) -> Array | None:
    sizes = pc.binary_length(words).to_numpy(zero_copy_only=False)
    if sizes.max(initial=0) <= LONGEST_INDEXED:
        return None
    found = np.ones(len(words), bool)
    for place in np.flatnonzero(sizes > LONGEST_INDEXED).tolist():
        found[place] = len(words[place].as_py().encode("utf-16-le")) <= 2 * LONGEST_INDEXED
    return _all_or(found)


def _all_or(found: Array) -> Array | None:
    return None if found.all() else found


def terms_of(kind: Kind, value: Any) -> list[Any]:
    """Returns the terms of a document's value or list of values, without those that cannot be searched for."""
    found = (_term(kind, each) for each in (value if isinstance(value, list) else [value]))
    return [term for term in found if term is not None]


def _term(kind: Kind, value: Any) -> Any:
    if kind is Kind.IP:
        return (packed(value) or None) if isinstance(value, str) else None
    if kind is Kind.TIME:
        return parse_timestamp(value)
    if kind in (Kind.STRING, Kind.BYTES):
        return value if isinstance(value, str) and len(value.encode("utf-16-le")) <= 2 * LONGEST_INDEXED else None
    return _number_term(kind, value)


def _number_term(kind: Kind, value: Any) -> int | None:
    is_number = type(value) is bool if kind is Kind.BOOLEAN else type(value) in (int, float)
    if not is_number or (kind is not Kind.FLOAT and type(value) is float):
        return None
    try:
        return ordinal_of(kind, value)
    except (OverflowError, ValueError):
        return None


def converted(values: Values, kind: Kind) -> Values:
    """Returns values that were stored as another type, without those that have no form of this kind."""
    if values.words is None:
        numbers, codes = np.unique(values.values, return_inverse=True)
        texts = [str(number) for number in numbers.tolist()]
    else:
        texts, codes = values.words.to_pylist(), values.values
    terms = [_term_of_text(kind, text) for text in texts]
    found = [(row, terms[code]) for row, code in zip(values.row_numbers().tolist(), codes.tolist(), strict=True)]
    found = [(row, term) for row, term in found if term is not None]
    return values_of(kind, [row for row, _ in found], [term for _, term in found])


def _term_of_text(kind: Kind, text: str) -> Any:
    try:
        return _term(kind, cast_to(kind, text))
    except ValueError:
        return None


def values_of(kind: Kind, rows: Sequence[int], found: Sequence[Any]) -> Values:
    """Returns terms as values of packets."""
    if kind is Kind.IP:
        texts = [address_text(term) for term in found]
    elif kind in (Kind.STRING, Kind.BYTES):
        texts = list(found)
    else:
        numbers = [number_of(kind, term) for term in found]
        dtype = {Kind.UNSIGNED: "u8", Kind.FLOAT: "f8", Kind.BOOLEAN: "?"}.get(kind, "i8")
        return Values(np.array(rows, "i8"), np.array(numbers, dtype), None, True)
    return Values(np.array(rows, "i8"), np.arange(len(texts), dtype="i4"), pa.array(texts, pa.string()), True)
