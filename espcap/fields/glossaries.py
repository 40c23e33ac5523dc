"""Reads tshark's lists of its fields and protocols: `tshark -G fields` and `tshark -G protocols`."""

from collections.abc import Callable, Iterable, Iterator

from espcap.fields.field import OUTSIDE_LAYERS, PRESENCE, Field, Kind

_KINDS = {
    **dict.fromkeys(["FT_UINT8", "FT_UINT16", "FT_UINT24", "FT_UINT32", "FT_UINT40", "FT_UINT48"], Kind.INTEGER),
    **dict.fromkeys(["FT_INT8", "FT_INT16", "FT_INT24", "FT_INT32", "FT_INT40", "FT_INT48"], Kind.INTEGER),
    **dict.fromkeys(["FT_UINT56", "FT_INT56", "FT_INT64", "FT_FRAMENUM"], Kind.INTEGER),
    "FT_UINT64": Kind.UNSIGNED,
    **dict.fromkeys(["FT_FLOAT", "FT_DOUBLE", "FT_IEEE_11073_SFLOAT", "FT_IEEE_11073_FLOAT"], Kind.FLOAT),
    "FT_RELATIVE_TIME": Kind.FLOAT,
    **dict.fromkeys(["FT_BOOLEAN", "FT_NONE", "FT_PROTOCOL"], Kind.BOOLEAN),
    "FT_ABSOLUTE_TIME": Kind.TIME,
    **dict.fromkeys(["FT_IPv4", "FT_IPv6"], Kind.IP),
    **dict.fromkeys(["FT_BYTES", "FT_UINT_BYTES"], Kind.BYTES),
}
COLUMNS = "_ws.col"
"""The protocol of Wireshark's columns as fields. Documents contain only the columns that OUTSIDE_LAYERS lists."""
_TYPES_OF_4_0 = {"frame.time_epoch": "FT_RELATIVE_TIME"}
"""Types of fields as in Wireshark 4.0, used for every version so that documents are the same: seconds, not a date."""
_RESERVED = frozenset(["envelope"])
"""Keys that espcap itself adds to a layer."""


def _kind(wireshark_type: str, base: str) -> tuple[Kind, str]:
    if wireshark_type in ("FT_NONE", "FT_PROTOCOL"):
        return Kind.BOOLEAN, PRESENCE
    return _KINDS.get(wireshark_type, Kind.STRING), base


def parse_fields(lines: Iterable[str]) -> Iterator[Field]:
    """Yields the fields in the lines of `tshark -G fields`.

    The columns are `F`, description, name, type, protocol, base, bitmask and blurb, separated by tabs.
    """
    for line in lines:
        columns = line.rstrip("\n").split("\t")
        if columns[0] != "F":
            continue
        name, wireshark_type, protocol, base = columns[2:6]
        if name.startswith(f"{COLUMNS}.") and name not in OUTSIDE_LAYERS:
            continue
        layer, dot, rest = name.partition(".")
        if not dot:
            layer, rest = protocol, name
        key = rest.replace(".", "_")
        wireshark_type = _TYPES_OF_4_0.get(name, wireshark_type)
        yield Field(name, layer, f"{key}_" if key in _RESERVED else key, *_kind(wireshark_type, base), wireshark_type)


def parse_protocols(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yields (filter name, description) of the protocols in the lines of `tshark -G protocols`.

    The columns are description, short name, filter name, …, separated by tabs.
    """
    for line in lines:
        columns = line.rstrip("\n").split("\t")
        if len(columns) >= 3:  # Wireshark 4.2 added three columns
            yield columns[2], columns[0]


def protocol_fields(protocols: Iterable[tuple[str, str]]) -> Iterator[Field]:
    """Yields a field for each protocol with a dot in its name, such as `_ws.short`. Its value is `true`."""
    for name, _ in protocols:
        layer, dot, rest = name.partition(".")
        if dot and name != COLUMNS:
            yield Field(name, layer, rest.replace(".", "_"), Kind.BOOLEAN, PRESENCE, "FT_PROTOCOL")


def with_distinct_paths(fields: Iterable[Field], is_own: Callable[[str], bool]) -> Iterator[Field]:
    """Yields the fields so that no path is shared by fields of different kinds.

    If a field's name leads to the path of an earlier field of another kind, as `bgp.prefix.length` does, its key gets
    `__` in place of the dots. Wireshark's fields come before those of the user's own dissectors, for which `is_own`
    returns True, so the user's fields never change the path of one of Wireshark's.
    """
    kinds: dict[tuple[str, str], Kind] = {}
    for field in sorted(fields, key=lambda field: (is_own(field.name), field.name.count("."), field.name)):
        if kinds.setdefault((field.layer, field.key), field.kind) is field.kind:
            yield field
        else:
            key = field.name.partition(".")[2].replace(".", "__")
            yield field._replace(key=key if key != field.key else f"{key}__")
