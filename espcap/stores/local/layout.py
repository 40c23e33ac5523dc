"""How documents are laid out in the columns of a Parquet file; docs/columns.md describes it for other programs."""

from functools import lru_cache
from typing import Any, NamedTuple

import orjson
import pyarrow as pa

from espcap.documents.columns import Keys, keys_text
from espcap.fields.field import Kind

FORMAT = 1
"""The version of the layout. Increase it if files of this version cannot be read by an earlier one."""
SUFFIX = ".packets.parquet"
"""The end of the name of a file with packets."""
LARGEST_SEGMENT = 65_536
"""The most packets of a file. Larger files are hardly smaller for each packet, and take more memory to write."""
MOST_PATHS = 4096
"""The most paths that have columns in a file. Values of further fields are in the column OTHERS."""

SEVERAL = "[]"
"""The end of the name of a column with all values of packets in which a field occurs several times. The column without
it has the first value of each packet."""
OTHERS = "others"
"""The column with all values that have no column of their own or do not fit it: a JSON object, by path."""
CAPTURE = "capture_id"
TIME = "@timestamp"

STRING = pa.string()
TYPES: dict[Kind, pa.DataType] = {
    Kind.INTEGER: pa.int64(),
    Kind.UNSIGNED: pa.uint64(),
    Kind.FLOAT: pa.float64(),
    Kind.BOOLEAN: pa.bool_(),
    Kind.TIME: pa.timestamp("ns", "UTC"),
    Kind.IP: STRING,
    Kind.BYTES: STRING,
    Kind.STRING: STRING,
}
"""Arrow types of the columns, by the kind of the path. In memory, columns of strings are dictionaries."""

DICTIONARY = pa.dictionary(pa.int32(), STRING)


def paths_of(table: pa.Table) -> set[str]:
    """Returns the paths that have columns."""
    return {name.removesuffix(SEVERAL) for name in table.column_names}


def can_be_in_others(path: str) -> bool:
    """Returns whether a path can do without a column: those outside `layers` and `unparsed` are few."""
    return path.startswith(("layers.", "unparsed."))


def is_text(kind: Kind) -> bool:
    """Returns whether values of this kind are strings in documents and columns."""
    return TYPES[kind] is STRING


class KeyOrder(NamedTuple):
    """The order of the keys in a document."""

    layers: Keys
    unparsed: Keys

    @property
    def paths(self) -> list[str]:
        """The paths of all values in `layers` and `unparsed`."""
        parts = (("layers", self.layers), ("unparsed", self.unparsed))
        return [f"{root}.{layer}.{key}" for root, part in parts for layer, keys in part for key in keys]


@lru_cache(maxsize=10_000)
def parse_keys(text: str) -> KeyOrder:
    """Returns the content of the column KEYS."""
    layers, *unparsed = orjson.loads(text)
    return KeyOrder(_part(layers), _part(unparsed[0]) if unparsed else ())


def _part(part: dict[str, list[str]]) -> Keys:
    return tuple((layer, tuple(keys)) for layer, keys in part.items())


def keys_of(source: dict[str, Any]) -> str:
    """Returns the order of the keys in a document as the text of the column KEYS."""
    layers, unparsed = (
        tuple((layer, tuple(keys)) for layer, keys in source.get(part, {}).items()) for part in ("layers", "unparsed")
    )
    return keys_text(layers, unparsed)
