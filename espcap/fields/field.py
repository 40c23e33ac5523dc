"""Fields that Wireshark has registered: name, type, and path in documents."""

from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """The type of a value in documents. Stores index the value according to it."""

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
    "communityid.hash": "network.community_id",  # earlier versions than Wireshark 4.6 do not list it as a field
    "_ws.col.info": "info",  # columns are fields from Wireshark 4.2 on
    "_ws.col.protocol": "protocol_column",
}
"""Paths of the fields that documents do not contain under `layers`, by the fields' names."""


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
        """The field's path in documents, such as `layers.tcp.srcport`."""
        return OUTSIDE_LAYERS.get(self.name) or f"layers.{self.layer}.{self.key}"


def is_frame_number(field: Field) -> bool:
    """Returns whether the values of a field are frame numbers.

    FT_FRAMENUM is the only integer type without a display base.
    """
    return field.name == "frame.number" or (field.kind is Kind.INTEGER and not field.base)


PATHS: dict[str, Kind] = {
    "@timestamp": Kind.TIME,
    "sniff_timestamp": Kind.FLOAT,
    **dict.fromkeys(["sniff_date_utc", "info", "file_name", "file_date_utc"], Kind.STRING),
    **dict.fromkeys(["_id", "capture_id", "settings_id"], Kind.STRING),
    **dict.fromkeys(["protocol", "protocol_column", "protocols", "payload_fields"], Kind.STRING),
    **dict.fromkeys(["stack.link", "stack.network", "stack.transport", "stack.application"], Kind.STRING),
    **dict.fromkeys(["source.ip", "destination.ip"], Kind.IP),
    **dict.fromkeys(["source.port", "destination.port", "source.bytes", "network.bytes"], Kind.INTEGER),
    **dict.fromkeys(["source.mac", "destination.mac"], Kind.STRING),
    **dict.fromkeys(["network.type", "network.transport", "network.protocol", "network.community_id"], Kind.STRING),
    **dict.fromkeys(["observer.hostname", "observer.ingress.interface.name"], Kind.STRING),
    "espcap.bad_time": Kind.BOOLEAN,
    "espcap.left_out": Kind.INTEGER,
}
"""All paths of documents outside `layers` and `unparsed`, and the kinds of their values."""
PRESENCE = "presence"
"""The base of a field without a value, such as FT_NONE. Documents contain `true` if it occurs."""

ValueName = tuple[int, int, str]
"""A range of values, (least, greatest), and the name that Wireshark shows for them."""
