"""Keeps segments of live captures as files, and deletes the oldest files of all captures to stay within the limits."""

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from espcap.base.errors import EspcapError
from espcap.base.text import printable
from espcap.captures.kept import CAPTURES, kept_name, run_of
from espcap.live.folder import RunFolder
from espcap.live.spool import SEGMENTS, Keeping, SpoolSettings

_CHECK_SECONDS = 10.0
"""Longest pause, in seconds, between checks of the files' ages and of the free disk space."""


@dataclass(frozen=True)
class _File:
    path: Path
    size: int
    modified: float
    """When its last packet was written, in seconds since 1970."""


class Keeper:
    """The kept files of a spool, while a capture runs. Use it as a context manager.

    A segment is linked into the folder of kept files when its dissection begins, so that its packets can be shown as
    soon as they are found. It counts toward the limits, and may be deleted, after it has left the spool.
    """

    def __init__(
        self, spool: SpoolSettings, keeping: Keeping, ring: RunFolder, on_failure: Callable[[str], None]
    ) -> None:
        """`on_failure` is called once with the reason if packets cannot be kept later on.

        Raises EspcapError if the folder of kept files cannot be used.
        """
        self._spool = spool
        self._keeping = keeping
        self._ring = ring
        self._folder = spool.folder / CAPTURES
        self._on_failure = on_failure
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._has_failed = False
        self._prepare()
        self.segment_size = spool.segment_size(sum(file.size for file in self._stored()))
        """Size of a segment in kilobytes (1,000 bytes)."""
        self._watch = threading.Thread(target=self._enforce_regularly, daemon=True)

    def __enter__(self) -> "Keeper":
        self.enforce()
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._watch.join()
        self.enforce()

    def keep(self, run: str, segment: Path, before: int, place: int) -> None:
        """Links a segment into the folder of kept files.

        `before` is the number of the run's packets before it, `place` the number of the segment.
        """
        try:
            with suppress(FileExistsError):  # an earlier run was killed before the segment was stored
                os.link(segment, self._folder / kept_name(run, before, place))
        except OSError as error:
            self._fail(error)

    def release(self, run: str, before: int, place: int, packets: int) -> None:
        """Call it when a segment has left the spool. Deletes the file if it has no packets, and others as needed."""
        if not packets:
            (self._folder / kept_name(run, before, place)).unlink(missing_ok=True)
        self.enforce()

    def enforce(self) -> None:
        """Deletes the oldest files until the rest is within the limits and leaves disk space for the whole spool."""
        with self._lock:
            try:
                self._enforce()
            except OSError as error:
                self._fail(error)

    def _enforce(self) -> None:
        files = self._stored()
        total, short = sum(file.size for file in files), self._short()
        oldest = time.time() - self._keeping.seconds if self._keeping.seconds else 0
        for file in files:
            if total <= self._keeping.size and file.modified >= oldest and short <= 0:
                break
            try:
                file.path.unlink(missing_ok=True)
            except OSError as error:
                self._fail(error, "old captures cannot be deleted from")
                break
            total, short = total - file.size, short - file.size

    def _short(self) -> int:
        """Returns the bytes of disk space that a full spool would still need; negative if there is enough."""
        status = os.statvfs(self._spool.folder)
        return self.segment_size * 1000 * SEGMENTS - self._ring.size() - status.f_bavail * status.f_frsize

    def _stored(self) -> list[_File]:
        """Returns the kept files that are not in a spool any more, the oldest first."""
        found = []
        for entry in os.scandir(self._folder):
            with suppress(FileNotFoundError):  # another espcap has deleted it
                status = entry.stat(follow_symlinks=False)
                run = run_of(entry.name)
                if run and not (status.st_nlink > 1 and (self._spool.folder / run).is_dir()):
                    found.append(_File(Path(entry.path), status.st_size, status.st_mtime))
        return sorted(found, key=lambda file: (file.modified, file.path.name))

    def _prepare(self) -> None:
        """Makes the folder, and tries to make a hard link there. Raises EspcapError."""
        trial = self._folder / "trial"  # the same name in all runs, so that killed runs leave at most one
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            trial.unlink(missing_ok=True)
            with suppress(FileExistsError):  # another espcap tries it at the same time
                os.link(self._ring.path / "run.json", trial)
            trial.unlink(missing_ok=True)
        except OSError as error:
            name = printable(str(self._folder))
            hint = "name another folder with --spool, on a file system with hard links"
            raise EspcapError(f"cannot keep captures in {name}: {error.strerror}", hint) from error

    def _enforce_regularly(self) -> None:
        while not self._ended.wait(min(_CHECK_SECONDS, self._keeping.seconds / 20 or _CHECK_SECONDS)):
            self.enforce()

    def _fail(self, error: OSError, message: str = "packets are not kept in") -> None:
        if not self._has_failed:
            self._has_failed = True
            self._on_failure(f"{message} {printable(str(self._folder))}: {error.strerror}")
