"""The fields of documents that are made from several packets. They are named by their paths."""

from collections.abc import Mapping

from espcap.fields.field import Field, Kind, ValueName
from espcap.fields.registry import Registry


class _PlainField(Field):
    """A field whose path in documents is its name."""

    @property
    def path(self) -> str:
        return self.name


_TYPES = {Kind.IP: "FT_IPv4", Kind.TIME: "FT_ABSOLUTE_TIME", Kind.BOOLEAN: "FT_BOOLEAN", Kind.FLOAT: "FT_DOUBLE"}
_TYPES |= {Kind.INTEGER: "FT_INT64", Kind.UNSIGNED: "FT_UINT64"}


class DerivedRegistry(Registry):
    """Looks up the fields of one type of documents. It closes the registry of tshark, which it stands for."""

    def __init__(self, registry: Registry, kinds: Mapping[str, Kind]) -> None:
        """`kinds` has the paths of all fields."""
        self.path = registry.path
        self.own = None
        self._registry = registry
        self._names = dict(kinds)

    def close(self) -> None:
        """Closes the registry of tshark."""
        self._registry.close()

    def refresh(self) -> None:
        """Does nothing: the paths are known."""

    def without_store(self) -> Registry:
        """The registry of the installed tshark alone."""
        return self._registry.without_store()

    def field(self, name: str) -> Field | None:
        """The field at a path; None if documents of the type do not have it."""
        kind = self._names.get(name)
        if kind is None:
            return None
        base = "BASE_DEC" if kind in (Kind.INTEGER, Kind.UNSIGNED) else ""
        return _PlainField(name, "", name, kind, base, _TYPES.get(kind, "FT_STRING"))

    def kind(self, path: str) -> Kind:
        """The kind of a path; STRING if it is unknown."""
        return self._names.get(path, Kind.STRING)

    def value_names(self, name: str) -> list[ValueName] | None:
        """No value has a name: documents have the names themselves."""
        return []

    def has_path(self, layer: str, key: str) -> bool:
        """Returns False: these documents have no layers."""
        return False

    def paths(self, kind: Kind) -> list[str]:
        """The paths of all fields of a kind, sorted."""
        return sorted(path for path, known in self._names.items() if known is kind)

    def is_protocol(self, name: str) -> bool:
        """Returns False: no field is a protocol."""
        return False

    def names_below(self, layer: str) -> list[str]:
        """The names of all fields that start with `layer` and a dot."""
        return sorted(name for name in self._names if name.startswith(f"{layer}."))

    def names_starting(self, start: str, most: int) -> list[str]:
        """The first `most` names that start with `start`, sorted."""
        return sorted(name for name in self._names if name.startswith(start))[:most]

    def paths_starting(self, start: str, most: int) -> list[str]:
        """Returns nothing: these documents have no layers."""
        return []

    def protocols(self) -> list[tuple[str, str]]:
        """Returns nothing: no field is a protocol."""
        return []
