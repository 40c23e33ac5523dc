"""Members of documents, any of which may be missing or of another shape: `packets-*` may hold another program's too."""

from typing import Any


def part(document: dict[str, Any], *names: str) -> dict[str, Any]:
    """The object below these names; an empty one if there is none."""
    found: Any = document
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def frame_number(document: dict[str, Any]) -> int | None:
    """The number of the packet in its capture."""
    number = part(document, "layers", "frame").get("number")
    return number if isinstance(number, int) else None
