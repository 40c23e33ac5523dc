"""Paths of a query that no document can have, and what may have been meant."""

from collections.abc import Iterator
from difflib import get_close_matches

from espcap.fields import ENVELOPE, Registry
from espcap.query import And, Equals, Exists, Matches, Not, Or, Query, Range, Wildcard
from espcap.query.lucene import DEFAULT_PATHS

_OTHERS = ("_id", "capture_id", "protocols", "network.type", "network.transport", "network.protocol", "espcap.left_out")
_PATHS = sorted({*ENVELOPE, *DEFAULT_PATHS, *_OTHERS, "observer.hostname", "observer.ingress.interface.name"})
_OPEN = ("layers", "unparsed")


def unknown_paths(query: Query, registry: Registry) -> dict[str, list[str]]:
    """The paths that tshark's fields do not give documents, each with at most three that are like it."""
    return {path: _like(path, registry) for path in sorted(set(_paths(query))) if not _is_known(path, registry)}


def _paths(query: Query) -> Iterator[str]:
    match query:
        case And(parts) | Or(parts):
            for part in parts:
                yield from _paths(part)
        case Not(part):
            yield from _paths(part)
        case Equals(path) | Range(path) | Exists(path) | Wildcard(path) | Matches(path):
            yield path


def _is_known(path: str, registry: Registry) -> bool:
    root, _, rest = path.partition(".")
    if root in _OPEN:
        layer, _, key = rest.partition(".")
        return not rest or key == "envelope" or registry.has_path(layer, key)
    return any(known == path or known.startswith(f"{path}.") for known in _PATHS)


def _like(path: str, registry: Registry) -> list[str]:
    root, _, rest = path.partition(".")
    name = rest if root in _OPEN else path
    if field := registry.field(name):
        return [f"layers.{field.layer}.{field.key}"]
    if root not in _OPEN:
        return get_close_matches(path, _PATHS)
    layer, _, key = rest.partition(".")
    keys = [below.partition(".")[2].replace(".", "_") for below in registry.names_below(layer)]
    if keys:
        return [f"{root}.{layer}.{found}" for found in get_close_matches(key, keys)]
    layers = get_close_matches(layer, [protocol for protocol, _ in registry.protocols()], n=10)
    return [f"{root}.{found}.{key}".rstrip(".") for found in layers if registry.has_path(found, key)][:3]
