"""The folder of one run in the spool: the run's identifier, its segments, and the numbers of their first packets.

A run locks its folder as long as espcap or its dumpcap lives. The kernel releases the lock when they end, however they
end: if a folder can be locked, its run has ended. (Process identifiers would not do: they are used again, and two
containers that share a folder do not see each other's processes.)
"""

import contextlib
import fcntl
import json
import os
import re
import shutil
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from espcap.base.errors import EspcapError
from espcap.base.text import printable
from espcap.live.spool import SEGMENTS

NUMBERS = 100_000
"""dumpcap numbers its files from 0 to 99,999, and then begins again."""

CAPTURED, HELD = "packets", "held"
"""Starts of the names of a segment: of the name that dumpcap gives, and of a second one during dissection."""
_NAME = re.compile(rf"({CAPTURED}|{HELD})_(\d{{5}})_\d+\.pcapng")
_LINE = 26
_SLOTS = 4 * SEGMENTS
_PATIENCE = 2.0  # seconds that a dumpcap may take to end after its espcap


class RunFolder:
    """The folder of one run in the spool, locked by this process."""

    def __init__(self, path: Path, lock: int) -> None:
        """`lock` is the open and locked file `run.json`. Raises OSError or ValueError if it is not valid."""
        self.path = path
        self.lock = lock
        about = json.loads(os.pread(lock, 4096, 0))
        self.run: str = about["run"]
        self.hostname: str = about["hostname"]
        self._numbers = os.open(path / "numbers", os.O_RDWR | os.O_CREAT, 0o600)

    def segments(self) -> dict[int, list[Path]]:
        """Returns the files of each segment, by dumpcap's number: two names if it is being dissected.

        Empty if somebody has deleted the folder.
        """
        found: dict[int, list[Path]] = {}
        names: list[str] = []
        with contextlib.suppress(FileNotFoundError):
            names = sorted(os.listdir(self.path))
        for name in names:
            if match := _NAME.fullmatch(name):
                found.setdefault(int(match[2]), []).append(self.path / name)
        return found

    def size(self) -> int:
        """Returns the size of all segments in bytes."""
        size = 0
        for paths in self.segments().values():
            with contextlib.suppress(FileNotFoundError):
                size += paths[0].stat().st_size
        return size

    def write_number(self, segment: int, packets: int) -> None:
        """Writes how many packets of the run come before a segment. Overwrites in place, which works on a full disk."""
        self._write_line(1 + segment % _SLOTS, f"{segment:010} {packets:014}\n")

    def write_dropped(self, packets: int) -> None:
        """Writes the number of packets that the spool has dropped and that are not in a report yet."""
        self._write_line(0, f"{0:010} {packets:014}\n")

    def reserve(self) -> None:
        """Allocates disk space for all lines. Raises OSError if the disk is full."""
        os.pwrite(self._numbers, b" " * (_LINE * (_SLOTS + 1)), 0)
        self.write_number(1, 0)

    def _write_line(self, slot: int, line: str) -> None:
        os.pwrite(self._numbers, line.encode(), slot * _LINE)

    def read_numbers(self) -> tuple[dict[int, int], int]:
        """Returns the numbers written: the packets before each segment, by its number, and the dropped packets."""
        lines = os.pread(self._numbers, _LINE * (_SLOTS + 1), 0).decode("ascii", "replace")
        pairs = re.findall(r"(\d{10}) (\d{14})\n", lines)
        numbers = {int(segment): int(packets) for segment, packets in pairs}
        return numbers, numbers.pop(0, 0)

    def close(self, remove: bool) -> None:
        """Releases the folder, and deletes it if `remove`. No other run can open it before it is deleted."""
        with contextlib.suppress(FileNotFoundError):
            if remove:
                with _locked(self.path.parent):
                    shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._numbers)
        os.close(self.lock)


def create(spool: Path, hostname: str) -> RunFolder:
    """Creates the folder of a new run and locks it. Raises EspcapError if the spool cannot be written."""
    run = uuid.uuid4().hex
    path = spool / run
    try:
        spool.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(spool):
            path.mkdir(mode=0o700)
            lock = os.open(path / "run.json", os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX)
            about = {"run": run, "hostname": hostname, "process": os.getpid(), "started": time.time()}
            os.write(lock, json.dumps(about).encode())
        folder = RunFolder(path, lock)
        folder.reserve()
    except OSError as error:
        raise EspcapError(
            f"cannot write the spool {printable(str(spool))}: {error.strerror}", "name another folder with --spool"
        ) from error
    return folder


def left_over(spool: Path) -> Iterator[RunFolder]:
    """Yields the folders of runs that have ended and left packets, the oldest first. Each one is locked.

    Folders that another espcap locks or deletes at the same time are skipped. Other files in the spool are not touched.
    """
    for path in _runs(spool):
        folder = None
        with contextlib.suppress(FileNotFoundError), _locked(spool):
            folder = _open_dead(path)
        if folder:
            yield folder


def _runs(spool: Path) -> list[Path]:
    found: list[tuple[float, Path]] = []
    with contextlib.suppress(FileNotFoundError):
        for path in spool.iterdir():
            with contextlib.suppress(FileNotFoundError):
                if re.fullmatch(r"[0-9a-f]{32}", path.name):
                    found.append((path.stat().st_mtime, path))
    return [path for _, path in sorted(found)]


def _open_dead(path: Path) -> RunFolder | None:
    """Locks and returns the folder of a run; None if the run is alive, or if no packets are left in the folder."""
    lock = -1
    try:
        lock = os.open(path / "run.json", os.O_RDWR)
        _lock_dead(lock)
        return RunFolder(path, lock)
    except FileNotFoundError:  # killed before run.json was made or after it was deleted, or being deleted now
        if path.exists() and not set(os.listdir(path)) - {"numbers"}:
            shutil.rmtree(path, ignore_errors=True)
    except ValueError:  # killed while run.json was written, before dumpcap was started
        shutil.rmtree(path, ignore_errors=True)
    except OSError:
        pass
    if lock >= 0:
        os.close(lock)
    return None


def _lock_dead(lock: int) -> None:
    """Locks the folder of a run that has ended. Raises BlockingIOError if the run is alive."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            process = json.loads(os.pread(lock, 4096, 0))["process"]
            if os.path.exists(f"/proc/{process}") or time.monotonic() > deadline:
                raise
            time.sleep(0.05)


@contextlib.contextmanager
def _locked(spool: Path) -> Iterator[None]:
    """Locks the spool while a folder in it is made or deleted, so that other espcaps do not open that folder."""
    descriptor = os.open(spool, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
