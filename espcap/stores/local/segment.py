"""Reads one file with packets, column by column. Files never change, so that decoded columns can be kept."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from espcap.base.arrays import Array
from espcap.base.times import SECOND, date_text
from espcap.documents.columns import FRAME
from espcap.stores.local.collector import DERIVED
from espcap.stores.local.damage import named
from espcap.stores.local.files import failures
from espcap.stores.local.layout import OTHERS, SEVERAL, STRING, TIME
from espcap.stores.local.manifest import Entry

_THREADS = 4
"""Number of files that are opened at the same time."""
_BYTES_OF_COLUMN = 3000
"""Memory that an open file takes for each column."""
_LEAST_BYTES = 1 << 20
"""An open file counts as so many bytes at least, so that a process has at most 400 open: 1024 is a usual limit."""
_WIDTHS = ("i1", "i2", "i4", "i8")
_MOST_OPEN = 400 << 20
_MOST_KEPT = 256 << 20
_MOST_FOR_DOCUMENTS = 96 << 20
"""Bytes of open files, of decoded columns, and of columns for documents, that a process keeps."""


@dataclass(slots=True)
class Values:
    """The values of a path in a file."""

    rows: Array | None
    """For each value the packet, from 0; None if each packet has exactly one value. Not sorted."""
    values: Array
    """The values: numbers, nanoseconds since 1970 for times, or indices of `words`."""
    words: pa.Array | None = None
    """The texts; None for numbers. Some may be equal."""
    has_several: bool = False
    """Whether a packet has several values."""
    cache: dict[str, Any] = field(default_factory=dict)
    """Properties of the words, by name."""

    @property
    def bytes(self) -> int:
        """The memory that this takes."""
        rows = 0 if self.rows is None else self.rows.nbytes
        return rows + self.values.nbytes + (self.words.nbytes if self.words is not None else 0) + 200

    def row_numbers(self) -> Array:
        """Returns the packet of each value."""
        return np.arange(len(self.values)) if self.rows is None else self.rows

    def mask(self, holds: Array, length: int) -> Array:
        """Returns for each of `length` packets whether `holds`, given for each value, is true for one of its values."""
        if self.rows is None:
            return holds
        mask = np.zeros(length, bool)
        mask[self.rows[holds]] = True
        return mask


class Segment:
    """An open file."""

    def __init__(self, folder: Path, entry: Entry) -> None:
        self.entry = entry
        self.length = entry.packets
        self._path = folder / entry.name
        with named(self._path):
            self._file, paths = _opened(self._path)
            if self._file.metadata.num_rows != entry.packets:
                raise ValueError("it has another number of packets than segments.json says")
        self._places = {path.removesuffix(".list.element"): index for index, path in enumerate(paths)}
        self._lock = Lock()
        self._asked: set[str] = set()
        """Names of columns that were read for documents."""

    @property
    def bytes(self) -> int:
        """The memory that the open file takes, about."""
        return max(_LEAST_BYTES, _BYTES_OF_COLUMN * len(self._places))

    @cached_property
    def paths(self) -> set[str]:
        """All paths with values that have columns."""
        return {name.removesuffix(SEVERAL) for name in self._places}

    def column_names(self) -> list[str]:
        """Returns the names of all columns."""
        return list(self._places)

    def values(self, path: str) -> Values | None:
        """Returns the values of a path that has columns; None if it has none."""
        found: Values | None = _kept.get((self.entry.name, path), lambda: self._read(path), _bytes_of_values)
        return found

    def others(self) -> dict[int, dict[str, Any]]:
        """Returns the values of the column OTHERS: for a packet, values by path."""
        found: dict[int, dict[str, Any]] = _kept.get((self.entry.name, "{others}"), self._read_others, _bytes_of_others)
        return found

    def columns(self, names: list[str]) -> list[pa.ChunkedArray]:
        """Returns columns as they are in the file. Those that are asked for again are kept."""
        missing = [name for name in names if not _columns.has((self.entry.name, name))]
        read = dict(zip(missing, self._table(missing).columns, strict=True)) if missing else {}
        again = self._asked.intersection(missing)
        self._asked.update(missing)
        return [read[name] if name in read and name not in again else self._kept_column(name, read) for name in names]

    def _kept_column(self, name: str, read: dict[str, pa.ChunkedArray]) -> pa.ChunkedArray:
        return _columns.get(
            (self.entry.name, name),
            lambda: read[name] if name in read else self._table([name]).column(0),
            lambda column: column.nbytes + 500,
        )

    def _table(self, names: list[str]) -> pa.Table:
        with failures(self._path.parent), named(self._path), self._lock:
            return self._file.reader.read_all(column_indices=[self._places[name] for name in names], use_threads=True)

    def _read(self, path: str) -> Values | None:
        names = [name for name in (path, f"{path}{SEVERAL}") if name in self._places]
        columns = [_combined(column) for column in self._table(names).columns] if names else []
        found = _joined([_plain(column) for column in columns]) if columns else None
        if path not in DERIVED or (others := self._derived(path)) is None:
            return found
        return others if found is None else merged(others, found)

    def _derived(self, path: str) -> Values | None:
        """Returns the values of a path that follow from the time and the frame number."""
        if path == "layers.frame.number":
            return self.values(FRAME)
        if (times := self.values(TIME)) is None or path == "layers.frame.time":
            return times
        if path != "sniff_date_utc":
            exact = [nanoseconds / SECOND for nanoseconds in times.values.tolist()]  # numpy would round twice
            return Values(times.rows, np.array(exact, "f8"))
        seconds, places = np.unique(times.values // SECOND, return_inverse=True)
        return Values(times.rows, places.astype("i4"), pa.array(map(date_text, seconds.tolist()), STRING))

    def _read_others(self) -> dict[int, dict[str, Any]]:
        found = self.values(OTHERS)
        if found is None or found.words is None:
            return {}
        objects = [orjson.loads(text) for text in found.words.to_pylist()]
        return {
            row: objects[code] for row, code in zip(found.row_numbers().tolist(), found.values.tolist(), strict=True)
        }


def open_segment(folder: Path, entry: Entry) -> Segment:
    """Returns the open file of an entry. Files that were used lately stay open."""
    found: Segment = _open.get((entry.name, ""), lambda: Segment(folder, entry), lambda segment: segment.bytes)
    return found


def open_together(files: Sequence[tuple[Path, Entry]]) -> None:
    """Opens files ahead of `open_segment`, several at a time: most of the work is done outside Python's lock.

    Errors are left to `open_segment`.
    """
    closed = [(folder, entry) for folder, entry in files if not _open.has((entry.name, ""))]
    if len(closed) > 1:
        with ThreadPoolExecutor(_THREADS) as threads:
            list(threads.map(_open_quietly, closed))


def _open_quietly(file: tuple[Path, Entry]) -> None:
    with suppress(OSError, ValueError):
        open_segment(*file)


def as_array(found: Any) -> Array:
    """Returns an Arrow array without nulls as a numpy array."""
    array: Array = found.to_numpy(zero_copy_only=False)
    return array


def read_table(folder: Path, name: str, columns: list[str] | None = None, use_threads: bool = True) -> pa.Table:
    """Reads a whole file, or those of some columns that it has. Strings are dictionaries."""
    path = folder / name
    with named(path):
        file, paths = _opened(path)
        with file:
            wanted = columns and [each for each in columns if each in paths]
            return file.read(wanted, use_threads=use_threads)


def _opened(path: Path) -> tuple[pq.ParquetFile, list[str]]:
    """Opens a file of which strings are read as dictionaries. Returns also the paths of its columns in Parquet.

    It is not mapped into memory: a mapped file that another program shortens ends the process with SIGBUS.
    """
    metadata = pq.read_metadata(path)
    columns = [metadata.schema.column(index) for index in range(len(metadata.schema))]
    texts = [column.path for column in columns if column.physical_type == "BYTE_ARRAY"]
    file = pq.ParquetFile(path, metadata=metadata, read_dictionary=texts, page_checksum_verification=True)
    return file, [column.path for column in columns]


def _combined(column: pa.ChunkedArray) -> pa.Array:
    if column.num_chunks == 1:
        return column.chunk(0)
    if pa.types.is_dictionary(column.type):
        column = column.unify_dictionaries()
    found = column.combine_chunks()
    return found.chunk(0) if isinstance(found, pa.ChunkedArray) and found.num_chunks else found


def _plain(array: pa.Array) -> Values:
    rows, is_list, length = None, pa.types.is_list(array.type), len(array)
    if is_list:
        rows = np.repeat(np.arange(len(array)), pc.fill_null(pc.list_value_length(array), 0).to_numpy())
        array = array.flatten()
    elif array.null_count:
        rows = np.flatnonzero(as_array(pc.is_valid(array)))
        array = array.drop_null()
    if rows is not None:
        rows = rows.astype("u2" if length <= 1 << 16 else "u4")
    if pa.types.is_string(array.type):
        array = array.dictionary_encode()
    if pa.types.is_dictionary(array.type):
        return Values(rows, _narrow(array.indices.to_numpy()), array.dictionary, is_list)
    if pa.types.is_timestamp(array.type):
        return Values(rows, as_array(array.view(pa.int64())), None, is_list)  # not narrow: they are divided
    return Values(rows, _narrow(as_array(array)), None, is_list)


def _narrow(numbers: Array) -> Array:
    """Returns signed integers in as few bytes as possible, because many columns are kept."""
    if numbers.dtype.kind != "i" or not len(numbers):
        return numbers
    least, greatest = int(numbers.min()), int(numbers.max())
    dtype = next(each for each in _WIDTHS if np.iinfo(each).min <= least and greatest <= np.iinfo(each).max)
    return numbers.astype(dtype)


def _joined(parts: list[Values]) -> Values:
    """Joins the first values of all packets and all values of packets with several, which include the first."""
    return parts[0] if len(parts) == 1 else merged(*parts)


def merged(values: Values, better: Values) -> Values:
    """Joins values of a path. Those of packets that have `better` values are left out."""
    rows, better_rows = values.row_numbers().astype("i8"), better.row_numbers().astype("i8")
    length = max(int(rows.max(initial=-1)), int(better_rows.max(initial=-1))) + 1
    is_alone = np.ones(length, bool)
    is_alone[better_rows] = False
    alone = is_alone[rows]
    joined = np.concatenate((rows[alone], better_rows))
    has_several = values.has_several or better.has_several
    if values.words is None or better.words is None:
        return Values(joined, np.concatenate((values.values[alone], better.values)), None, has_several)
    codes = np.concatenate((values.values[alone], better.values.astype("i8") + len(values.words)))
    return Values(joined, codes, pa.concat_arrays([values.words, better.words]), has_several)


def _bytes_of_values(found: Values | None) -> int:
    return found.bytes if found else 100


def _bytes_of_others(found: dict[int, dict[str, Any]]) -> int:
    return 1000 * len(found) + 100


class _Kept:
    """Open files or decoded columns, the latest used last; the earliest used are dropped if they take too much memory.

    A key is the name of a file, which no other file ever has, and a path; the path is empty for the file itself.
    """

    def __init__(self, most: int) -> None:
        """`most` is the number of bytes to keep."""
        self._most = most
        self._lock = Lock()
        self._found: OrderedDict[tuple[str, str], tuple[Any, int]] = OrderedDict()
        self._bytes = 0

    def has(self, key: tuple[str, str]) -> bool:
        """Returns whether something is kept."""
        return key in self._found

    def get(self, key: tuple[str, str], read: Callable[[], Any], size: Callable[[Any], int]) -> Any:
        """Returns what is kept, and reads it if nothing is."""
        with self._lock:
            if key in self._found:
                self._found.move_to_end(key)
                return self._found[key][0]
        found = read()
        with self._lock:
            if key not in self._found:
                self._found[key] = found, size(found)
                self._bytes += self._found[key][1]
                while self._bytes > self._most and len(self._found) > 1:
                    self._bytes -= self._found.popitem(last=False)[1][1]
        return found


_open = _Kept(_MOST_OPEN)
_kept = _Kept(_MOST_KEPT)
_columns = _Kept(_MOST_FOR_DOCUMENTS)
