"""The memory of espcap's own process: jemalloc's, where it is installed, for what writes to a local index.

tantivy takes and returns hundreds of small pieces of memory for each packet; glibc takes twice as long for that.
"""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress

from espcap.base.paths import is_local

LIBRARY = "libjemalloc.so.2"
"""Of Debian's and Ubuntu's package libjemalloc2."""

_MARK = "ESPCAP_ALLOCATOR"


def find_library() -> str:
    """The path of jemalloc; empty where it is not installed."""
    folders = (f"/usr/lib/{os.uname().machine}-linux-gnu", "/usr/lib64", "/usr/lib")
    paths = (f"{folder}/{LIBRARY}" for folder in folders)
    return next((path for path in paths if os.path.exists(path)), "")


def names_local_index(arguments: Sequence[str]) -> bool:
    """Whether the command line, or the environment, may name a local index as the node."""
    words = (*arguments, *os.environ.get("ESPCAP_NODE", "").splitlines())
    return is_local(word.removeprefix("--node=") for word in words)


def begin_anew() -> None:
    """Starts the process's command once more in its place, with jemalloc: a process has it from its start or never.

    Returns where jemalloc is not installed, where something else is preloaded, and when it was done. Call it before
    anything is read or opened.
    """
    library = find_library()
    if library and not (os.environ.get("LD_PRELOAD") or os.environ.pop(_MARK, "")):
        with suppress(OSError):  # then it goes on as it is
            os.execve(sys.executable, sys.orig_argv, {**os.environ, "LD_PRELOAD": library, _MARK: library})
