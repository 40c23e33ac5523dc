"""Decides how long to wait before a request is sent again, and when to give up."""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from espcap.base.errors import StoreError

_DOUBLINGS = 30
"""Largest number of doublings of the wait, so that the power of two stays small."""
_LEAST_REQUEST = 5.0
"""Least timeout of a request, in seconds: a node that creates an index may need this long."""


@dataclass(frozen=True)
class Retry:
    """Exponential waits with jitter. All times are in seconds."""

    give_up_after: float = 300.0
    """How long to wait without progress; `inf` for ever, 0 to fail at once."""
    from_the_start: bool = False
    """Whether to wait also if the very first request fails."""
    first: float = 1.0
    """Least wait."""
    longest: float = 60.0
    """Longest wait."""
    flood_stage: float = 30.0
    """Least wait if the disk of a node is full."""

    def wait(self, failures: int) -> float:
        """Returns a random wait for the number of earlier failures: half to all of 2, 4, 8, … times `first`."""
        ceiling = min(self.first * 2 ** (1 + min(failures, _DOUBLINGS)), self.longest)
        return random.uniform(ceiling / 2, ceiling)

    def request_seconds(self, longest: float) -> float:
        """Returns the timeout of one request: a quarter of `give_up_after`, so that there is time for several."""
        return min(longest, max(_LEAST_REQUEST, self.give_up_after / 4))


class Notice:
    """Reports that requests wait, and when they continue; once for all requests that wait at the same time."""

    def __init__(self, addresses: str, on_note: Callable[[str], None]) -> None:
        """`addresses` are those of the nodes. `on_note` is called with the line to show."""
        self._addresses = addresses
        self._on_note = on_note
        self._lock = threading.Lock()
        self._since = 0.0
        self._reported: set[bool] = set()

    def begin(self, failure: StoreError, disk_is_full: bool, since: float, limit: str) -> None:
        """Call it when a request waits; it has had no progress since `since` (`time.monotonic`)."""
        with self._lock:
            if disk_is_full in self._reported:
                return
            self._since = min(since, self._since) if self._reported else since
            self._reported.add(disk_is_full)
            self._on_note(f"{failure.message}; waiting{limit} ({failure.hint})")

    def end(self) -> None:
        """Call it when a request has made progress."""
        with self._lock:
            if self._reported:
                self._on_note(f"{self._addresses} is back after {time.monotonic() - self._since:.0f} s")
            self._reported.clear()


@dataclass
class Patience:
    """Waits after failures of one request, until it makes progress or `give_up_after` is over."""

    retry: Retry
    notice: Notice
    _since: float = field(default_factory=time.monotonic)
    _failures: int = 0

    def wait(self, failure: StoreError, disk_is_full: bool = False, quiet: bool = False) -> None:
        """Sleeps, and reports that unless `quiet`. Raises StoreError if there was no progress for `give_up_after`."""
        rest = self._since + self.retry.give_up_after - time.monotonic()
        if not rest > 0:
            raise StoreError(f"{failure.message}; gave up after {self.retry.give_up_after:g} s", failure.hint)
        if not quiet:
            self.notice.begin(failure, disk_is_full, self._since, self._limit())
        wait = self.retry.wait(self._failures)
        self._failures += 1
        time.sleep(min(max(wait, self.retry.flood_stage) if disk_is_full else wait, rest))

    def progress(self) -> None:
        """Call it after progress: the time without progress begins again."""
        self.notice.end()
        self._since, self._failures = time.monotonic(), 0

    def _limit(self) -> str:
        limit = self.retry.give_up_after
        return "" if limit == float("inf") else f" up to {limit:g} s"
