"""Messages of declared protocols, as the engine pairs them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

LONGEST_TEXT = 8191
"""Characters of a text in a document. Longer ones are cut."""
_LONGEST_KEPT = 3 * LONGEST_TEXT
"""Characters of a value that is kept: bytes such as `73:65:74` take three for each."""

Tree = list[tuple[str, int, Any]]
"""Names, depths and values in the order of Wireshark's tree."""


@dataclass(slots=True)
class Message:
    """A message: a request, an answer, or a part of one."""

    frame: int
    """The packet in which it ends."""
    place: int
    """Its place among the messages of the packet, from 0."""
    time: int
    """The time of that packet in nanoseconds since 1970."""
    begins: int
    """The time of the packet in which it begins."""
    direction: int
    """0 from the client, 1 from the server."""
    size: int | None
    """Its size in bytes; None if the reader does not know it."""
    last_frame: int = 0
    """The packet of the last part that was added to it; 0 if it has one part."""
    tree: Tree = field(default_factory=list)
    values: dict[str, list[Any]] = field(default_factory=dict)
    """The values by the names of their fields."""

    def add(self, added: Iterable[tuple[str, int, Any]]) -> None:
        """Adds names, depths and values in the order of the tree."""
        values, tree = self.values, self.tree
        for name, depth, value in added:
            kept = value[:_LONGEST_KEPT] if type(value) is str else value
            tree.append((name, depth, kept))
            if name in values:
                values[name].append(kept)
            else:
                values[name] = [kept]

    def first(self, name: str) -> Any:
        """Returns the first value of a field; None if there is none."""
        found = self.values.get(name)
        return found[0] if found else None
