"""Explains why a query finds no packets, and suggests another one. Sends no request itself."""

import re
from collections.abc import Callable, Iterator

from espcap.base.errors import shortened
from espcap.query import And, Equals, Or, Query, Range, Words
from espcap.query.values import Time, milliseconds_text
from espcap.query.words import words

_PROTOCOLS = ("protocol", "protocols", "network.protocol", "stack.application", "stack.transport")
_IDENTIFIERS = (*_PROTOCOLS, "_id", "capture_id", "settings_id", "network.community_id", "payload_fields")
_MOST_PARTS = 10
_PLAIN = re.compile(r"[\w.@-]+")
_DATE = re.compile(r"\d{4}-\d\d(?:-\d\d)?")
_PART_OF_ADDRESS = re.compile(r"\d{1,3}\.\d{1,3}(?:\.\d{1,3})?")


def advice(query: Query, earliest: float | None, latest: float | None, matches: Callable[[Query], bool]) -> str:
    """Returns one clause without a full stop; empty if there is no advice.

    `earliest` and `latest` are the times of all packets, in milliseconds since 1970. `matches` returns whether a part
    of the query alone finds packets.
    """
    parts = list(_parts(query))
    for part in parts:
        if found := _of_times(part, earliest, latest):
            return found
    alone = [part for part in parts[:_MOST_PARTS] if not matches(part)]
    if len(parts) > 1 and not alone:
        return "each condition has matches, but nothing meets all of them"
    return next(filter(None, (_of_word(part) or _of_value(part) for part in alone)), "")


def _parts(query: Query) -> Iterator[Query]:
    """Yields the conditions that each packet must meet."""
    if isinstance(query, And):
        for part in query.parts:
            yield from _parts(part)
    else:
        yield query


def _of_times(part: Query, earliest: float | None, latest: float | None) -> str:
    if not isinstance(part, Range) or part.path != "@timestamp" or earliest is None or latest is None:
        return ""
    if isinstance(part.low, Time) and part.low > (latest + 1) * 1_000_000:
        return f"none of them is at or after {_shown(part.low)}"
    if isinstance(part.high, Time) and part.high <= earliest * 1_000_000:
        return f"none of them is before {_shown(part.high)}"
    return ""


def _shown(moment: Time) -> str:
    return milliseconds_text(moment / 1_000_000)


def _of_word(part: Query) -> str:
    """Returns advice on a word without a field, which is an `Or` of many fields."""
    texts = [one.text for one in part.parts if isinstance(one, Words)] if isinstance(part, Or) else []
    if not texts:
        return ""
    word = shortened(texts[0])
    if _DATE.fullmatch(word):
        return f"@timestamp:{word} finds packets by their time"
    if _PART_OF_ADDRESS.fullmatch(word):
        return f"write {word}.* for addresses that begin with it"
    if len(words(texts[0])) > 1:
        return f"'{word}' is searched for as words that follow each other"
    return f"'{word}' is searched for as a whole word; {word}* finds words that begin with it"


def _of_value(part: Query) -> str:
    if not isinstance(part, Equals) or not isinstance(part.value, str):
        return ""
    value = shortened(part.value)
    if part.path in _PROTOCOLS and value != value.lower():
        return f"names of protocols are in lower case: {part.path}:{value.lower()}"
    if part.path in _IDENTIFIERS or not _PLAIN.fullmatch(value):
        return ""
    return f"{part.path} is compared as a whole value; {part.path}:*{value}* finds longer values too"
