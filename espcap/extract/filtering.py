"""Applies display filters that documents cannot answer: tshark filters the captures of packets that may match."""

import os
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from espcap.base.errors import EspcapError, UsageError, with_hint
from espcap.base.frames import FrameSet, Numbering
from espcap.base.text import printable
from espcap.captures.kept import Kept
from espcap.captures.originals import Originals, check_packet, is_live
from espcap.extract.extraction import Missing
from espcap.query import And, Equals, Frames, Query, Range
from espcap.stores import Store
from espcap.tshark.arguments import Settings
from espcap.tshark.filtering import filter_file, filter_written
from espcap.tshark.output import Output, whole_lines
from espcap.tshark.program import Program, User

MOST_CAPTURES = 10_000
MOST_FRAMES = 1_000_000
"""The most frames in one query of a store."""
_STALL_SECONDS = 60.0
_COUNTED = re.compile(r"\b(frame\.number|frame\.time_relative|[a-z0-9_]+\.stream)\b")
"""Fields whose values tshark counts from the start of a capture."""


@dataclass(frozen=True)
class _Candidate:
    """A capture with packets that may match."""

    capture_id: str
    packets: int
    names: list[str]
    document: dict[str, Any]
    """One of its documents."""


@dataclass
class _Filtered:
    """The result of filtering one capture."""

    frames: FrameSet = field(default_factory=FrameSet)
    missing: Missing | None = None
    kept: Kept | None = None
    """The kept files of a live capture, all of which were filtered."""
    numbers: Numbering = field(default_factory=Numbering)
    """The frame numbers of the packets in these files."""


@dataclass
class Filtering:
    """Filters captures. `settings` contains the display filter and how tshark dissects packets."""

    program: Program
    user: User | None
    settings: Settings
    originals: Originals
    on_missing: Callable[[Missing], None]
    """Called for each capture with packets that could not be filtered."""
    on_progress: Callable[[int, int], None] = lambda position, packets: None
    """Called repeatedly, by several threads, with the bytes read of all captures and the number of packets found."""
    _outputs: set[Output] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _position: int = 0
    _packets: int = 0
    _is_ended: bool = False

    def passing(self, store: Store, query: Query) -> Query:
        """Returns the query for packets that match the filter, in captures with packets of a query.

        Raises UsageError if there are too many captures or packets.
        """
        candidates = list(_candidates(store, query))
        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            try:
                return Frames(tuple(self._found(store, query, candidates, pool)))
            except BaseException:
                self._end()
                raise

    def _found(
        self, store: Store, query: Query, candidates: list[_Candidate], pool: ThreadPoolExecutor
    ) -> Iterator[tuple[str, FrameSet]]:
        for candidate, filtered in zip(candidates, pool.map(self._filter, candidates), strict=True):
            if missing := filtered.missing or _not_kept(store, query, candidate, filtered):
                self.on_missing(missing)
            if filtered.frames:
                yield candidate.capture_id, filtered.frames
            if self._packets > MOST_FRAMES:
                message = f"the filter matches more than {MOST_FRAMES:,} packets, which are too many for a query"
                raise UsageError(message, "narrow it down, or print them: espcap --file FILE -Y FILTER")

    def _filter(self, candidate: _Candidate) -> _Filtered:
        filtered = _Filtered()
        try:
            check_packet(candidate.document)
            if is_live(candidate.document):
                self._filter_kept(candidate, filtered)
            else:
                self._filter_file(candidate, filtered)
        except EspcapError as error:
            filtered.missing = Missing(candidate.packets, with_hint(error.message, error.hint))
        return filtered

    def _filter_file(self, candidate: _Candidate, filtered: _Filtered) -> None:
        capture, file = self.originals.open(candidate.capture_id, candidate.names)
        with file, filter_file(self.program, self.settings, file, self.user, _STALL_SECONDS) as output:
            self._finish(output, filtered.frames.add, printable(capture.name))

    def _filter_kept(self, candidate: _Candidate, filtered: _Filtered) -> None:
        kept = self.originals.kept(candidate.document)
        counted = _COUNTED.search(self.settings.display_filter)
        if counted and kept.first > 1:
            raise EspcapError(f"{counted[1]} counts from the first packet, and {kept.kept_from}", "leave it out of -Y")
        numbers = filtered.numbers

        def write(capture: BinaryIO, on_read: Callable[[int], None]) -> None:
            kept.copy(capture, numbers, on_read=on_read)

        with filter_written(self.program, self.settings, write, self.user, _STALL_SECONDS) as output:
            self._finish(output, lambda place: filtered.frames.add(numbers.frame(place)), kept.name)
        filtered.kept = kept

    def _finish(self, output: Output, add: Callable[[int], None], name: str) -> None:
        self._read(output, add)
        ended = output.finish()
        if output.stalled or ended.status < 0:
            reason = "tshark hangs" if output.stalled else f"tshark was {ended.message}"
            raise EspcapError(f"{name}: {reason} at one of its packets")

    def _read(self, output: Output, add: Callable[[int], None]) -> None:
        with self._lock:
            self._outputs.add(output)
            if self._is_ended:
                output.interrupt()
        position = 0
        for lines in whole_lines(output.blocks()):
            for line in lines or ():
                add(int(line))
            self._advance(output.position - position, len(lines or ()))
            position = output.position
        with self._lock:
            self._outputs.remove(output)

    def _advance(self, bytes_read: int, packets: int) -> None:
        with self._lock:
            self._position += bytes_read
            self._packets += packets
            self.on_progress(self._position, self._packets)

    def _end(self) -> None:
        with self._lock:
            self._is_ended = True
            for output in self._outputs:
                output.interrupt()


def _candidates(store: Store, query: Query) -> Iterator[_Candidate]:
    captures = {"values": {"terms": {"field": "capture_id", "size": MOST_CAPTURES}}}
    buckets = store.search(query, size=0, aggregations=captures).aggregations["values"]["buckets"]
    if len(buckets) >= MOST_CAPTURES:
        raise UsageError(f"the packets belong to {MOST_CAPTURES:,} captures or more", "narrow the query")
    names = {"names": {"terms": {"field": "file_name", "size": 100}}}
    for bucket in buckets:
        found = store.search(And((query, Equals("capture_id", bucket["key"]))), size=1, aggregations=names)
        file_names = [name["key"] for name in found.aggregations["names"]["buckets"]]
        if found.hits:
            yield _Candidate(bucket["key"], bucket["doc_count"], file_names, found.hits[0].source)


def _not_kept(store: Store, query: Query, candidate: _Candidate, filtered: _Filtered) -> Missing | None:
    """Returns the packets of a live capture whose files were deleted; None if no file was deleted."""
    if not filtered.kept:
        return None
    missing, last = 0, 0
    for first, end in filtered.numbers.runs():
        if first > last + 1:
            frames = Range("layers.frame.number", last, first, include_low=False, include_high=False)
            missing += store.search(And((query, Equals("capture_id", candidate.capture_id), frames)), size=0).total
        last = end
    return Missing(missing, f"their capture files were deleted: {filtered.kept.kept_from}") if missing else None
