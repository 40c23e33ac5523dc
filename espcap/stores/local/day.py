"""One day that is open for writing: the frames that it has of each capture, and documents that wait for a commit."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from espcap.base.frames import FrameSet
from espcap.documents.columns import FRAME, PacketColumns
from espcap.documents.packets import Document
from espcap.sinks import Outcome
from espcap.stores.local.batch import joined, table_of
from espcap.stores.local.collector import Collector
from espcap.stores.local.files import failures, open_manifest
from espcap.stores.local.folders import check_list
from espcap.stores.local.frames import contained
from espcap.stores.local.kinds import RecordedKinds
from espcap.stores.local.layout import CAPTURE, LARGEST_SEGMENT, MOST_PATHS, paths_of
from espcap.stores.local.manifest import Entry, Run, StoredFrames, check_files, exists, remove_unlisted, write_manifest
from espcap.stores.local.merging import Merger
from espcap.stores.local.segment import read_table
from espcap.stores.local.segment_writer import SETTINGS, runs_of, write_segment


@dataclass
class StoredCapture:
    """The frames that a day has of a capture: those with the same settings as the documents that come, and others."""

    settings: str
    same: FrameSet
    others: FrameSet
    replaced: list[int] = field(default_factory=list)
    """Of the others, those that were stored with the new settings since the last commit."""


class OpenDay:
    """A day that is written to. Only the process that holds the lock may use it."""

    def __init__(self, folder: Path, kinds: RecordedKinds, merger: Merger | None = None) -> None:
        check_list(folder)
        self.folder = folder
        self._kinds = kinds
        self._merger = merger or Merger(folder)
        self._manifest = open_manifest(folder)
        self._collector = Collector(kinds.kind)
        self._tables: list[pa.Table] = []
        self._waiting = 0
        self._written: list[Entry] = []
        self._removed: list[str] = []
        self._captures: dict[str, StoredCapture] = {}
        self._uncommitted: set[str] = set()
        self.not_durable = Outcome()
        """The outcome of the documents that are not committed."""
        with failures(folder):
            folder.mkdir(mode=0o700, exist_ok=True)
            check_files(folder, self._manifest)
            remove_unlisted(folder, self._manifest)

    @property
    def state(self) -> tuple[str, int]:
        """The identity and the generation of the manifest that this day is based on."""
        return self._manifest.identity, self._manifest.generation

    def stored(self, capture: str, settings: str) -> StoredCapture:
        """Returns the frames of a capture."""
        stored = self._captures.get(capture)
        if stored is None or stored.settings != settings:
            if stored:  # the same capture comes with other settings: its frames must be in files
                self.commit()
            stored = self._captures[capture] = self._read_stored(capture, settings)
        return stored

    def _read_stored(self, capture: str, settings: str) -> StoredCapture:
        stored = StoredCapture(settings, FrameSet(), FrameSet())
        for entry in self._manifest.entries:
            for found in entry.frames:
                if found.capture == capture:
                    frames = stored.same if not settings or found.settings == settings else stored.others
                    for first, last in self._runs(entry, found):
                        frames.add_run(first, last)
        return stored

    def _runs(self, entry: Entry, found: StoredFrames) -> Iterable[Run]:
        if found.runs is not None:
            return found.runs
        table = read_table(self.folder, entry.name, [CAPTURE, FRAME, SETTINGS])
        frames = table.filter(_made_with(table, found.capture, found.settings)).column(FRAME).to_numpy()
        return runs_of(np.sort(frames))

    def add(self, document: Document, capture: str, frame: int, replaces: bool) -> None:
        """Adds a document. Raises ValueError if its parts are not those of a document."""
        self._collector.add(document.source, capture, frame)
        self._uncommitted.add(document.id)
        self.not_durable.stored += not replaces
        self.not_durable.replaced += replaces
        if self._collector.length >= LARGEST_SEGMENT:
            self._write()

    def add_columns(self, packets: PacketColumns) -> Outcome:
        """Adds the packets that the day does not have, and returns what becomes of each."""
        stored = self.stored(packets.capture_id, packets.settings_id)
        is_new = ~contained(stored.same, packets.frames)
        wanted = packets if is_new.all() else packets.only(is_new)
        replaced = wanted.frames[contained(stored.others, wanted.frames)].tolist()
        count = len(wanted.frames)
        outcome = Outcome(count - len(replaced), len(packets.frames) - count, replaced=len(replaced))
        if count:
            self._tables.append(table_of(self._kinds.fitted(wanted.columns, count), count))
            self._waiting += count
            for first, last in runs_of(wanted.frames):
                stored.same.add_run(first, last)
            stored.replaced += replaced
        self.not_durable.add(outcome)
        if self._waiting >= LARGEST_SEGMENT:
            self._write()
        return outcome

    def found(self, identifier: str) -> None:
        """Notes that a document came that is stored already."""
        self.not_durable.already_there += identifier in self._uncommitted

    def forget(self, captures: Sequence[str], keep: str) -> int:
        """Deletes documents of captures, except those with the settings `keep`. Returns the number of documents."""
        forgotten = self._rewrite_without([_Unwanted(capture, keep) for capture in captures])
        self._captures.clear()
        return forgotten

    def commit(self) -> None:
        """Makes all that was added, and all that was deleted, durable and readable at the same moment."""
        self._write()
        self._rewrite_without(
            [
                _Unwanted(capture, stored.settings, pa.array(stored.replaced))
                for capture, stored in self._captures.items()
                if stored.replaced
            ]
        )
        self._take_merged()
        if self._written or self._removed:
            self._kinds.save()
            self._replace_manifest()
        self._merger.start(self._manifest.entries)
        self._uncommitted, self.not_durable = set(), Outcome()

    def _replace_manifest(self) -> None:
        changed = self._manifest.changed(self._written, self._removed)
        write_manifest(self.folder, changed)
        self._manifest = changed
        for stored in self._captures.values():
            stored.replaced.clear()
        for name in self._removed:
            (self.folder / name).unlink(missing_ok=True)
        self._written, self._removed = [], []

    def _write(self) -> None:
        if self._collector.length:
            self._tables.append(table_of(self._collector.columns(), self._collector.length))
            self._collector = Collector(self._kinds.kind)
        if self._tables and not exists(self.folder):  # packets without a list then always mean that it was lost
            write_manifest(self.folder, self._manifest)
        while self._tables:
            whole = joined(_take_similar(self._tables))
            for start in range(0, len(whole), LARGEST_SEGMENT):
                self._written.append(write_segment(self.folder, whole.slice(start, LARGEST_SEGMENT)))
        self._waiting = 0

    def _take_merged(self) -> None:
        """Lets a merged file replace those that it was made of, unless they have changed since."""
        if not (merged := self._merger.take()):
            return
        listed = {entry.name for entry in self._manifest.entries} - set(self._removed)
        if can_replace := merged.can_replace(listed):
            self._written.append(merged.entry)
            self._removed += merged.names
        merged.close(remove=not can_replace)

    def _rewrite_without(self, unwanted: "list[_Unwanted]") -> int:
        """Writes the committed files that have unwanted packets again, without them. Returns how many these are."""
        total = 0
        for entry in self._manifest.entries:
            concerned = [each for each in unwanted if each.concerns(entry)]
            if concerned:
                total += self._rewrite(entry, concerned)
        return total

    def _rewrite(self, entry: Entry, unwanted: "list[_Unwanted]") -> int:
        table = read_table(self.folder, entry.name)
        kept = table
        for each in unwanted:
            kept = kept.filter(pc.invert(each.mask(kept)))
        if len(kept) < len(table):
            self._removed.append(entry.name)
            if len(kept):
                self._written.append(write_segment(self.folder, kept))
        return len(table) - len(kept)


def _take_similar(tables: list[pa.Table]) -> list[pa.Table]:
    """Removes the first tables from the list, as many as together have at most MOST_PATHS paths, and returns them."""
    paths = paths_of(tables[0])
    count = 1
    while count < len(tables) and len(paths := paths | paths_of(tables[count])) <= MOST_PATHS:
        count += 1
    taken, tables[:] = tables[:count], tables[count:]
    return taken


@dataclass(frozen=True)
class _Unwanted:
    """Packets of a capture that were made with other settings than `keep`; all of the capture if that is empty."""

    capture: str
    keep: str
    frames: pa.Array | None = None
    """Only these frames; None for all."""

    def concerns(self, entry: Entry) -> bool:
        """Returns whether a file can have such packets."""
        return any(
            each.capture == self.capture and (not self.keep or each.settings != self.keep) for each in entry.frames
        )

    def mask(self, table: pa.Table) -> pa.ChunkedArray:
        """Returns for each packet of a table whether it is unwanted."""
        found = _of_capture(table, self.capture)
        if self.keep:
            found = pc.and_(found, pc.not_equal(_settings(table), self.keep))
        return found if self.frames is None else pc.and_(found, pc.is_in(table.column(FRAME), self.frames))


def _of_capture(table: pa.Table, capture: str) -> pa.ChunkedArray:
    return pc.equal(table.column(CAPTURE).cast(pa.string()), capture)


def _settings(table: pa.Table) -> pa.ChunkedArray:
    if SETTINGS not in table.column_names:
        return pa.chunked_array([pa.array([""] * len(table))])
    return pc.fill_null(table.column(SETTINGS).cast(pa.string()), "")


def _made_with(table: pa.Table, capture: str, settings: str) -> pa.ChunkedArray:
    return pc.and_(_of_capture(table, capture), pc.equal(_settings(table), settings))
