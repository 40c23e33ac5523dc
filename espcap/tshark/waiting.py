"""Waits for pipes, whatever their descriptors' numbers are: `select.select` takes none above 1,023."""

import select
from typing import Protocol


class HasDescriptor(Protocol):
    """A file, a pipe or a socket."""

    def fileno(self) -> int: ...


def readable(streams: list[int | HasDescriptor], seconds: float) -> list[int]:
    """Descriptors of those that have something to read, or an end, within so many seconds; may be empty."""
    poll = select.poll()
    for stream in streams:
        poll.register(stream, select.POLLIN)
    return [descriptor for descriptor, _ in poll.poll(seconds * 1000)]
