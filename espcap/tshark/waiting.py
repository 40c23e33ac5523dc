"""Waits for input on pipes. `select.select` could not be used, because it takes no descriptors above 1,023."""

import select
from typing import Protocol


class HasDescriptor(Protocol):
    """A file, a pipe or a socket."""

    def fileno(self) -> int: ...


def readable(streams: list[int | HasDescriptor], seconds: float) -> list[int]:
    """Waits at most `seconds` until streams have data or have ended. Returns the descriptors of these streams."""
    poll = select.poll()
    for stream in streams:
        poll.register(stream, select.POLLIN)
    return [descriptor for descriptor, _ in poll.poll(seconds * 1000)]
