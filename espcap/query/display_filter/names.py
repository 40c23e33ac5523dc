"""From the names of display filters to registered fields."""

from difflib import get_close_matches

from espcap.errors import UsageError
from espcap.fields import Field, Registry


def resolve(name: str, registry: Registry) -> Field | None:
    """The field of this name; None for a protocol. Raises UsageError with the nearest names where there is neither."""
    field = registry.field(name)
    if field or registry.is_protocol(name):
        return field
    nearest = _nearest(name, registry)
    suggestion = f": did you mean {' or '.join(nearest)}?" if nearest else ""
    raise UsageError(f"unknown field {name!r}{suggestion}", "tshark -G fields lists all names")


def _nearest(name: str, registry: Registry) -> list[str]:
    """At most three names; of a field of an unknown protocol, only those that the nearest protocols have."""
    name = name.lower()
    if registry.field(name) or registry.is_protocol(name):
        return [name]
    layer, dot, rest = name.partition(".")
    protocols = [protocol for protocol, _ in registry.protocols()]
    if not dot:
        return get_close_matches(layer, protocols, cutoff=0.7)
    if below := registry.names_below(layer):
        return get_close_matches(name, [*below, layer])
    others = [f"{protocol}.{rest}" for protocol in get_close_matches(layer, protocols, n=10)]
    return [other for other in others if registry.field(other)][:3]
