"""Encodes values for the local index, so that comparisons are exact. An encoded value is called a term.

Numbers: integers are unchanged, booleans are 0 and 1; unsigned 64-bit numbers, floats and times are signed 64-bit
integers that sort in the same order. Texts: strings are unchanged, addresses are `x` and the 32 hexadecimal digits of
their IPv6 form. A NUL is appended to strings that start like a date, because tantivy would index some of them as times
with a precision of seconds.
"""

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from socket import AF_INET, AF_INET6, inet_pton
from typing import Any, NamedTuple

import orjson

from espcap.base.errors import UsageError
from espcap.base.times import SECOND, date_text
from espcap.documents.packets import Document, json_members
from espcap.fields.field import Kind
from espcap.query.limits import LONGEST_INDEXED
from espcap.query.values import Time, span

Term = int | str
MARK = "\0"
"""Last character of the terms of strings that start like a date."""
LEAST, GREATEST = -(2**63), 2**63 - 1
NUMBERS = (Kind.INTEGER, Kind.UNSIGNED, Kind.FLOAT, Kind.BOOLEAN, Kind.TIME)
"""Kinds whose terms are numbers. The index has numbers and texts in two separate fields."""
ORDERED = (*NUMBERS, Kind.IP)
"""Kinds whose values have an `ordinal`."""
_MAPPED = 0xFFFF << 32  # the prefix ::ffff:0:0/96, IPv4 addresses as IPv6 addresses


_SWAPPED = bytes.maketrans(b'"\\\x7f`', b'\x7f`"\\')
"""Exchanges the characters that JSON strings must escape for rare characters that they need not escape."""


def body_string(body: bytes) -> bytes:
    """Returns a document's JSON as a JSON string that is hardly longer."""
    swapped = body.translate(_SWAPPED)
    if b'"' in swapped or b"\\" in swapped:
        return orjson.dumps(swapped.decode())
    return b'"%b"' % swapped  # JSON text has no control characters that would need escapes


def body_of(text: str) -> bytes:
    """Returns the document's JSON from the content of a string that `body_string` has made."""
    return text.encode().translate(_SWAPPED)


def ordinal(kind: Kind, value: Any) -> int:
    """Returns an integer that sorts as the value of a query does among all values of its kind."""
    if kind is Kind.IP:
        return int(value) | (_MAPPED if value.version == 4 else 0)
    if kind is Kind.FLOAT:
        return _sortable(value)
    return int(value) + (LEAST if kind is Kind.UNSIGNED else 0)


def extent(kind: Kind) -> tuple[int, int]:
    """Returns the least and the greatest ordinal of a kind."""
    return (0, 2**128 - 1) if kind is Kind.IP else (LEAST, GREATEST)


def term(kind: Kind, ordinal: int) -> Term:
    """Returns the term of an ordinal."""
    return f"x{ordinal:032x}" if kind is Kind.IP else ordinal


def encode(kind: Kind, value: Any) -> Term | None:
    """Returns the term of a document's value; None if it does not fit the kind and cannot be searched for."""
    encoder = _ENCODERS.get(kind)
    try:
        return encoder(value) if encoder else value
    except (ValueError, TypeError, OSError, struct.error, UsageError):
        return None


def decode(kind: Kind, found: Term) -> Any:
    """Returns the value of a term; a time as a `Time`."""
    return _DECODERS[kind](found) if kind in _DECODERS else found


@lru_cache(65536)
def _address(text: str) -> str:
    packed = inet_pton(AF_INET6, text) if ":" in text else b"\0" * 10 + b"\xff\xff" + inet_pton(AF_INET, text)
    return f"x{packed.hex()}"


def _decoded_address(found: str) -> str:
    number = int(found[1:], 16)
    return str(ip_address(number & 0xFFFFFFFF) if number >> 32 == 0xFFFF else IPv6Address(number))


@lru_cache(4096)
def _second(text: str) -> int:
    first, _ = span("time", Kind.TIME, text)
    return int(first)


