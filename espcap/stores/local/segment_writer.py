"""Writes files with packets. A file is complete and durable when its name appears in the manifest."""

import os
import time
import uuid
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from espcap.base.arrays import Array
from espcap.documents.columns import FRAME
from espcap.stores.local.layout import CAPTURE, SUFFIX, TIME
from espcap.stores.local.manifest import Entry, Run, StoredFrames

SETTINGS = "settings_id"
_MOST_RUNS = 2000
"""The most runs of frame numbers of a capture that a manifest lists. Otherwise they are read from the file."""

_FEW = 16_384
_FOR_FEW = {"compression": "lz4", "write_statistics": False}
_FOR_MANY = {"compression": "zstd", "compression_level": 1}
"""How files are written. With few packets a file costs as much as its columns, of which there can be hundreds."""


def write_segment(folder: Path, table: pa.Table) -> Entry:
    """Writes a file, and returns its entry for the manifest. Raises OSError."""
    return fill_segment(new_segment(folder), table)


def new_segment(folder: Path) -> Path:
    """Creates an empty file with a name that no other file ever has. Raises OSError."""
    path = folder / f"{time.time_ns():016x}-{uuid.uuid4().hex[:8]}{SUFFIX}"
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))  # only its owner can read it
    return path


def fill_segment(path: Path, table: pa.Table) -> Entry:
    """Writes packets to a file, and returns its entry for the manifest. Raises OSError."""
    form = _FOR_FEW if table.num_rows < _FEW else _FOR_MANY
    pq.write_table(table, path, store_schema=False, write_page_checksum=True, **form)
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
        size = os.fstat(handle).st_size
    finally:
        os.close(handle)
    first, last = _times(table)
    return Entry(path.name, table.num_rows, size, first, last, _frames(table))


def _times(table: pa.Table) -> tuple[int | None, int | None]:
    """Returns the earliest and the latest time in nanoseconds; None if no packet, or not every packet, has a time."""
    if TIME not in table.column_names or table.column(TIME).null_count:
        return None, None
    limits = pc.min_max(table.column(TIME).cast(pa.int64())).as_py()
    return limits["min"], limits["max"]


def _frames(table: pa.Table) -> tuple[StoredFrames, ...]:
    captures, frames = _codes(table, CAPTURE), table.column(FRAME).to_numpy()
    settings = _codes(table, SETTINGS)
    found = []
    for capture in np.unique(captures[0]).tolist():
        for setting in np.unique(settings[0][captures[0] == capture]).tolist():
            numbers = np.sort(frames[(captures[0] == capture) & (settings[0] == setting)])
            runs = runs_of(numbers)
            listed = tuple(runs) if len(runs) <= _MOST_RUNS else None
            found.append(StoredFrames(captures[1][capture], settings[1][setting], len(numbers), listed))
    return tuple(found)


def _codes(table: pa.Table, name: str) -> tuple[Array, list[str]]:
    """Returns for each packet the number of its text, and the texts. A packet without one has the empty text."""
    if name not in table.column_names:
        return np.zeros(len(table), "i4"), [""]
    column = table.column(name)
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    encoded = column.unify_dictionaries().combine_chunks()
    words = encoded.dictionary.to_pylist()
    return pc.fill_null(encoded.indices, len(words)).to_numpy(), [*words, ""]


def runs_of(frames: Array) -> list[Run]:
    """Returns the runs of consecutive numbers of ascending frame numbers."""
    if not len(frames):
        return []
    ends = np.flatnonzero(np.diff(frames) != 1)
    firsts, lasts = frames[np.r_[0, ends + 1]], frames[np.r_[ends, len(frames) - 1]]
    return list(zip(firsts.tolist(), lasts.tolist(), strict=True))
