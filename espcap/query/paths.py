"""Finds the path in documents of a field that a user names by this path or by its name in display filters."""

from collections.abc import Callable, Iterable
from difflib import get_close_matches

from espcap.base.errors import UsageError, shortened
from espcap.fields.field import PATHS, Kind
from espcap.fields.registry import Registry
from espcap.query import Equals, Everything, Exists, Or, Query
from espcap.query.aliases import current_name
from espcap.query.suggestions import LIST, LIST_AND_OWN, suggested_fields

_OPEN = ("layers", "unparsed")
_LONGEST = 200
"""Characters of the longest name for which similar names are suggested."""


class Paths:
    """Finds the path of a name. `is_stored` returns whether a store has documents with a value at a path."""

    def __init__(
        self,
        registry: Registry,
        is_stored: Callable[[str], bool] = lambda path: False,
        outside_layers: Iterable[str] = PATHS,
    ) -> None:
        """`outside_layers` has all paths of documents outside `layers` and `unparsed`."""
        self._registry = registry
        self._is_stored = is_stored
        self._outside_layers = sorted(outside_layers)

    def current(self, name: str) -> str:
        """Returns the current name of a field, protocol or path that is named by an alias of Wireshark."""
        root, dot, rest = name.partition(".")
        if dot and root in _OPEN:
            return f"{root}.{current_name(rest, self._registry)}"
        return current_name(name, self._registry)

    def field(self, name: str) -> str:
        """Returns the path of a field. Raises UsageError, with similar names, if there is no such field."""
        name = self.current(name)
        if self._has_values(name):
            return name
        if field := self._registry.field(name):
            return field.path
        if self._is_object(name):
            raise UsageError(f"{name} is not one field", f"name one of those in it, such as {self._first_below(name)}")
        if name and self._is_stored(name):  # by another version of tshark, or by another program
            return name
        if self._registry.is_protocol(name):
            others = suggested_fields(name, self._registry, self._outside_layers)
            hint = f"; did you mean {' or '.join(others)}?" if others else ""
            raise UsageError(f"{name} is a protocol and has no values", f"protocols:{name} finds its packets{hint}")
        raise self._unknown(name)

    def exists(self, name: str) -> Query:
        """Returns the query for packets with a field, a protocol, or a value in an object. Raises as `field`."""
        name = self.current(name)
        if name == "_id":
            return Everything()
        if self._is_object(name):
            return Exists(name)
        if not self._has_values(name) and not self._registry.field(name) and self._registry.is_protocol(name):
            return Equals("protocols", name)
        found = self.field(name)
        if (field := self._registry.field(name)) and field.kind is Kind.BYTES:
            return Or((Exists(found), Equals("payload_fields", field.name)))
        return Exists(found)

    def _has_values(self, path: str) -> bool:
        root, _, rest = path.partition(".")
        layer, _, key = rest.partition(".")
        if root in _OPEN:
            return bool(key) and (key == "envelope" or self._registry.has_path(layer, key))
        return path in self._outside_layers

    def _is_object(self, path: str) -> bool:
        root, _, layer = path.partition(".")
        if root in _OPEN:
            return "." not in layer and (not layer or self._registry.has_path(layer, ""))
        return any(known.startswith(f"{path}.") for known in self._outside_layers)

    def _first_below(self, path: str) -> str:
        """Returns the path of a field in an object."""
        layer = path.partition(".")[2] or "ip"
        below = self._registry.paths_starting(f"{layer}.", 1)
        return next(
            (known for known in self._outside_layers if known.startswith(f"{path}.")), f"layers.{''.join(below)}"
        )

    def _unknown(self, name: str) -> UsageError:
        nearest = self._like(name) if len(name) <= _LONGEST else []
        suggestion = f": did you mean {' or '.join(nearest)}?" if nearest else ""
        return UsageError(f"no such field: {shortened(name)}{suggestion}", LIST if nearest else LIST_AND_OWN)

    def _like(self, path: str) -> list[str]:
        """Returns at most three similar names."""
        root, _, name = path.partition(".")
        if root not in _OPEN:
            named = suggested_fields(path, self._registry, self._outside_layers)
            return named or get_close_matches(path, self._outside_layers) or self._like_in_filters(path)
        if field := self._registry.field(name):
            return [field.path]
        layer, _, key = name.partition(".")
        keys = [below.partition(".")[2].replace(".", "_") for below in self._registry.names_below(layer)]
        if keys:
            return [f"{root}.{layer}.{found}" for found in get_close_matches(key, keys)]
        layers = get_close_matches(layer, [protocol for protocol, _ in self._registry.protocols()], n=10)
        return [f"{root}.{found}.{key}".rstrip(".") for found in layers if self._registry.has_path(found, key)][:3]

    def _like_in_filters(self, name: str) -> list[str]:
        layer, _, key = name.partition(".")
        if self._registry.has_path(layer, key) and key:  # a path without its root
            return [f"layers.{name}"]
        from espcap.query.display_filter.names import nearest

        return nearest(name, self._registry)
