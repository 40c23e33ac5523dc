"""tshark's output, read into records: one reader for each of tshark's output formats."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from espcap.fields.casts import Value

Layers = dict[str, dict[str, Value | list[Value]]]


MOST_VALUES = 100_000
"""Values of one packet; what is more is counted and left out. The native reader has the same bound."""


class Terms(NamedTuple):
    """Layers as the local index has them, where a reader makes that form as well; see `stores.local.values`."""

    numbers: bytes
    texts: bytes
    """JSON of the layers with terms in place of values."""
    unsearchable: Sequence[str]
    """Paths with a value that no term stands for."""


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
    terms: Terms | None = None
    left_out: int = 0
    """Values beyond what a reader takes of one packet."""
    inner: list[str] = field(default_factory=list)
    """Protocols that occur inside others' parts of the tree, in the order in which they come."""
    number: int = 0
    """The packet's number in its capture, from 1; 0 where it is in `layers` alone."""
    length: int = 0
    """Its bytes; without a context they are in `layers` alone."""
    context: bytes = b""
    """Records of one context are the same in `layers`, `tree`, `inner`, `community_id`, `protocol_column` and
    `payload_fields`; without one: unknown."""
    info: bytes = b""
    """JSON of Wireshark's column Info; empty where it shows nothing."""
    protocol_column: str = ""
    """Wireshark's column Protocol, such as TLSv1.3."""
    payload_fields: list[str] = field(default_factory=list)
    """Names of the byte fields whose values are left out as payload, each once, in the order of the tree."""

    @property
    def frame_number(self) -> int:
        """The packet's number in its capture, from 1."""
        return self.number or int(str(self.layers["frame"].get("number", 0)))

    @property
    def frame_length(self) -> Value | list[Value] | None:
        """The packet's bytes."""
        return self.length if self.context else self.layers.get("frame", {}).get("len")


class RecordReader(Protocol):
    """Turns tshark's output into records."""

    bad_utf8: int
    """Packets with text that was no UTF-8; the bytes became U+FFFD."""

    def records(self, blocks: Iterable[bytes]) -> Iterator[Record | None]:
        """A record for each whole packet; None for each empty block, so that the caller can see that time passes."""
