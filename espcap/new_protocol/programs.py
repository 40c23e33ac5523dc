"""Writes the client and the server, which are programs in Python."""

from espcap.new_protocol.choices import Protocol
from espcap.new_protocol.samples import exchanges, layout_of, refused, role_values
from espcap.new_protocol.templating import fill_in, literal, rows, source_of

_ANSWER = "    return request | RESPONSE\n"
_ANSWER_OR_ERROR = "    return request | (ERROR if request.items() >= REFUSED.items() else RESPONSE)\n"


def programs(protocol: Protocol) -> dict[str, str]:
    """The Python files of a client and a server, by their names."""
    layout = "line_layout.py" if protocol.framing == "line" else "binary_layout.py"
    return {
        "layout.py": source_of(layout),
        "protocol.py": _protocol(protocol),
        "server.py": fill_in(f"server_{protocol.transport}.py.template", name=protocol.name),
        "client.py": fill_in(f"client_{protocol.transport}.py.template", name=protocol.name),
    }


def _protocol(protocol: Protocol) -> str:
    refusal = refused(protocol)
    return fill_in(
        "protocol.py.template",
        name=protocol.name,
        port=protocol.ports[0],
        layout=_layout(protocol),
        response=literal(role_values(protocol, "response")),
        error_values=_error_values(protocol) if refusal else "",
        requests=rows(literal(each.request) for each in exchanges(protocol)),
        or_error=", or as an error if it is refused" if refusal else "",
        answer=_ANSWER_OR_ERROR if refusal else _ANSWER,
    )


def _error_values(protocol: Protocol) -> str:
    return f'''ERROR: Values = {literal(role_values(protocol, "error"))}
"""The values that make a message an error."""
REFUSED: Values = {literal(refused(protocol))}
"""Requests with these values get an error."""
'''


def _layout(protocol: Protocol) -> str:
    """The arguments of the layout."""
    layout = layout_of(protocol)
    fields = rows(literal(field) for field in layout.fields)
    rest = "".join(f", {name}={literal(value)}" for name, value in vars(layout).items() if name != "fields" and value)
    return f"fields=(\n{fields}\n){rest}"
