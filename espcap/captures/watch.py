"""Follows directories: yields each capture below them once nobody writes to it any more."""

import fcntl
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence

from espcap.base.errors import EspcapError
from espcap.captures.sources import CaptureFile, Stamp, may_be_capture, not_a_capture, walk

SCAN_SECONDS = 1.0
"""Between two looks at the directories; ten times as long as a look takes where that is more."""
_STEP_SECONDS = 0.2


def watch(
    folders: Sequence[str],
    settle_seconds: float,
    is_ended: Callable[[], bool],
    is_known: Callable[[CaptureFile], bool] = lambda file: False,
) -> Iterator[CaptureFile | EspcapError | None]:
    """Captures as they settle, and None after each look, until `is_ended`.

    A file has settled when it was the same for so many seconds and no process has it open for writing, as far as
    the kernel tells. One that `is_known` has settled. A file that changes afterwards is another capture.
    """
    signal.signal(signal.SIGIO, signal.SIG_IGN)  # somebody opens a file at the moment that `is_written_to` looks
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
    """The files of some directories from one look to the next."""

    def __init__(self, folders: Sequence[str], settle_seconds: float, is_known: Callable[[CaptureFile], bool]) -> None:
        self._folders = folders
        self._settle_seconds = settle_seconds
        self._is_known = is_known
        self._taken: dict[str, Stamp] = {}
        self._waiting: dict[str, tuple[Stamp, float]] = {}
        self._told: set[str] = set()

    def look(self, now: float) -> Iterator[CaptureFile | EspcapError]:
        """What has settled since the last look, each once, and failures, each once; `now` is monotonic, in seconds."""
        taken, waiting = self._taken, self._waiting
        self._taken, self._waiting = {}, {}
        for found in self._files():
            if isinstance(found, EspcapError):
                if found.message not in self._told:
                    self._told.add(found.message)
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
                yield from walk(folder, is_known=lambda file: True)  # what is no capture is told when it has settled
            except EspcapError as error:
                yield error

    def _has_settled(self, file: CaptureFile, before: Stamp | None, seconds: float) -> bool:
        if before is None and self._is_known(file):
            return True
        return before == file.stamp and seconds >= self._settle_seconds and not is_written_to(file.path)


def is_written_to(path: str) -> bool:
    """Whether a process has the file open for writing. False also where the kernel does not tell.

    It refuses a lease for reading then. It tells the owner of a file and root, on file systems that have leases.
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
