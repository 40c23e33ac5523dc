"""Makes the messages of the generated client and server: sample requests and their answers."""

from dataclasses import dataclass

from espcap.base.errors import UsageError
from espcap.new_protocol import binary_layout, line_layout
from espcap.new_protocol.choices import SIZES, Condition, Field, Protocol

Values = line_layout.Values
_REFUSED = 2
"""The position of the request that gets an error, in the samples."""
_WORDS = ("hello", "good", "fail", "bye")


@dataclass(frozen=True)
class Exchange:
    """A request and its answer, in the roles that they have."""

    request: Values
    answer: Values
    role: str
    """The role of the answer: response or error."""


def layout_of(protocol: Protocol) -> line_layout.Layout | binary_layout.Layout:
    """The layout with which the generated client and server write and read messages."""
    fields = tuple((field.name, field.type, field.size) for field in protocol.layout)
    if protocol.framing == "line":
        return line_layout.Layout(fields)
    order = "little" if protocol.order == "little" else "big"
    if protocol.framing == "fixed":
        return binary_layout.Layout(fields, order, size=protocol.size)  # type: ignore[arg-type]  # mypy sees a str
    return binary_layout.Layout(fields, order, uncounted=protocol.uncounted)  # type: ignore[arg-type]


def subject_of(protocol: Protocol) -> Field | None:
    """The field by whose value the server decides whether it answers with an error; None if it never does."""
    taken = {condition.field for _, condition in protocol.roles} | {protocol.match}
    return next((field for field in protocol.fields if field.name not in taken), None)


def refused(protocol: Protocol) -> Values:
    """The value of the requests that the server answers with an error; empty if it never does."""
    subject = subject_of(protocol) if protocol.condition("error") else None
    return {subject.name: _value(subject, _REFUSED, is_refused=True)} if subject else {}


def role_values(protocol: Protocol, role: str) -> Values:
    """The values that give a message this role."""
    met = {"request": ("request",), "response": ("response",), "error": ("error", "response")}[role]
    conditions = [(each, condition) for each, condition in protocol.roles if each not in met]
    values = Values()
    for _, condition in conditions:
        values |= _fulfilled(protocol, condition, not condition.is_equal)
    for each, condition in reversed(protocol.roles):  # a field may have one value for answers and one for errors
        values |= _fulfilled(protocol, condition, condition.is_equal) if each in met else {}
    return values


def exchanges(protocol: Protocol) -> list[Exchange]:
    """Four requests with their answers. Raises UsageError if the conditions cannot tell the messages apart."""
    made, fails = [], refused(protocol)
    for index in range(len(_WORDS)):
        values = {field.name: _value(field, index) for field in protocol.fields}
        role = "error" if fails and index == _REFUSED else "response"
        values |= fails if role == "error" else {}
        request = values | role_values(protocol, "request")
        made.append(Exchange(request, request | role_values(protocol, role), role))
        _check(protocol, request, "request")
        _check(protocol, made[-1].answer, role)
    return made


def _check(protocol: Protocol, values: Values, role: str) -> None:
    if (found := _role_of(protocol, values, role == "request")) != role:
        raise UsageError(
            f"the conditions do not tell messages apart: each {role} would be a {found}",
            "change --request, --response or --error",
        )
    layout = layout_of(protocol)
    if layout.decode(layout.encode(values)) != values:
        raise UsageError(f"a {role} with {values} cannot be written and read again", "change the fields or the values")


def _role_of(protocol: Protocol, values: Values, from_client: bool) -> str:
    """Returns the role that the generated dissector finds for a message."""
    if not protocol.condition("request") and from_client:
        return "request"
    for role, condition in protocol.roles:
        if (str(values[condition.field]) == condition.value) == condition.is_equal:
            return role
    return "response"


def _fulfilled(protocol: Protocol, condition: Condition, is_equal: bool) -> Values:
    """Returns a value of the condition's field that is equal to the condition's value, or is not."""
    field = next(each for each in protocol.layout if each.name == condition.field)
    value = condition.value if is_equal else _other(field, condition.value)
    return {field.name: int(value) if field.type.startswith("uint") else value}


def _other(field: Field, value: str) -> str:
    """Returns another value than this one."""
    if field.name == "mark":
        candidates = ["<", ">"]
    else:
        candidates = [str(_value(field, index)) for index in range(2)]
        candidates[:0] = ["0"] if field.type.startswith("uint") else []
    return next(each for each in candidates if each != value)


def _value(field: Field, index: int, is_refused: bool = False) -> str | int:
    """Returns a value of the field's type, another for each index from 0 to 3."""
    if field.type == "ipv4":
        return "0.0.0.0" if is_refused else f"192.0.2.{index + 1}"
    if field.type in SIZES:
        return 0 if is_refused else (index + 1) * 3 ** (4 * SIZES[field.type] - 1)
    word = _WORDS[index]
    size = field.size
    if field.type == "string":
        return word[: size or None]
    return (word.encode()[:size].ljust(size, b"\0") if size else word.encode()).hex()
