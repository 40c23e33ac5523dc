"""Writes the page for people who edit a generated folder."""

from espcap.new_protocol.choices import Field, Protocol
from espcap.new_protocol.templating import fill_in


def readme(protocol: Protocol) -> str:
    """The page, in Markdown."""
    return fill_in(
        "README.md.template",
        name=protocol.name,
        transport=protocol.transport,
        transport_name=protocol.transport.upper(),
        port=protocol.ports[0],
        port_list=f"port{'s' if protocol.ports[1:] else ''} {', '.join(map(str, protocol.ports))}",
        framing_text=_framing(protocol),
        field_rows="\n".join(
            f"| `{protocol.name}.{field.name}` | {field.type} | {_size(field)} |" for field in protocol.layout
        ),
    )


def _size(field: Field) -> str:
    return f"{field.size} byte{'s' if field.size > 1 else ''}" if field.size else ""


def _framing(protocol: Protocol) -> str:
    if protocol.framing == "line":
        return "a message is a line, and its fields are words"
    order = f"numbers are {protocol.order}-endian"
    if protocol.framing == "fixed":
        return f"each message has {protocol.size} bytes, and {order}"
    counted = "all its bytes" if protocol.length.counts_header else "the bytes after it"
    length = f"a message has its length, in {8 * protocol.length.size} bits, at byte {protocol.length.offset}"
    return f"{length}, which counts {counted}; {order}"
