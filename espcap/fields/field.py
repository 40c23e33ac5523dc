"""A registered field: its name, its type, and where documents have it."""

from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """What a value is in a document, and so how stores index it."""

    INTEGER = "integer"
    UNSIGNED = "unsigned"  # up to 2^64-1
    FLOAT = "float"
    BOOLEAN = "boolean"  # also the presence of a field that has no value (FT_NONE)
    TIME = "time"  # RFC 3339, UTC, nanoseconds
    IP = "ip"
    BYTES = "bytes"
    STRING = "string"


OUTSIDE_LAYERS = {
    **dict.fromkeys(["frame.time", "frame.time_epoch"], "@timestamp"),
    "communityid.hash": "network.community_id",  # from Wireshark 4.6 on; before, it is in no list of fields
    "_ws.col.info": "info",  # columns are fields from 4.2 on
    "_ws.col.protocol": "protocol_column",
}
"""Paths of the fields that documents do not have among their layers."""


class Field(NamedTuple):
    """A registered field. Its path in a document is `layers.<layer>.<key>`."""

    name: str
    layer: str
    key: str
    kind: Kind
    base: str
    """Wireshark's display base: BASE_DEC, BASE_HEX, BASE_OCT, …"""
    type: str
    """Wireshark's type: FT_UINT16, FT_ETHER, …"""

    @property
    def path(self) -> str:
        """Where documents have it."""
        return OUTSIDE_LAYERS.get(self.name) or f"layers.{self.layer}.{self.key}"


def is_frame_number(field: Field) -> bool:
    """Whether the value is the number of this frame or of another: FT_FRAMENUM is the only integer without a base."""
    return field.name == "frame.number" or (field.kind is Kind.INTEGER and not field.base)


ENVELOPE: dict[str, Kind] = {
    "@timestamp": Kind.TIME,
    "sniff_timestamp": Kind.FLOAT,
    "sniff_date_utc": Kind.STRING,
    "file_date_utc": Kind.STRING,
    "source.ip": Kind.IP,
    "source.port": Kind.INTEGER,
    "source.bytes": Kind.INTEGER,
    "destination.ip": Kind.IP,
    "destination.port": Kind.INTEGER,
    "network.bytes": Kind.INTEGER,
    "espcap.bad_time": Kind.BOOLEAN,
}
"""Kinds of the paths outside `layers`; a path that is not here is a string."""
PRESENCE = "presence"
"""The base of a field that has no value: that it occurs is all it says."""

ValueName = tuple[int, int, str]
"""The least value, the greatest, and their name."""
