"""Who works on what, among all that store into one place: locks that the kernel takes back from a process that dies."""

import contextlib
import errno
import fcntl
import os
import struct
from pathlib import Path


class Claims:
    """Claims of one run on captures, each the lock of one byte in a file.

    The kernel keeps the locks of one opening of the file apart from those of any other, in the same process or not.
    """

    def __init__(self, path: Path) -> None:
        """Raises OSError where the file can be neither opened nor made."""
        self._handle = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)

    def take(self, key: str) -> bool:
        """Claims the capture with this hexadecimal digest; False where another run has it."""
        try:
            self._lock(fcntl.F_WRLCK, key)
        except OSError as error:  # a file system without locks lets everybody have everything
            return error.errno not in (errno.EAGAIN, errno.EACCES)
        return True

    def release(self, key: str) -> None:
        """Lets others have the capture."""
        with contextlib.suppress(OSError):
            self._lock(fcntl.F_UNLCK, key)

    def close(self) -> None:
        """Releases all."""
        os.close(self._handle)

    def _lock(self, kind: int, key: str) -> None:
        lock = struct.pack("hhqqi4x", kind, os.SEEK_SET, _offset(key), 1, 0)
        fcntl.fcntl(self._handle, fcntl.F_OFD_SETLK, lock)


def _offset(key: str) -> int:
    return int(key[:14], 16)
