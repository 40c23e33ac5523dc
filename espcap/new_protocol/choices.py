"""The choices that describe a protocol, and what follows from them. Raises UsageError for choices that do not fit."""

import re
from dataclasses import dataclass

from espcap.base.errors import UsageError

SIZES = {"uint8": 1, "uint16": 2, "uint32": 4, "uint64": 8, "ipv4": 4}
TYPES = ("string", *SIZES, "bytes")
OWN_NAMES = ("role", "rest", "length", "malformed", "mark")
"""Names of fields that the generated dissector has itself."""
ROLES = ("request", "error", "response")
"""The roles of messages, in the order in which the conditions are tried."""
_NAME = re.compile(r"[a-z][a-z0-9_]{0,30}")
_FIELD = re.compile(r"([^:]*):([^:]*)(?::([1-9][0-9]{0,3}))?")


@dataclass(frozen=True)
class Field:
    """A field of a message. Size is its number of bytes; 0 is a word of a line, or the rest of a message."""

    name: str
    type: str
    size: int = 0


@dataclass(frozen=True)
class Condition:
    """The messages whose field has this value, or another one. Numbers are decimal, bytes hexadecimal."""

    field: str
    value: str
    is_equal: bool = True


@dataclass(frozen=True)
class Length:
    """The length field: the bytes before it, its own bytes, and whether it counts these bytes too."""

    offset: int = 0
    size: int = 2
    counts_header: bool = False


@dataclass(frozen=True)
class Protocol:
    """A protocol: how its messages are carried, told apart and matched."""

    name: str
    transport: str = "tcp"
    ports: tuple[int, ...] = (7777,)
    framing: str = "line"
    """line, length or fixed."""
    fields: tuple[Field, ...] = (Field("text", "string"),)
    roles: tuple[tuple[str, Condition], ...] = ()
    """The conditions of `request`, `error` and `response`, in this order; a role may be missing."""
    match: str = "order"
    """The field with the same value in a request and its answer, or `order`."""
    order: str = "big"
    """The byte order of numbers: big or little."""
    length: Length = Length()
    size: int = 0
    """The bytes of each message, for the framing `fixed`."""

    @property
    def layout(self) -> tuple[Field, ...]:
        """The fields of a message in their order, with the mark and the length."""
        is_marked = any(condition.field == "mark" for _, condition in self.roles)
        fields = (*((Field("mark", "string", 1),) if is_marked else ()), *self.fields)
        if self.framing != "length":
            return fields
        index = _index_at(fields, self.length.offset)
        own = Field("length", f"uint{8 * self.length.size}", self.length.size)
        return (*fields[:index], own, *fields[index:])

    @property
    def uncounted(self) -> int:
        """The bytes of a message that its length does not count."""
        return 0 if self.length.counts_header else self.length.offset + self.length.size

    def condition(self, role: str) -> Condition | None:
        """The condition of a role; None if it has none."""
        return dict(self.roles).get(role)


def _index_at(fields: tuple[Field, ...], offset: int) -> int:
    """Returns how many fields are before this byte. Raises UsageError if it is not between two fields."""
    start = 0
    for index, size in enumerate([*(field.size for field in fields), 0]):
        if start == offset:
            return index
        if not size:
            break
        start += size
    raise UsageError(
        f"the length would begin at byte {offset}, which is not between two fields",
        "the sizes of the fields before it must add up to --length-offset",
    )


def check_name(name: str) -> None:
    """Raises UsageError if the name cannot be that of a protocol or a field."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} cannot be a name", "write small letters, digits and _, with a letter in front")


def parse_field(text: str, framing: str) -> Field:
    """Returns the field of `NAME:TYPE` or `NAME:TYPE:SIZE`. Raises UsageError if the text is not a field."""
    found = _FIELD.fullmatch(text)
    if not found or found[2] not in TYPES:
        raise UsageError(f"{text!r} is not a field", f"write NAME:TYPE; the types are {', '.join(TYPES)}")
    name, kind, size = found[1], found[2], int(found[3] or 0)
    check_name(name)
    if name in OWN_NAMES:
        raise UsageError(f"the dissector has a field {name} itself", "choose another name for yours")
    if size and (kind in SIZES or framing == "line"):
        raise UsageError(f"{text!r}: only string and bytes have a size, and only without --framing line", "remove it")
    return Field(name, kind, size if framing == "line" else size or SIZES.get(kind, 0))


def parse_condition(text: str, fields: tuple[Field, ...]) -> Condition:
    """Returns the condition of `>`, the first character of a message, or of `FIELD=VALUE` or `FIELD!=VALUE`.

    Raises UsageError if the text is not a condition on one of the fields.
    """
    if len(text) == 1:
        return _mark(text)
    name, sign, value = re.fullmatch(r"(\w*)(!?=)?(.*)", text, re.S).groups()  # type: ignore[union-attr]  # matches all
    field = next((each for each in fields if each.name == name), None)
    if not value.isprintable():
        raise UsageError(f"{text!r} has characters that cannot be printed", "choose another value")
    if not sign or not field:
        names = ", ".join(each.name for each in fields)
        raise UsageError(f"{text!r} is not a condition", f"write one character, or FIELD=VALUE; the fields are {names}")
    return Condition(name, _plain(field, value), sign == "=")


def _mark(text: str) -> Condition:
    if not ("!" <= text <= "~"):
        raise UsageError(f"{text!r} cannot mark messages", "choose a printable character of ASCII")
    return Condition("mark", text)


def _plain(field: Field, value: str) -> str:
    """Returns the value in the form in which the dissector compares it. Raises UsageError if it is not of the type."""
    try:
        if field.type.startswith("uint"):
            number = int(value, 0)
            if not 0 <= number < 256 ** SIZES[field.type]:
                raise ValueError
            return str(number)
        if field.type == "bytes":
            return bytes.fromhex(value).hex()
    except ValueError:
        raise UsageError(f"{value!r} is not a value of {field.name}", f"its type is {field.type}") from None
    return value
