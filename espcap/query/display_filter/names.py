"""Finds registered fields by their names in display filters."""

import re
from difflib import get_close_matches

from espcap.base.errors import UsageError, shortened
from espcap.fields.field import Field
from espcap.fields.glossaries import COLUMNS
from espcap.fields.registry import Registry
from espcap.query.suggestions import LIST, LIST_AND_OWN, suggested_fields

_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)*(?:/\d+)?$")
_LONGEST = 200
"""Characters of the longest name for which similar names are suggested."""


def resolve(name: str, registry: Registry) -> Field | None:
    """Returns the field of this name; None for a protocol. Raises UsageError, with similar names, if it is unknown."""
    field = registry.field(name)
    if field or (registry.is_protocol(name) and name != COLUMNS):
        return field
    if _NUMBER.match(name):
        raise UsageError(f"filter: {shortened(name)!r} is not a field", "write the field first: tcp.port == 80")
    if name == COLUMNS or name.startswith(f"{COLUMNS}."):
        message = f"filter: {shortened(name)}: of Wireshark's columns, documents contain Info and Protocol"
        raise UsageError(message, 'search for words of Info, info:"GET /index", or protocol_column:HTTP')
    others = nearest(name, registry) if len(name) <= _LONGEST else []
    suggestion = f": did you mean {' or '.join(others)}?" if others else ""
    raise UsageError(f"unknown field {shortened(name)!r}{suggestion}", LIST if others else LIST_AND_OWN)


def nearest(name: str, registry: Registry) -> list[str]:
    """Returns at most three similar names.

    For a field of an unknown protocol, these are fields that exist in similar protocols.
    """
    name = name.lower()
    if registry.field(name) or registry.is_protocol(name):
        return [name]
    if named := suggested_fields(name, registry):
        return named
    layer, dot, rest = name.partition(".")
    protocols = [protocol for protocol, _ in registry.protocols()]
    if not dot:
        return get_close_matches(layer, protocols, cutoff=0.7)
    if below := registry.names_below(layer):
        return get_close_matches(name, [*below, layer])
    others = [f"{protocol}.{rest}" for protocol in get_close_matches(layer, protocols, n=10)]
    return [other for other in others if registry.field(other)][:3]
