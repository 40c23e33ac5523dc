"""The progress bar and the messages above it, on standard error."""

import sys
import threading
from types import TracebackType

import click
from tqdm import tqdm

from espcap.base.text import printable

tqdm.set_lock(threading.RLock())  # the default lock is for several processes; on Python 3.14 it starts another process
_OF_TOTAL = "{percentage:3.0f}% |{bar}| {n_fmt}/{total_fmt} [{elapsed}, {remaining} left{postfix}]"


class Progress:
    """A bar of the bytes read, if it is `shown`, and messages above it."""

    def __init__(self, shown: bool) -> None:
        self._before = 0
        self._position = 0
        self._bar = tqdm(unit="B", unit_scale=True, disable=not shown, dynamic_ncols=True, leave=False)

    def expect(self, total: int) -> None:
        """Sets the size of all files, in bytes; 0 if it is not known, as with a live capture."""
        if total:
            self._bar.total = total
            self._bar.bar_format = _OF_TOTAL
            self._bar.refresh()

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()

    def update(self, position: int, packets: int) -> None:
        """Moves the bar. `position` is in bytes in the current file. A smaller one is in the next file."""
        if position < self._position:
            self._before += self._position
        self._position = position
        seconds = self._bar.format_dict["elapsed"] or 1e-9
        self._bar.set_postfix_str(f"{packets:,} packets, {packets / seconds:,.0f}/s", refresh=False)
        self._bar.update(self._before + position - self._bar.n)

    def count(self, packets: int) -> None:
        """Adds packets to a bar without bytes."""
        self._bar.unit = " packets"
        self._bar.update(packets)

    @staticmethod
    def message(text: str) -> None:
        """Prints a line above the bar. Control characters, such as in a server's message, are escaped."""
        with tqdm.external_write_mode(file=sys.stderr):
            click.echo(printable(text), err=True)

    @staticmethod
    def note(text: str) -> None:
        """Prints a line about something that needs no action."""
        Progress.message(f"Note: {text}")
