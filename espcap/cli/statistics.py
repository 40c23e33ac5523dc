"""Prints the counts of a live capture at an interval."""

import threading
from collections.abc import Callable
from types import TracebackType

from espcap.ingest.report import Report


class Statistics:
    """Prints the summary so far every `interval` seconds, 0 for never, while the body of the `with` runs."""

    def __init__(self, report: Report, interval: float, print_line: Callable[[str], None]) -> None:
        self._report = report
        self._interval = interval
        self._print_line = print_line
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Statistics":
        if self._interval:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        if self._interval:
            self._thread.join()

    def _run(self) -> None:
        while not self._end.wait(self._interval):
            self._print_line(f"So far: {self._report.summary(is_over=False)}")
