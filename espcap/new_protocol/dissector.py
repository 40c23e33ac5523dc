"""Writes the dissector, a script in Lua for Wireshark."""

from collections.abc import Iterator

from espcap.new_protocol.choices import ROLES, Field, Protocol
from espcap.new_protocol.templating import fill_in, quoted, rows, title

_COMMENTS = {
    "line": "-- A field is a word; with `size`, a number of characters. The last one, if it is a string, is the rest.",
    "length": "-- `size` is a number of bytes; a field without it is the rest of the message.",
    "fixed": "-- `size` is a number of bytes; a field without it is the rest of the message.",
}


def dissector(protocol: Protocol) -> str:
    """The script for a protocol."""
    return fill_in(
        "dissector.lua",
        name=protocol.name,
        title=f"{title(protocol.name)} message",
        transport=protocol.transport,
        ports=", ".join(map(str, protocol.ports)),
        fields_comment=_COMMENTS[protocol.framing],
        fields=rows(map(_field, protocol.layout)),
        roles=rows(_roles(protocol)),
        framing=_framing(protocol),
    )


def _field(field: Field) -> str:
    size = f", size = {field.size}" if field.size else ""
    return f'{{name = "{field.name}", title = "{title(field.name)}", type = "{field.type}"{size}}}'


def _roles(protocol: Protocol) -> Iterator[str]:
    if not protocol.condition("request"):
        yield '{role = "request", from_client = true}'
    for role in ROLES:
        if condition := protocol.condition(role):
            equal = "true" if condition.is_equal else "false"
            value = quoted(condition.value)
            yield f'{{role = "{role}", field = "{condition.field}", equal = {equal}, value = {value}}}'
    if not protocol.condition("response"):
        yield '{role = "response"}'


def _framing(protocol: Protocol) -> str:
    if protocol.framing == "line":
        return fill_in("line.lua")
    if protocol.framing == "fixed":
        length = fill_in("fixed.lua", size=protocol.size)
    else:
        own = protocol.length
        length = fill_in("length.lua", length_offset=own.offset, length_size=own.size, uncounted=protocol.uncounted)
    is_little = "true" if protocol.order == "little" else "false"
    return fill_in("binary.lua", little_endian=is_little, message_length=length)
