"""Arrow tables of packets: one row for each packet, one column for each path.

A column has the type of the kind of its path. A path at which a packet can have several values is a list, which is
empty if the packet has none. All other columns have null for that.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pyarrow as pa

from espcap.base.members import values_at
from espcap.documents.columns import LISTS
from espcap.fields.field import PATHS, Kind
from espcap.stores.local.collector import CONVERTERS
from espcap.stores.local.layout import TYPES


def is_single(path: str) -> bool:
    """Returns whether a packet has at most one value at a path."""
    return path in PATHS and path not in LISTS


def documents_table(sources: Iterable[dict[str, Any]], paths: Sequence[str], kind: Callable[[str], Kind]) -> pa.Table:
    """Returns the values of documents. Those that do not have the type of their column are left out."""
    documents = list(sources)
    columns = [column(path, kind(path), [values_at(each, path) for each in documents]) for path in paths]
    return pa.table(columns, list(paths))


def column(path: str, kind: Kind, values: Iterable[list[Any]]) -> pa.Array:
    """Returns the column of a path, with these values of each packet."""
    convert = CONVERTERS.get(kind, _text)
    fitting = ([each for each in map(convert, packet) if each is not None] for packet in values)
    if is_single(path):
        return pa.array([_native(kind, each[0]) if each else None for each in fitting], TYPES[kind])
    return pa.array([[_native(kind, one) for one in each] for each in fitting], pa.list_(TYPES[kind]))


def _native(kind: Kind, value: Any) -> Any:
    return bool(value) if kind is Kind.BOOLEAN else value


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
