"""What a display filter and other parts of a query ask for together, and what they may not find."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from espcap.errors import UsageError
from espcap.fields import Registry
from espcap.query import And, Everything, Query
from espcap.query.languages import capture_filter, taken_for_capture_filter
from espcap.query.left_out import payload_fields

if TYPE_CHECKING:
    from espcap.query.display_filter.literals import NameLookup
    from espcap.query.filter_language import Language

_PAYLOAD = "documents have values of more than 64 bytes only with --payload, and indices at most 2,730 bytes"


def read_filter(text: str, registry: Registry, named_values: "NameLookup", language: "Language") -> Query:
    """A display filter's query; its grammar is loaded only where there is one. Raises UsageError."""
    if not text.strip():
        return Everything()
    from espcap.query.display_filter import parse as parse_filter

    try:
        return parse_filter(text, registry, named_values, language)
    except UsageError as error:
        if translation := capture_filter(text):
            raise taken_for_capture_filter(text, translation) from error
        raise


def together(*parts: Query) -> Query:
    """All of them at once."""
    return And(tuple(part for part in parts if part != Everything()))


def doubts(query: Query, registry: Registry) -> Iterator[str]:
    """What a query may not find, or finds in spite of it."""
    for path in payload_fields(query, registry.kind):
        yield f"{path}: {_PAYLOAD}"
