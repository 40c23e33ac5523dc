"""The progress bar and the messages above it, on standard error."""

import sys
import threading
from types import TracebackType

import click
from tqdm import tqdm

from espcap.base.text import printable

tqdm.set_lock(threading.RLock())  # its own is for several processes, and has Python 3.14 start one more
_OF_TOTAL = "{percentage:3.0f}% |{bar}| {n_fmt}/{total_fmt} [{elapsed}, {remaining} left{postfix}]"


class Progress:
    """A bar of the bytes read, where standard error is a terminal; else nothing but the messages."""

    def __init__(self, shown: bool) -> None:
        self._before = 0
        self._position = 0
        self._bar = tqdm(unit="B", unit_scale=True, disable=not shown, dynamic_ncols=True, leave=False)

    def expect(self, total: int) -> None:
        """`total` is the size of all files in bytes; 0 where it is not known, as with a live capture."""
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
        """`position` are the bytes read of the current file: less than before means that a new one began."""
        if position < self._position:
            self._before += self._position
        self._position = position
        seconds = self._bar.format_dict["elapsed"] or 1e-9
        self._bar.set_postfix_str(f"{packets:,} packets, {packets / seconds:,.0f}/s", refresh=False)
        self._bar.update(self._before + position - self._bar.n)

    @staticmethod
    def message(text: str) -> None:
        """A line above the bar, if there is one. A server's words may have control characters."""
        with tqdm.external_write_mode(file=sys.stderr):
            click.echo(printable(text), err=True)

    @staticmethod
    def note(text: str) -> None:
        """A line that asks for nothing."""
        Progress.message(f"Note: {text}")
