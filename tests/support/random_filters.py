"""Display filters made at random of the fields and values that occur in documents."""

import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any

from espcap.fields.field import PRESENCE, Field, Kind
from espcap.fields.registry import Registry
from espcap.query.limits import LONGEST_INDEXED
from tests.support.wireshark_versions import installed

_NOT_COMPARED = {"FT_SYSTEM_ID", "FT_IPXNET", "FT_AX25", "FT_VINES", "FT_CHAR"}
_TEXTS = {"FT_STRING", "FT_STRINGZ", "FT_UINT_STRING", "FT_STRINGZPAD"}


class Maker:
    """Makes filters; the same seed makes the same. None is of a field with values that are too long for an index."""

    def __init__(self, sources: Iterable[dict[str, Any]], registry: Registry, seed: int) -> None:
        self._random = random.Random(seed)
        self._equality = ["==", "!=", installed().any_ne, "==="]
        self._order = [*self._equality, ">", ">=", "<", "<="]
        self._protocols: set[str] = set()
        values: defaultdict[tuple[str, str], set[Any]] = defaultdict(set)
        for source in sources:
            self._protocols |= set(source["protocols"])
            for layer, keys in source["layers"].items():
                for key, value in keys.items():
                    values[layer, key] |= set(value if isinstance(value, list) else [value])
        fields = [field for layer in sorted({layer for layer, _ in values}) for field in _fields(layer, registry)]
        self._values = [
            (field, sorted(values[field.layer, field.key], key=str))
            for field in fields
            if (field.layer, field.key) in values
            and field.name != "frame.time_epoch"
            and field.type not in _NOT_COMPARED
            and max(len(str(value)) for value in values[field.layer, field.key]) <= LONGEST_INDEXED
        ]

    def make(self) -> str:
        """A filter of one to three conditions."""
        parts = [self._condition() for _ in range(self._random.choice([1, 1, 1, 2, 3]))]
        text = parts[0]
        for part in parts[1:]:
            text = self._random.choice([f"{text} && {part}", f"{text} or {part}", f"({text}) and not {part}"])
        return self._random.choice([text, text, f"!({text})"])

    def _condition(self) -> str:
        if self._random.random() < 0.05:
            return self._random.choice(sorted(self._protocols))
        field, values = self._random.choice(self._values)
        if field.base == PRESENCE or self._random.random() < 0.1:
            return field.name
        return self._comparison(field, self._random.choice(values))

    def _comparison(self, field: Field, value: Any) -> str:
        if field.kind in (Kind.INTEGER, Kind.UNSIGNED):
            return self._number(field, value)
        if field.kind is Kind.BYTES:
            return self._bytes(field, value)
        if field.kind is Kind.STRING:
            return self._text(field, value)
        literals = {
            Kind.BOOLEAN: lambda: self._random.choice(["True", "False", "0", "1"]),
            Kind.IP: lambda: self._network(value),
            Kind.TIME: lambda: f'"{value}"',
            Kind.FLOAT: lambda: f"{value:.9f}",
        }
        return f"{field.name} {self._random.choice(self._order)} {literals[field.kind]()}"

    def _number(self, field: Field, value: int) -> str:
        number = max(0, value + self._random.choice([-1, 0, 0, 1]))
        text = self._random.choice([str(number), hex(number)])
        return self._random.choice([
            f"{field.name} {self._random.choice(self._order)} {text}",
            f"{field.name} in {{{text}, {value // 2} .. {value}}}",
        ])  # fmt: skip

    def _network(self, value: str) -> str:
        whole = 32 if ip_address(value).version == 4 else 128
        return self._random.choice([value, f"{value}/{self._random.randint(1, whole)}"])

    def _bytes(self, field: Field, value: str) -> str:
        if not value:
            return field.name
        some = ":".join(value.split(":")[self._random.randrange(2) :][:3]) or value
        return self._random.choice(
            [f"{field.name} {self._random.choice(self._equality)} {value}", f"{field.name} contains {some}"]
        )

    def _text(self, field: Field, value: str) -> str:
        if field.type == "FT_ETHER":
            return f"{field.name} {self._random.choice(self._order)} {value}"
        if field.type not in _TEXTS:
            return f"{field.name} {self._random.choice(self._equality)} {value}"
        start = self._random.randrange(len(value) + 1)
        some = value[start : start + self._random.randint(1, 12)]
        expression = self._random.choice(["", "^", ".*"]) + re.escape(some) + self._random.choice(["", "$", ".+", "?"])
        return self._random.choice([
            f"{field.name} {self._random.choice(self._order)} {_quoted(value)}",
            f"{field.name} contains {_quoted(some)}",
            f"{field.name} matches {_quoted(expression if some else '^$')}",
        ])  # fmt: skip


def _fields(layer: str, registry: Registry) -> list[Field]:
    """The fields of a layer whose path no other has."""
    fields = [field for name in registry.names_below(layer) if (field := registry.field(name))]
    counts = Counter(field.key for field in fields)
    return [field for field in fields if counts[field.key] == 1]


def _quoted(text: str) -> str:
    escaped = "".join(f"\\x{ord(one):02x}" if one in '"\\' or ord(one) < 32 else one for one in text)
    return f'"{escaped}"'
