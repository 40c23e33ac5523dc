"""Starts espcap with the memory allocator jemalloc, if it is installed, for commands that write to a local index.

tantivy allocates and frees hundreds of small pieces of memory for each packet; glibc takes twice as long for that.
"""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress

from espcap.base.paths import is_local

LIBRARY = "libjemalloc.so.2"
"""jemalloc's file name, from the package libjemalloc2 of Debian and Ubuntu."""

_MARK = "ESPCAP_ALLOCATOR"


def find_library() -> str:
    """The path of jemalloc; empty if it is not installed."""
    folders = (f"/usr/lib/{os.uname().machine}-linux-gnu", "/usr/lib64", "/usr/lib")
    paths = (f"{folder}/{LIBRARY}" for folder in folders)
    return next((path for path in paths if os.path.exists(path)), "")


def names_local_index(arguments: Sequence[str]) -> bool:
    """Returns whether the command line or `ESPCAP_NODE` may name a local index as the node.

    A word such as `local` may also be the value of another option, so the answer can be true by mistake.
    """
    words = (*arguments, *os.environ.get("ESPCAP_NODE", "").splitlines())
    return is_local(word.removeprefix("--node=") for word in words)


def restart_with_jemalloc() -> None:
    """Replaces the running process by the same command with jemalloc, because jemalloc must be loaded at the start.

    Does nothing if jemalloc is not installed, if another library is preloaded, or if the process was already restarted.
    Call it before anything is read or opened.
    """
    library = find_library()
    if library and not (os.environ.get("LD_PRELOAD") or os.environ.pop(_MARK, "")):
        with suppress(OSError):  # the process continues with the usual allocator
            os.execve(sys.executable, sys.orig_argv, {**os.environ, "LD_PRELOAD": library, _MARK: library})
