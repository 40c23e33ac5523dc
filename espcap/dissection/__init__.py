"""Turns tshark's output into records, with one reader for each output format."""

from collections.abc import Iterable, Iterator
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, Protocol

from espcap.fields.casts import Value

Layers = dict[str, dict[str, Value | list[Value]]]
"""Values by layer and key, such as `layers["tcp"]["srcport"]`; a list if a field occurs several times."""

MOST_VALUES = 100_000
"""The most values that the document of a packet contains. Others are counted. The native reader has the same limit."""


@dataclass(slots=True)
class Record:
    """One dissected packet."""

    epoch: str
    """Seconds since 1970 as tshark prints them, with nine decimals; any other text if the time is damaged."""
    layers: Layers
    """All values as they are in the document; if `layers_json` is set, perhaps only those that
    `documents.packets.HEAD` names."""
    tree: list[str]
    """The protocols of the packet from the outermost, as Wireshark's packet details show them at the top level."""
    _: KW_ONLY
    unparsed: Layers = field(default_factory=dict)
    """Texts of values that do not fit their field's type, by layer and key."""
    community_id: str = ""
    """The Community ID of the packet's conversation; empty if it is missing."""
    layers_json: bytes = b""
    """All layers as JSON, in which characters that are not safe on a terminal are escaped; empty if not made."""
    left_out: int = 0
    """Number of values beyond MOST_VALUES, or beyond the memory limit of the native reader."""
    inner: list[str] = field(default_factory=list)
    """Protocols inside other protocols' parts of the tree, such as `ber` in a certificate, in the order of the tree."""
    number: int = 0
    """The frame number, from 1; 0 if only `layers` contains it."""
    length: int = 0
    """The length of the packet in bytes; without a context only `layers` contains it."""
    context: bytes = b""
    """A key: records with the same key have the same `layers`, `tree`, `inner`, `community_id`, `protocol_column` and
    `payload_fields`. Empty if the reader makes no keys."""
    info: bytes = b""
    """Wireshark's column Info as JSON; empty if the column is empty."""
    protocol_column: str = ""
    """Wireshark's column Protocol, such as TLSv1.3."""
    payload_fields: list[str] = field(default_factory=list)
    """Names of the byte fields whose values are left out as payload, each once, in the order of the tree."""

    messages: list[Any] | None = None
    """The messages for flows and transactions, see `espcap.dissection.messages`; None if they are not wanted."""

    @property
    def frame_number(self) -> int:
        """The frame number, from 1."""
        return self.number or int(str(self.layers["frame"].get("number", 0)))

    @property
    def frame_length(self) -> Value | list[Value] | None:
        """The length of the packet in bytes; None if it is missing."""
        return self.length if self.context else self.layers.get("frame", {}).get("len")


class RecordReader(Protocol):
    """Turns tshark's output into records."""

    bad_utf8: int
    """Number of packets with text that is not UTF-8; U+FFFD replaces the wrong bytes."""

    def records(self, blocks: Iterable[bytes]) -> Iterator[Record | None]:
        """Yields a record for each whole packet, and None for each empty block, which shows that time has passed."""