def _time(text: str) -> int | None:
    nanoseconds = _second(text[:19]) + int(text[20:29])
    return nanoseconds if nanoseconds <= GREATEST else None


def _sortable(number: float) -> int:
    bits: int = struct.unpack(">q", struct.pack(">d", number))[0]
    return bits if bits >= 0 else -(bits & GREATEST)


def _float(sortable: int) -> float:
    bits = sortable if sortable >= 0 else 2**63 - sortable
    number: float = struct.unpack(">d", struct.pack(">Q", bits))[0]
    return number


_DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
DATE_LIKE = f"{_DATE}.*"
"""Regular expression of the terms that end with MARK."""
_STARTS_LIKE_DATE = re.compile(_DATE)


def is_marked(found: Any) -> bool:
    """Returns whether a term ends with MARK."""
    return isinstance(found, str) and _STARTS_LIKE_DATE.match(found) is not None


def _string(text: Any) -> Any:
    return f"{text}{MARK}" if is_marked(text) else text


def _plain_string(found: Any) -> Any:
    return found[:-1] if is_marked(found) else found


def _unsigned(number: int) -> int | None:
    return number + LEAST if 0 <= number < 2**64 else None


_ENCODERS: dict[Kind, Callable[[Any], Term | None]] = {
    Kind.UNSIGNED: _unsigned,
    Kind.FLOAT: _sortable,
    Kind.BOOLEAN: int,
    Kind.TIME: _time,
    Kind.IP: _address,
    Kind.STRING: _string,
}
_DECODERS: dict[Kind, Callable[[Any], Any]] = {
    Kind.UNSIGNED: lambda found: found - LEAST,
    Kind.FLOAT: _float,
    Kind.BOOLEAN: bool,
    Kind.TIME: Time,
    Kind.IP: _decoded_address,
    Kind.STRING: _plain_string,
}


@dataclass(slots=True)
class Searchable:
    """The terms of a document."""

    numbers: dict[str, Any] = field(default_factory=dict)
    """The document with only its numbers, as terms."""
    texts: dict[str, Any] = field(default_factory=dict)
    """The document with only its texts, as terms."""
    unsearchable: set[str] = field(default_factory=set)
    """Paths with a value that has no term."""


class SearchableText(NamedTuple):
    """The terms of a document as JSON: `numbers` and `texts` are pieces that together are the members of an object."""

    numbers: tuple[bytes, ...]
    texts: tuple[bytes, ...]
    unsearchable: frozenset[str]
    nanoseconds: int | None
    """Time of the packet since 1970; None if it has no valid time."""
    info: bytes
    """JSON string of the text that is searched by words (Wireshark's Info column); empty if it is missing."""


class _Shared(NamedTuple):
    """Members of JSON objects that are the same in many documents, with a comma after each."""

    numbers: bytes
    texts: bytes
    unsearchable: frozenset[str]


_NONE = _Shared(b"", b"", frozenset())


