"""Locks on captures, so that of several runs into one store only one reads a capture.

The kernel releases the locks of a process that dies.
"""

import contextlib
import errno
import fcntl
import os
import struct
from pathlib import Path


class Claims:
    """The claims of one run on captures. Each claim is a lock of one byte in a file.

    The locks belong to this opening of the file, so that two runs in the same process exclude each other as well.
    """

    def __init__(self, path: Path) -> None:
        """Opens the file, and creates it if it is missing. Raises OSError."""
        self._handle = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)

    def take(self, key: str) -> bool:
        """Claims the capture with this hexadecimal digest. Returns False if another run has claimed it."""
        try:
            self._lock(fcntl.F_WRLCK, key)
        except OSError as error:  # on a file system without locks, every claim succeeds
            return error.errno not in (errno.EAGAIN, errno.EACCES)
        return True

    def release(self, key: str) -> None:
        """Releases the claim on a capture."""
        with contextlib.suppress(OSError):
            self._lock(fcntl.F_UNLCK, key)

    def close(self) -> None:
        """Releases all claims."""
        os.close(self._handle)

    def _lock(self, kind: int, key: str) -> None:
        lock = struct.pack("hhqqi4x", kind, os.SEEK_SET, _offset(key), 1, 0)
        fcntl.fcntl(self._handle, fcntl.F_OFD_SETLK, lock)


def _offset(key: str) -> int:
    return int(key[:14], 16)
