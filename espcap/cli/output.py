"""The file that a command writes with -w: it appears only when it is complete."""

import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import BinaryIO

from espcap.base.errors import EspcapError, UsageError
from espcap.base.text import printable
from espcap.cli.failures import discard_standard_output, require_standard_output


def require_new(name: str, force: bool) -> None:
    """Raises UsageError if the file exists and must not be overwritten."""
    if os.path.isfile(name) and not force:
        raise UsageError(f"{printable(name)} exists", "name another file with -w, or overwrite it with --force")


@dataclass
class Output:
    """The file that a command writes, and the number of packets in it."""

    file: BinaryIO
    packets: int = 0
    is_left_out: bool = False
    """Whether the file is not made if it would have no packets."""


@contextmanager
def opened(name: str) -> Iterator[Output]:
    """Opens the output. A regular file is replaced only when all packets are written."""
    try:
        if name == "-":
            require_standard_output()
            yield Output(sys.stdout.buffer)
            sys.stdout.buffer.flush()
        elif os.path.exists(name) and not os.path.isfile(name):
            with open(name, "wb") as file:
                yield Output(file)
        else:
            with _ended_by_sigterm():
                yield from _replaced(os.path.realpath(name))
    except BrokenPipeError:
        raise
    except OSError as error:
        if name == "-":
            discard_standard_output()
        raise EspcapError(
            f"cannot write {printable(name)}: {error.strerror}", "make room or name another -w"
        ) from error


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Lets SIGTERM end the command as an exception does, so that the unfinished file is removed."""

    def end(number: int, _: FrameType | None) -> None:
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _replaced(path: str) -> Iterator[Output]:
    descriptor, unfinished = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".espcap-")
    try:
        with open(descriptor, "wb") as file:
            output = Output(file, is_left_out=True)
            yield output
        if output.packets:
            os.replace(unfinished, path)
        else:
            os.unlink(unfinished)
    except BaseException:
        os.unlink(unfinished)
        raise
