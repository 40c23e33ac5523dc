"""Turns failures of commands into one line on standard error and an exit code."""

import errno
import fcntl
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from espcap.base.errors import EspcapError, UsageError, with_hint

_DISK_FULL = frozenset([errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
_CLOSED = "standard output is closed", "leave out >&-, or write >/dev/null"


@contextmanager
def failures_reported() -> Iterator[None]:
    """Ends the process with one line and an exit code if its body fails for a reason that a user can act on."""
    try:
        yield
    except EspcapError as error:
        from espcap.base.text import printable

        click.echo(printable(f"Error: {with_hint(error.message, error.hint)}"), err=True)
        sys.exit(2 if isinstance(error, UsageError) else 1)
    except BrokenPipeError:
        discard_standard_output()
        sys.exit(128 + signal.SIGPIPE)  # without a message: `espcap … | head` is not a failure
    except OSError as error:
        if not (problem := _problem_of_output(error)):
            raise
        discard_standard_output()
        click.echo(f"Error: cannot print: {problem}", err=True)
        sys.exit(1)
    except KeyboardInterrupt:  # only commands that need no clean-up let it pass
        sys.exit(128 + signal.SIGINT)


def _problem_of_output(error: OSError) -> str:
    """Returns why standard output cannot be written to, and what to do; empty if the error has another cause."""
    if error.filename:
        return ""
    if error.errno in _DISK_FULL:
        return f"{error.strerror} (make room, or print elsewhere)"
    return with_hint(*_CLOSED) if error.errno == errno.EBADF and _is_output_closed() else ""


def require_standard_output() -> None:
    """Raises EspcapError if standard output is closed."""
    if _is_output_closed():
        raise EspcapError(f"cannot print: {_CLOSED[0]}", _CLOSED[1])


def _is_output_closed() -> bool:
    return fcntl.fcntl(1, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY


def open_standard_streams() -> None:
    """Opens standard streams that the caller has closed: standard output so that a write fails with EBADF.

    Otherwise files that are opened later would get their descriptors, and what is printed would go there.
    """
    for descriptor, flags in ((0, os.O_RDONLY), (1, os.O_RDONLY), (2, os.O_RDWR)):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, flags)
            os.set_inheritable(descriptor, True)
    sys.stdin = sys.stdin or open(0)  # noqa: SIM115 - it stays open
    sys.stdout = sys.stdout or open(1, "w")  # noqa: SIM115 - it stays open
    sys.stderr = sys.stderr or open(2, "w")  # noqa: SIM115 - it stays open


def discard_standard_output() -> None:
    """Sends the rest of standard output to /dev/null, if its reader has gone or its disk is full.

    Otherwise Python reports at exit that it could not flush it.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
