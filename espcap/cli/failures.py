"""Turns failures of commands into one line on standard error and an exit code."""

import errno
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from espcap.base.errors import EspcapError, UsageError, with_hint

_DISK_FULL = frozenset([errno.ENOSPC, errno.EDQUOT, errno.EFBIG])


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
        if error.filename or error.errno not in _DISK_FULL:
            raise
        discard_standard_output()
        click.echo(f"Error: cannot print: {error.strerror} (make room, or print elsewhere)", err=True)
        sys.exit(1)
    except KeyboardInterrupt:  # only commands that need no clean-up let it pass
        sys.exit(128 + signal.SIGINT)


def discard_standard_output() -> None:
    """Sends the rest of standard output to /dev/null, if its reader has gone or its disk is full.

    Otherwise Python reports at exit that it could not flush it.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
