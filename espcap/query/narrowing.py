"""What a query string, a display filter and two times ask for together, and what they may not find."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from espcap.fields import Registry
from espcap.query import And, Everything, Query
from espcap.query.left_out import payload_fields
from espcap.query.unknown import unknown_paths

if TYPE_CHECKING:
    from espcap.query.display_filter.literals import NameLookup

_PAYLOAD = "documents have values of more than 64 bytes only with --payload, and indices at most 2,730 bytes"


def read_filter(text: str, registry: Registry, named_values: "NameLookup") -> Query:
    """A display filter's query; its grammar is loaded only where there is one."""
    if not text.strip():
        return Everything()
    from espcap.query.display_filter import parse as parse_filter

    return parse_filter(text, registry, named_values)


def together(*parts: Query) -> Query:
    """All of them at once."""
    return And(tuple(part for part in parts if part != Everything()))


def doubts(query: Query, registry: Registry) -> Iterator[str]:
    """What a query may not find, or finds in spite of it."""
    for path in payload_fields(query, registry.kind):
        yield f"{path}: {_PAYLOAD}"
    for path, others in unknown_paths(query, registry).items():
        suggestion = f"; did you mean {' or '.join(others)}?" if others else ""
        yield f"{path}: no such field is known{suggestion}"
