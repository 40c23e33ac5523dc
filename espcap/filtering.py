"""Display filters that documents cannot answer: tshark filters the captures of the packets that can pass."""

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from espcap.errors import EspcapError, UsageError, with_hint
from espcap.extraction import Missing
from espcap.frames import FrameSet
from espcap.originals import Originals, capture_gone
from espcap.query import And, Equals, Frames, Query
from espcap.sources import printable
from espcap.stores import Store
from espcap.tshark.arguments import Settings
from espcap.tshark.filtering import filter_file
from espcap.tshark.output import Output, whole_lines
from espcap.tshark.program import Program, User

MOST_CAPTURES = 10_000
MOST_FRAMES = 1_000_000
"""Frames that a store is asked for in one query."""
_STALL_SECONDS = 60.0


@dataclass(frozen=True)
class _Candidate:
    """A capture with packets that can pass."""

    capture_id: str
    packets: int
    names: list[str]
    document: dict[str, Any]
    """One of its documents."""


@dataclass
class Filtering:
    """Filters captures. `settings` has the display filter, and what tshark dissects them with."""

    program: Program
    user: User | None
    settings: Settings
    originals: Originals
    on_missing: Callable[[Missing], None]
    """Told of packets that could not be looked at, capture by capture."""
    on_progress: Callable[[int, int], None] = lambda position, packets: None
    """Told the bytes read of all captures, and the packets found, again and again and by several threads."""
    _outputs: set[Output] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _position: int = 0
    _packets: int = 0
    _is_ended: bool = False

    def passing(self, store: Store, query: Query) -> Query:
        """The packets that pass, of the captures that have some of the query's. Raises UsageError for too many."""
        candidates = list(_candidates(store, query))
        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            try:
                return Frames(tuple(self._found(candidates, pool)))
            except BaseException:
                self._end()
                raise

    def _found(self, candidates: list[_Candidate], pool: ThreadPoolExecutor) -> Iterator[tuple[str, FrameSet]]:
        for candidate, (frames, missing) in zip(candidates, pool.map(self._filter, candidates), strict=True):
            if missing:
                self.on_missing(missing)
            if frames:
                yield candidate.capture_id, frames
            if self._packets > MOST_FRAMES:
                message = f"the filter passes more than {MOST_FRAMES:,} packets, and so many cannot be looked up"
                raise UsageError(message, "narrow it down, or print them: espcap --file FILE -Y FILTER")

    def _filter(self, candidate: _Candidate) -> tuple[FrameSet, Missing | None]:
        frames = FrameSet()
        try:
            if gone := capture_gone(candidate.document):
                raise gone
            capture, file = self.originals.open(candidate.capture_id, candidate.names)
            with file, filter_file(self.program, self.settings, file, self.user, _STALL_SECONDS) as output:
                self._read(output, frames)
                ended = output.finish()
            if output.stalled or ended.status < 0:
                reason = "tshark hangs" if output.stalled else f"tshark was {ended.message}"
                raise EspcapError(f"{printable(capture.name)}: {reason} at one of its packets")
        except EspcapError as error:
            return frames, Missing(candidate.packets, with_hint(error.message, error.hint))
        return frames, None

    def _read(self, output: Output, frames: FrameSet) -> None:
        with self._lock:
            self._outputs.add(output)
            if self._is_ended:
                output.interrupt()
        position = 0
        for lines in whole_lines(output.blocks()):
            for line in lines or ():
                frames.add(int(line))
            self._tell(output.position - position, len(lines or ()))
            position = output.position
        with self._lock:
            self._outputs.remove(output)

    def _tell(self, bytes_read: int, packets: int) -> None:
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
        raise UsageError(f"the packets are of {MOST_CAPTURES:,} captures or more", "narrow the query")
    names = {"names": {"terms": {"field": "file_name", "size": 100}}}
    for bucket in buckets:
        found = store.search(And((query, Equals("capture_id", bucket["key"]))), size=1, aggregations=names)
        called = [name["key"] for name in found.aggregations["names"]["buckets"]]
        if found.hits:
            yield _Candidate(bucket["key"], bucket["doc_count"], called, found.hits[0].source)
