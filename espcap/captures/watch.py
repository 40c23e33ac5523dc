"""Watches directories and yields each capture below them when no program writes to it any more."""

import fcntl
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence

from espcap.base.errors import EspcapError
from espcap.captures.sources import CaptureFile, Stamp, may_be_capture, not_a_capture, walk

SCAN_SECONDS = 1.0
"""Shortest pause between two scans of the directories. After a slow scan the pause is ten times the scan's duration."""
_STEP_SECONDS = 0.2


def watch(
    folders: Sequence[str],
    settle_seconds: float,
    is_ended: Callable[[], bool],
    is_known: Callable[[CaptureFile], bool] = lambda file: False,
) -> Iterator[CaptureFile | EspcapError | None]:
    """Yields captures when they have settled, and None after each scan, until `is_ended` returns True.

    A file has settled if it did not change for `settle_seconds` and no process has it open for writing, as far as the
    kernel reports that. A new file for which `is_known` returns True counts as settled. A file that changes afterwards
    is yielded again, as another capture. Files that are not captures, and folders that cannot be read, are yielded as
    errors, each once.
    """
    # The kernel sends SIGIO if another process opens a file while `is_written_to` tests it.
    signal.signal(signal.SIGIO, signal.SIG_IGN)
    settling = Settling(folders, settle_seconds, is_known)
    while not is_ended():
        began = time.monotonic()
        for source in settling.look(began):
            yield source
            if is_ended():
                return
        yield None
        wait_until = time.monotonic() + max(SCAN_SECONDS, 10 * (time.monotonic() - began))
        while not is_ended() and time.monotonic() < wait_until:
            time.sleep(_STEP_SECONDS)


class Settling:
    """The state of the files below some directories between two scans."""

    def __init__(self, folders: Sequence[str], settle_seconds: float, is_known: Callable[[CaptureFile], bool]) -> None:
        self._folders = folders
        self._settle_seconds = settle_seconds
        self._is_known = is_known
        self._taken: dict[str, Stamp] = {}
        self._waiting: dict[str, tuple[Stamp, float]] = {}
        self._reported: set[str] = set()

    def look(self, now: float) -> Iterator[CaptureFile | EspcapError]:
        """Scans once; yields the captures that have settled since the last scan, and new errors.

        `now` is monotonic time in seconds.
        """
        taken, waiting = self._taken, self._waiting
        self._taken, self._waiting = {}, {}
        for found in self._files():
            if isinstance(found, EspcapError):
                if found.message not in self._reported:
                    self._reported.add(found.message)
                    yield found
                continue
            stamp, path = found.stamp, found.path
            if stamp is None or found.size == 0:
                continue
            before, since = waiting.get(path, (None, now))
            if taken.get(path) == stamp:
                self._taken[path] = stamp
            elif self._has_settled(found, before, now - since):
                self._taken[path] = stamp
                yield found if may_be_capture(path) else not_a_capture(path)
            else:
                self._waiting[path] = (stamp, since if before == stamp else now)

    def _files(self) -> Iterator[CaptureFile | EspcapError]:
        for folder in self._folders:
            try:
                yield from walk(folder, is_known=lambda file: True)  # files are judged only after they have settled
            except EspcapError as error:
                yield error

    def _has_settled(self, file: CaptureFile, before: Stamp | None, seconds: float) -> bool:
        if before is None and self._is_known(file):
            return True
        return before == file.stamp and seconds >= self._settle_seconds and not is_written_to(file.path)


def is_written_to(path: str) -> bool:
    """Returns whether a process has the file open for writing; False if the kernel does not report it.

    The kernel denies a read lease (see fcntl(2)) on such a file. Only the owner of the file and root can ask for a
    lease, and only on file systems that support leases.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(handle)
    return False
