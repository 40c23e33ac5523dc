"""Own fields: fields and protocols of the user's own dissectors, which a profile adds to those of tshark.

Stores keep them as JSON: `{"version": 1, "fields": [[name, layer, key, kind, base, type], …],
"protocols": [[name, description], …], "values": {"FIELD": [[least, greatest, name], …]}}`.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from espcap.base.errors import StoreError
from espcap.fields.field import Field, Kind, ValueName
from espcap.fields.registry import write_atomically

_VERSION = 1
_MOST_NAMED = 3


@dataclass(frozen=True)
class OwnFields:
    """The fields and protocols that tshark has with a profile and not without it."""

    fields: tuple[Field, ...] = ()
    protocols: tuple[tuple[str, str], ...] = ()
    """(name, description) of each protocol."""
    values: dict[str, tuple[ValueName, ...]] = field(default_factory=dict)
    """For each field with named values, by its name, the names of its values."""

    def __bool__(self) -> bool:
        return bool(self.fields or self.protocols)

    def names_of(self, name: str) -> list[ValueName]:
        """The names of a field's values; empty if its values have no names."""
        return list(self.values.get(name, ()))

    def merged(self, newer: "OwnFields", store: str) -> "OwnFields":
        """Merges two sets of own fields; for a name in both, the definition in `newer` counts.

        Raises StoreError if a field's kind differs, because values of two kinds cannot be searched together. `store`
        names the store in the message.
        """
        kinds = {one.path: one.kind for one in self.fields}
        others = [one for one in newer.fields if kinds.get(one.path, one.kind) is not one.kind]
        if others:
            named = ", ".join(
                f"{one.name} as {kinds[one.path]}, and the profile as {one.kind}" for one in others[:_MOST_NAMED]
            )
            more = f", and {len(others) - _MOST_NAMED:,} more" if len(others) > _MOST_NAMED else ""
            hint = "give the field another name in its dissector, or store the packets elsewhere"
            raise StoreError(f"{store} has {named}{more}", hint)
        fields = {one.name: one for one in (*self.fields, *newer.fields)}
        replaced = {one.name for one in newer.fields}
        values = {name: names for name, names in self.values.items() if name not in replaced}
        protocols = dict(self.protocols) | dict(newer.protocols)
        return OwnFields(
            tuple(fields[name] for name in sorted(fields)), tuple(sorted(protocols.items())), values | newer.values
        )

    def to_json(self) -> bytes:
        """The JSON that stores keep."""
        fields = [list(one) for one in self.fields]
        return orjson.dumps({"version": _VERSION, "fields": fields, "protocols": self.protocols, "values": self.values})


def parse_own_fields(text: bytes | str) -> OwnFields:
    """Reads the JSON of `OwnFields.to_json`. Raises ValueError if it has another form or version."""
    try:
        return _parsed(orjson.loads(text))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(str(error)) from error


def _parsed(record: Any) -> OwnFields:
    if record["version"] != _VERSION:
        raise ValueError("another version of espcap made it")
    fields = tuple(
        Field(str(name), str(layer), str(key), Kind(kind), str(base), str(wireshark_type))
        for name, layer, key, kind, base, wireshark_type in record["fields"]
    )
    protocols = tuple((str(name), str(description)) for name, description in record["protocols"])
    values = {
        str(name): tuple((int(least), int(greatest), str(text)) for least, greatest, text in names)
        for name, names in record["values"].items()
    }
    return OwnFields(fields, protocols, values)


def write_own_fields(path: Path, own: OwnFields) -> None:
    """Writes own fields to a file. If this fails, the file stays as it was."""

    def write(name: str) -> None:
        Path(name).write_bytes(own.to_json())

    write_atomically(path, write)
