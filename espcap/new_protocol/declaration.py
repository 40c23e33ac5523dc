"""Writes the declaration, which says which messages are requests and answers, and which belong together."""

from espcap.new_protocol.choices import Protocol
from espcap.new_protocol.templating import fill_in


def declaration(protocol: Protocol) -> str:
    """The declaration of a protocol, in TOML."""
    name = protocol.name
    values = [f"{{{name}.{field.name}}}" for field in protocol.fields]
    has_errors = protocol.condition("error") is not None
    text = fill_in(
        "declaration.toml",
        name=name,
        match="order" if protocol.match == "order" else "id",
        key="" if protocol.match == "order" else f'key = ["{name}.{protocol.match}"]',
        response=f'{name}.role in {{"response", "error"}}' if has_errors else f'{name}.role == "response"',
        method=f'method = "{values[0]}"' if values[1:] else "",
        query=" ".join(values),
        status=f"status.error = '{name}.role == \"error\"'" if has_errors else "",
        paths="\n".join(_paths(protocol)),
    )
    return "\n".join(filter(None, text.split("\n"))) + "\n"


def _paths(protocol: Protocol) -> list[str]:
    """Members of documents: the fields of the request and those of the answer."""
    name = protocol.name
    return [
        f'fields."{name}.{half}.{field.name}" = "{half}:{{{name}.{field.name}}}"'
        for half in ("request", "response")
        for field in protocol.fields
    ]
