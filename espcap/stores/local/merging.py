"""Merges small files of a day in the background. What was merged becomes part of the index with the next commit."""

import fcntl
import math
import os
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import pyarrow as pa

from espcap.stores.local.layout import LARGEST_SEGMENT, MOST_PATHS, paths_of
from espcap.stores.local.manifest import Entry
from espcap.stores.local.segment import read_table
from espcap.stores.local.segment_writer import fill_segment, new_segment

_MERGED = 8
"""Number of files of similar size that are merged, unless fewer have the packets of a largest file."""
_SMALLEST = 128
"""Files with fewer packets are taken for equally large."""
_thread = ThreadPoolExecutor(1, "merge")
"""One file is merged at a time, whatever number of days a process writes."""


@dataclass(frozen=True)
class Merged:
    """A file with the packets of several files. It is locked, so that other processes do not remove it."""

    folder: Path
    names: tuple[str, ...]
    """The files that it replaces."""
    entry: Entry
    lock: int

    def can_replace(self, listed: set[str]) -> bool:
        """Returns whether the merged file and, in the list, all that it replaces still exist."""
        return listed >= set(self.names) and (self.folder / self.entry.name).exists()

    def close(self, remove: bool) -> None:
        """Releases the file, and removes it if it has not become part of the index."""
        if remove:
            (self.folder / self.entry.name).unlink(missing_ok=True)
        os.close(self.lock)


class Merger:
    """Merges files of one day. A failure ends merging, and nothing else: all packets are in the files as they are."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._merging: Future[Merged | None] | None = None
        self._has_failed = False

    @property
    def is_busy(self) -> bool:
        """Whether files are being merged, or were merged and are not taken."""
        return self._merging is not None

    def start(self, entries: Iterable[Entry]) -> None:
        """Starts to merge some of these files, if enough of them are small and nothing is being merged."""
        if not self._merging and not self._has_failed and (group := mergeable(entries)):
            self._merging = _thread.submit(self._merge, group)

    def take(self) -> Merged | None:
        """Returns what was merged; None if nothing was, or is not finished."""
        if not self._merging or not self._merging.done():
            return None
        merged, self._merging = self._merging.result(), None
        return merged

    def wait(self) -> None:
        """Waits until nothing is being merged."""
        if self._merging:
            self._merging.result()

    def _merge(self, group: Sequence[Entry]) -> Merged | None:
        try:
            return _merge(self._folder, group)
        except FileNotFoundError:  # another process has replaced a file
            return None
        except (OSError, ValueError, pa.ArrowException):  # a full disk or a damaged file, for example
            self._has_failed = True
            return None


def _merge(folder: Path, group: Sequence[Entry]) -> Merged:
    tables = [read_table(folder, entry.name, use_threads=False) for entry in group]
    if len(set[str]().union(*map(paths_of, tables))) > MOST_PATHS:
        raise ValueError("the files together have too many columns")
    whole = pa.concat_tables(tables, promote_options="default")
    tables.clear()
    whole = whole.unify_dictionaries()
    path = new_segment(folder)
    lock = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return Merged(folder, tuple(entry.name for entry in group), fill_segment(path, whole), lock)
    except BaseException:
        os.close(lock)
        path.unlink(missing_ok=True)
        raise


def mergeable(entries: Iterable[Entry]) -> list[Entry]:
    """Returns files of the same order of magnitude that should be merged; none if there are too few.

    Together they have at most LARGEST_SEGMENT packets, and each packet is written again only a few times.
    """
    levels: dict[int, list[Entry]] = {}
    for entry in entries:
        if entry.packets <= LARGEST_SEGMENT // 2:
            levels.setdefault(int(math.log(max(entry.packets, _SMALLEST) / _SMALLEST, _MERGED)), []).append(entry)
    for level in levels.values():
        total = list(accumulate(entry.packets for entry in level))
        if len(level) >= _MERGED or total[-1] >= LARGEST_SEGMENT:
            return level[: bisect_right(total, LARGEST_SEGMENT)]
    return []
