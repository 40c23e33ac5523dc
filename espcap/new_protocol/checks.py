"""Checks whether the choices for a protocol fit together."""

from dataclasses import replace

from espcap.base.errors import UsageError
from espcap.new_protocol.choices import Field, Protocol, check_name


def checked(protocol: Protocol) -> Protocol:
    """Returns the protocol, with the size of a field that is the rest of a message of fixed size.

    Raises UsageError if the choices do not fit together.
    """
    check_name(protocol.name)
    names = [field.name for field in protocol.fields]
    if doubled := next((name for name in names if names.count(name) > 1), ""):
        raise UsageError(f"two fields have the name {doubled}", "give each field a name of its own")
    if protocol.match not in ("order", *names):
        raise UsageError(f"there is no field {protocol.match} to match", f"--match is order, {', '.join(names)}")
    if protocol.framing == "line":
        return protocol
    if any(not field.size for field in protocol.fields[:-1]):
        raise UsageError("only the last field can be the rest of a message", "write NAME:TYPE:SIZE for the others")
    return _of_fixed_size(protocol) if protocol.framing == "fixed" else protocol


def _of_fixed_size(protocol: Protocol) -> Protocol:
    rest = protocol.size - sum(field.size for field in protocol.layout)
    *others, last = protocol.fields
    if rest < (0 if last.size else 1):
        raise UsageError(f"the fields do not fit in {protocol.size} bytes", "increase --size")
    return protocol if last.size else replace(protocol, fields=(*others, Field(last.name, last.type, rest)))
