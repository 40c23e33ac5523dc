"""Reads members of documents, any of which may be missing or have another type.

`packets-*` may also match indices of other programs.
"""

from typing import Any


def part(document: dict[str, Any], *names: str) -> dict[str, Any]:
    """The JSON object at the path `names`; an empty one if it is missing or not an object."""
    found: Any = document
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def frame_number(document: dict[str, Any]) -> int | None:
    """The packet's frame number; None if it is missing or not an integer."""
    number = part(document, "layers", "frame").get("number")
    return number if isinstance(number, int) else None


def values_at(document: Any, path: str) -> list[Any]:
    """Returns the values of a document at a path; empty if it has none."""
    for key in path.split("."):
        document = document.get(key) if isinstance(document, dict) else None
    values = document if isinstance(document, list) else [document]
    return [value for value in values if value is not None]


def end_of(end: dict[str, Any]) -> str:
    """Returns the address and the port of an end."""
    address = str(end.get("ip") or end.get("mac") or "")
    port = end.get("port")
    if port is None:
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
