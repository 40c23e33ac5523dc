"""Names the file with packets that is damaged or missing."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Raises ValueError if the file is damaged, and FileNotFoundError if it is missing, with its name."""
    try:
        yield
    except FileNotFoundError as error:
        raise FileNotFoundError(errno.ENOENT, "it is missing", str(path)) from error
    except (OSError, ValueError, pa.ArrowException) as error:
        if isinstance(error, OSError) and error.errno:  # the file system failed, not the content
            raise
        raise ValueError(f"{path.name} is damaged: {error}") from error
