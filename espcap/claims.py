"""Who works on what, among all that store into one place: locks that the kernel takes back from a process that dies."""

import errno
import fcntl
import os
from pathlib import Path


class Claims:
    """Claims of this process on captures, each the lock of one byte in a file. Open the file once in a process."""

    def __init__(self, path: Path) -> None:
        """Raises OSError where the file can be neither opened nor made."""
        self._handle = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)

    def take(self, key: str) -> bool:
        """Claims the capture with this hexadecimal digest; False where another process has it."""
        try:
            fcntl.lockf(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _offset(key))
        except OSError as error:  # a file system without locks lets everybody have everything
            return error.errno not in (errno.EAGAIN, errno.EACCES)
        return True

    def release(self, key: str) -> None:
        """Lets others have the capture."""
        fcntl.lockf(self._handle, fcntl.LOCK_UN, 1, _offset(key))

    def close(self) -> None:
        """Releases all."""
        os.close(self._handle)


def _offset(key: str) -> int:
    return int(key[:14], 16)