class Encoder:
    """Encodes documents. Remembers for each object which of its keys are objects or have values to encode."""

    def __init__(self, kind: Callable[[str], Kind]) -> None:
        self._kind = kind
        self._known: dict[str, set[str]] = {}
        self._special: dict[str, dict[str, Kind | None]] = {}
        self._encode_shared = lru_cache(10_000)(self._encode_members)

    def encode_document(self, document: Document) -> SearchableText:
        """Returns the terms of a document: those that the native reader has made, or else those of its values."""
        if not (terms := document.terms):
            return self._encode_source(document)
        shared = self._encode_shared(document.shared)
        notes = self._encode_notes(document.notes) if document.notes else _NONE
        times, date = _times(document.nanoseconds)
        unsearchable = shared.unsearchable.union(notes.unsearchable, terms.unsearchable)
        return SearchableText(
            (times, notes.numbers, shared.numbers, b'"layers":', terms.numbers),
            (date, notes.texts, shared.texts, b'"layers":', terms.texts),
            unsearchable,
            document.nanoseconds,
            document.info,
        )

    def _encode_source(self, document: Document) -> SearchableText:
        source = document.source
        if document.info:
            del source["info"]
        encoded = self.encode(source, has_long_strings=len(document.body) > LONGEST_INDEXED)
        numbers, texts = ((orjson.dumps(part)[1:-1],) for part in (encoded.numbers, encoded.texts))
        moment = encoded.numbers.get("@timestamp")
        return SearchableText(numbers, texts, frozenset(encoded.unsearchable), moment, document.info)

    def _encode_members(self, members: bytes) -> _Shared:
        return self._encode_notes(orjson.loads(b"{%b}" % members[:-1]))

    def _encode_notes(self, notes: dict[str, Any]) -> _Shared:
        encoded = self.encode(notes, has_long_strings=True)
        return _Shared(json_members(encoded.numbers), json_members(encoded.texts), frozenset(encoded.unsearchable))

    def encode(self, source: dict[str, Any], has_long_strings: bool) -> Searchable:
        """Returns the terms of a document's source. `has_long_strings` says whether strings may be too long to index.

        Raises TypeError if an object has a value that is an object in other documents.
        """
        result = Searchable()
        result.numbers, result.texts = self._object(source, "", result.unsearchable)
        if has_long_strings:
            result.texts = _without_long_strings(result.texts, "", result.unsearchable)
        return result

    def _object(
        self, source: dict[str, Any], prefix: str, unsearchable: set[str]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Returns the numbers and the texts of an object."""
        keys = source.keys()
        if prefix not in self._known or not keys <= self._known[prefix]:
            self._learn(source, prefix)
        special = self._special[prefix]
        numbers: dict[str, Any] = {}
        texts = source.copy()
        for key in keys & special.keys():
            kind, value = special[key], texts.pop(key)
            if kind is None:
                if not isinstance(value, dict):
                    raise TypeError(f"{prefix}{key} is an object in other documents")
                numbers[key], texts[key] = self._object(value, f"{prefix}{key}.", unsearchable)
                continue
            found = _encode_all(kind, value)
            if found is None or (type(found) is list and len(found) < len(value)):
                unsearchable.add(prefix + key)
            if found is not None:
                (numbers if kind in NUMBERS else texts)[key] = found
        return numbers, texts

    def _learn(self, source: dict[str, Any], prefix: str) -> None:
        known, special = self._known.setdefault(prefix, set()), self._special.setdefault(prefix, {})
        for key in source.keys() - known:
            known.add(key)
            if isinstance(source[key], dict):
                special[key] = None
            elif (kind := self._kind(prefix + key)) in _ENCODERS or kind in NUMBERS:
                special[key] = kind


def _times(nanoseconds: int | None) -> tuple[bytes, bytes]:
    """Returns the numbers and the texts of the members with a document's time."""
    if nanoseconds is None:
        return b"", b""
    epoch = _sortable(nanoseconds / SECOND)
    return b'"@timestamp":%d,"sniff_timestamp":%d,' % (nanoseconds, epoch), _date_member(nanoseconds // SECOND)


@lru_cache(4096)
def _date_member(seconds: int) -> bytes:
    return json_members({"sniff_date_utc": _string(date_text(seconds))})


def _encode_all(kind: Kind, value: Any) -> Any:
    if type(value) is list:
        return [found for one in value if (found := encode(kind, one)) is not None]
    return encode(kind, value)


def _without_long_strings(value: Any, path: str, lost: set[str]) -> Any:
    if isinstance(value, dict):
        found = (
            (key, _without_long_strings(one, f"{path}.{key}" if path else key, lost)) for key, one in value.items()
        )
        return {key: kept for key, kept in found if kept is not None}
    if isinstance(value, list):
        return [kept for one in value if (kept := _without_long_strings(one, path, lost)) is not None]
    if not isinstance(value, str) or len(value) <= LONGEST_INDEXED // 2:
        return value
    if len(_plain_string(value).encode("utf-16-le")) <= 2 * LONGEST_INDEXED:
        return value
    lost.add(path)
    return None
