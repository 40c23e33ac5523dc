"""The folders of the local index: one lock for all writers, and which error a failure is reported as."""

import errno
import fcntl
import os
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

import pyarrow as pa

from espcap.base.errors import StoreError
from espcap.stores import StoredDay
from espcap.stores.local import manifest
from espcap.stores.local.layout import SUFFIX
from espcap.stores.local.manifest import Manifest, read_manifest

_REMOVED = ".removed-"
"""Beginning of the name of a folder that is being removed."""
_EARLIER = "meta.json"
"""A file that an index of espcap 0.1 has."""
_LITTLE_ROOM = 32_000_000
"""Bytes; a file may need more."""


def exists(folder: Path) -> bool:
    """Returns whether the folder contains an index, of this version or of an earlier one."""
    return not folder.name.startswith(_REMOVED) and (manifest.exists(folder) or (folder / _EARLIER).exists())


def open_manifest(folder: Path) -> Manifest:
    """Reads the manifest of a day; an empty one if the day does not exist yet."""
    with failures(folder):
        if manifest.exists(folder):
            return read_manifest(folder)
        _check_version(folder)
        return Manifest()


def check_versions(folders: Iterable[Path]) -> None:
    """Raises StoreError if an earlier version of espcap made one of the days."""
    for folder in folders:
        with failures(folder):
            if not manifest.exists(folder):
                _check_version(folder)


def _check_version(folder: Path) -> None:
    if (folder / _EARLIER).exists():
        raise ValueError("an earlier version of espcap made it")


def require_writable(folder: Path) -> None:
    """Raises OSError if nothing can be written to the folder of the index, StoreError if its name is not UTF-8."""
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, "it cannot be written to", str(folder))
    try:
        str(folder).encode()
    except UnicodeEncodeError as error:  # Parquet cannot open such a name
        reason = f"the local index {folder} cannot be written: its name is not UTF-8"
        raise StoreError(reason, "choose a folder with another name: --node local:DIR") from error


def measure(folder: Path) -> StoredDay:
    """Returns what is committed to the index."""
    with failures(folder):
        found = read_manifest(folder) if manifest.exists(folder) else open_manifest(folder)
        loaded = (folder / manifest.NAME).stat().st_mtime
        packets, size = sum(entry.packets for entry in found.entries), sum(entry.bytes for entry in found.entries)
        return StoredDay(folder.name, packets, size, found.identity, loaded=loaded)


def state(folder: Path) -> tuple[str, int] | None:
    """Returns the index's identity and a number that grows with each commit; None if there is no index."""
    with failures(folder):
        if not manifest.exists(folder):
            return None
        found = read_manifest(folder)
        return found.identity, found.generation


def remove_index(folder: Path) -> None:
    """Removes the index, and what an interrupted removal has left. Call it only while you hold the lock."""
    with failures(folder):
        if folder.is_symlink():
            raise ValueError(f"{folder} is a link: remove the link and the folder that it names yourself")
        if exists(folder):
            folder.rename(folder.with_name(f"{_REMOVED}{uuid.uuid4().hex}"))  # disappears at once for all readers
        for rest in folder.parent.glob(f"{_REMOVED}*"):
            shutil.rmtree(rest)


class WriterLock:
    """The lock that a process must hold to write. The kernel releases it if the process dies."""

    def __init__(self, folder: Path, on_note: Callable[[str], None]) -> None:
        self._note = f"waiting until another espcap has written to the local index {folder}"
        self._on_note = on_note
        self._path = folder / ".lock"
        self._waiting = folder / ".waiting"
        """A file on which processes that wait for the lock hold a shared lock."""
        self._handle: int | None = None

    def acquire(self, note_after: float | None = None) -> bool:
        """Waits for the lock. Returns False if this process already holds it. Raises OSError.

        `on_note` is called, once, if that takes longer than `note_after` seconds; never if that is None.
        """
        if self._handle is not None:
            return False
        note = Timer(note_after or 0, self._on_note, [self._note])
        if note_after is not None:
            note.start()
        try:
            with locked(self._waiting, fcntl.LOCK_SH):
                self._handle = _lock(self._path, fcntl.LOCK_EX)
        finally:
            note.cancel()
        return True

    def is_held(self) -> bool:
        """Returns whether this process holds the lock."""
        return self._handle is not None

    def is_wanted(self) -> bool:
        """Returns whether other processes wait for the lock. Raises OSError."""
        try:
            with locked(self._waiting, fcntl.LOCK_EX | fcntl.LOCK_NB):
                return False
        except BlockingIOError:
            return True

    def release(self) -> None:
        """Releases the lock, if this process holds it."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def _lock(path: Path, operation: int) -> int:
    """Returns the descriptor of the opened and locked file. To close it releases the lock."""
    handle = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, operation)
    except BaseException:
        os.close(handle)
        raise
    return handle


@contextmanager
def locked(path: Path, operation: int) -> Iterator[None]:
    """Holds a lock on the file, which is created if it is missing. Raises OSError."""
    handle = _lock(path, operation)
    try:
        yield
    finally:
        os.close(handle)


@contextmanager
def failures(folder: Path) -> Iterator[None]:
    """Raises failures of the file system and damaged files as StoreError with the folder's name and a hint."""
    try:
        yield
    except OSError as error:
        raise _of_system(folder, error) from error
    except (ValueError, KeyError, pa.ArrowException) as error:
        raise _store_error(folder, str(error), None) from error


def _of_system(folder: Path, error: OSError) -> StoreError:
    path = Path(str(error.filename or ""))
    if isinstance(error, FileNotFoundError) and path.name.endswith(SUFFIX):
        return _store_error(path.parent, f"{path.name} is missing", None)
    return _store_error(folder, error.strerror or str(error), error.errno)


def _is_nearly_full(folder: Path) -> bool:
    try:
        return shutil.disk_usage(folder).free < _LITTLE_ROOM
    except OSError:
        return False


def _store_error(folder: Path, reason: str, code: int | None) -> StoreError:
    if code in (errno.ENOSPC, errno.EDQUOT) or "No space left" in reason or _is_nearly_full(folder):
        hint = "make room on the disk; then run the same command again: it stores the missing packets"
    elif code is not None or "ermission" in reason:
        hint = "choose a folder that you can write to: --node local:DIR"
    elif "a newer version" in reason:
        hint = "install that version, or choose another folder: --node local:DIR"
    elif "an earlier version" in reason:
        hint = f"remove the folders packets-* in {folder.parent}, and index the captures again, with --again"
    elif "another version" in reason:
        hint = f"remove {folder} and store its captures again"
    else:
        hint = f"if it is damaged, remove {folder} and store its captures again"
    return StoreError(f"the local index {folder} failed: {' '.join(reason.split())}", hint)
