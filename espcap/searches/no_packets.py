"""Explains why a search found no packets: the store is empty, or no packet matches."""

from collections.abc import Iterator

from espcap.base.text import shell_word
from espcap.documents.types import PACKETS, DocumentType
from espcap.query import And, Everything, Exists, Frames, Not, Or, Query
from espcap.query.advice import advice
from espcap.query.values import milliseconds_text
from espcap.stores import TO_FILL, Store

_MOST_PATHS = 10
_TO_MAKE = "espcap --file CAPTURE --types packets,flows,transactions --node {} makes them"
_OF_EVERY_PACKET = ("@timestamp", "protocol", "protocols", "_id")


def explain_no_packets(store: Store, query: Query, of: DocumentType = PACKETS) -> str:
    """Returns the reason, without a full stop, for a query of documents of a type without hits."""
    times = {"times": {"stats": {"field": "@timestamp"}}}
    found = store.search(Everything(), size=0, aggregations=times)
    if not found.total:
        fill = TO_FILL if of is PACKETS else _TO_MAKE
        return f"{store.address} has no {of.name} yet: {fill.format(shell_word(store.address))}"
    span = found.aggregations["times"]
    between = f" from {milliseconds_text(span['min'])} to {milliseconds_text(span['max'])}" if span["count"] else ""
    absent = [path for path in _fields(query) if not store.search(Exists(path), size=0).total]
    if absent:
        more = f"none of them has {' or '.join(absent)}"
    else:
        more = advice(query, span["min"], span["max"], lambda part: store.search(part, size=0).total > 0)
    return f"none of the {found.total:,} {of.name}{between} matches{f'; {more}' if more else ''}"


def _fields(query: Query) -> list[str]:
    """Returns paths in the query. A packet that matches has a value at one of them at least."""
    return sorted(set(_paths(query)) - set(_OF_EVERY_PACKET))[:_MOST_PATHS]


def _paths(query: Query) -> Iterator[str]:
    match query:
        case Everything() | Not() | Frames():
            return
        case Or((_, _, _, _, *_)):  # a word, which is searched in many fields
            return
        case And(parts) | Or(parts):
            for part in parts:
                yield from _paths(part)
        case _:
            yield query.path
