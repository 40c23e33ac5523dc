"""tshark's output, read into records: one reader for each of tshark's output formats."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from espcap.fields import Value

Layers = dict[str, dict[str, Value | list[Value]]]


@dataclass(slots=True)
class Record:
    """One dissected packet. `layers` has its final shape: `layers["tcp"]["srcport"]`, a list where a field repeats.

    Where `layers_json` holds all layers, `layers` has of them at least what `documents.HEAD` names.
    """

    epoch: str
    """Seconds since 1970 as tshark prints them: decimal, nanoseconds; a text of any kind where the time is damaged."""
    layers: Layers
    tree: list[str]
    """The protocols of the packet's tree from the outermost, as in Wireshark's packet details."""
    unparsed: Layers = field(default_factory=dict)
    """Values that do not fit their field's type, under the same paths."""
    community_id: str = ""
    layers_json: bytes = b""
    """In it characters that a terminal must not see are escaped."""
    left_out: int = 0
    """Values beyond what a reader takes of one packet."""
    inner: list[str] = field(default_factory=list)
    """Protocols that occur inside others' parts of the tree, once for each place."""

    @property
    def frame_number(self) -> int:
        """The packet's number in its capture, from 1."""
        return int(str(self.layers["frame"].get("number", 0)))


class Reader(Protocol):
    """Turns tshark's output into records."""

    bad_utf8: int
    """Packets with text that was no UTF-8; the bytes became U+FFFD."""

    def records(self, blocks: Iterable[bytes]) -> Iterator[Record | None]:
        """A record for each whole packet; None for each empty block, so that the caller can see that time passes."""
