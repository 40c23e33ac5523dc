"""Builds documents from the columns of a file. They equal those that were stored, with the same order of keys."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import orjson
import pyarrow as pa

from espcap.base.times import timestamp
from espcap.documents.columns import FRAME, KEYS
from espcap.documents.derived import ordered
from espcap.stores.local.collector import DERIVED, derived, parse_timestamp
from espcap.stores.local.layout import CAPTURE, OTHERS, SEVERAL, TIME, KeyOrder, parse_keys
from espcap.stores.local.segment import Segment

_ORDER = (
    *(TIME, "sniff_timestamp", "sniff_date_utc", "info", "unparsed", "espcap", "file_name", CAPTURE, "settings_id"),
    *("file_date_utc", "protocol", "protocol_column", "payload_fields", "protocols", "stack", "source", "destination"),
    *("network", "observer", "layers"),
)
"""The order of the members of a document."""
_INNER_ORDER = (
    *("bad_time", "left_out", "link", "network", "ip", "port", "mac", "type", "transport", "protocol", "application"),
    *("bytes", "community_id", "hostname", "ingress", "interface", "name"),
)
"""The order of the keys in these members."""
_NOT_PARTS = (KEYS, OTHERS)
_PLACES = {name: place for place, name in enumerate(_ORDER)}
_INNER_PLACES = {name: place for place, name in enumerate(_INNER_ORDER)}


def documents(segment: Segment, rows: Sequence[int]) -> list[dict[str, Any]]:
    """Returns the documents of these packets of a file, which are counted from 0."""
    wanted = pa.array(rows, pa.int64())
    keys = [parse_keys(text) for text in _column(segment.columns([KEYS])[0], wanted)]
    inside = {path for each in keys for path in each.paths}
    names = [name for name in segment.column_names() if _is_wanted(name, inside)]
    columns = segment.columns(names)
    found = {name: _column(column, wanted) for name, column in zip(names, columns, strict=True)}
    has_others = OTHERS in segment.column_names()
    others = _column(segment.columns([OTHERS])[0], wanted) if has_others else [None] * len(rows)
    return [_document(_values(found, place), keys[place], others[place]) for place in range(len(rows))]


def _is_wanted(name: str, inside: set[str]) -> bool:
    if name.startswith(("layers.", "unparsed.")):
        return name.removesuffix(SEVERAL) in inside
    return name not in _NOT_PARTS


def _column(column: pa.ChunkedArray, wanted: pa.Array) -> list[Any]:
    """Returns the values of the wanted packets as they are in documents."""
    taken = column.take(wanted)
    if pa.types.is_timestamp(taken.type):
        return [None if each is None else timestamp(each) for each in taken.cast(pa.int64()).to_pylist()]
    if pa.types.is_list(taken.type) and pa.types.is_timestamp(taken.type.value_type):
        lists = taken.cast(pa.list_(pa.int64())).to_pylist()
        return [None if each is None else [timestamp(one) for one in each] for each in lists]
    found: list[Any] = taken.to_pylist()
    return found


def _values(found: dict[str, list[Any]], place: int) -> dict[str, Any]:
    """Returns the values of a packet by path. Lists of several values replace the first ones."""
    values: dict[str, Any] = {}
    for name, column in found.items():
        if (value := column[place]) is not None:
            path = name.removesuffix(SEVERAL)
            if path == name:
                values.setdefault(path, value)
            else:
                values[path] = value
    return values


def _document(values: dict[str, Any], keys: KeyOrder, others: str | None) -> dict[str, Any]:
    nanoseconds = _nanoseconds(values[TIME]) if TIME in values else None
    values = derived(nanoseconds, values.pop(FRAME)) | values
    for path, value in (orjson.loads(others) if others else {}).items():
        if value is None and path in _MAY_BE_ABSENT:
            values.pop(path, None)
        else:
            values[path] = value
    source: dict[str, Any] = {}
    for path in sorted((path for path in values if not path.startswith(("layers.", "unparsed."))), key=_rank):
        _place(source, path.split("."), values[path])
    if "layers.frame.number" not in values:
        return ordered(source)
    for root, part in (("layers", keys.layers), ("unparsed", keys.unparsed)):
        if part or root == "layers":
            source[root] = {layer: {key: values[f"{root}.{layer}.{key}"] for key in names} for layer, names in part}
    return dict(sorted(source.items(), key=lambda member: _PLACES.get(member[0], len(_ORDER))))


_MAY_BE_ABSENT = (*DERIVED, CAPTURE)
"""Members that a document can lack although they follow from columns. OTHERS then has null for them."""


@lru_cache(4096)
def _rank(path: str) -> tuple[int, ...]:
    first, *rest = path.split(".")
    return (_PLACES.get(first, len(_ORDER)), *(_INNER_PLACES.get(key, len(_INNER_ORDER)) for key in rest))


def _place(source: dict[str, Any], keys: list[str], value: Any) -> None:
    *parents, last = keys
    for key in parents:
        source = source.setdefault(key, {})
    source[last] = value


def _nanoseconds(moment: str) -> int:
    nanoseconds = parse_timestamp(moment)
    assert nanoseconds is not None
    return nanoseconds
