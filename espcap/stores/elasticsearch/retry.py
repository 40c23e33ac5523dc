"""How long to wait before a request is sent again, and when to give up."""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from espcap.base.errors import StoreError

_DOUBLINGS = 30
"""More would only make numbers large."""
_LEAST_REQUEST = 5.0
"""Seconds; a node that makes an index may need them."""


@dataclass(frozen=True)
class Retry:
    """Exponential waits with jitter, all times in seconds."""

    give_up_after: float = 300.0
    """Without progress; `inf` is never, 0 at the first failure."""
    from_the_start: bool = False
    """Whether to wait also for a node that has not answered yet."""
    first: float = 1.0
    longest: float = 60.0
    flood_stage: float = 30.0
    """The least wait for a disk to get room."""

    def wait(self, failures: int) -> float:
        """The wait after so many failures before this one: in the upper half of 2, 4, 8, … times `first`."""
        ceiling = min(self.first * 2 ** (1 + min(failures, _DOUBLINGS)), self.longest)
        return random.uniform(ceiling / 2, ceiling)

    def request_seconds(self, longest: float) -> float:
        """How long one request may take, so that there is patience left for others."""
        return min(longest, max(_LEAST_REQUEST, self.give_up_after / 4))


class Notice:
    """Says once, for all requests that wait at the same time: that they wait, and that it is over."""

    def __init__(self, who: str, on_note: Callable[[str], None]) -> None:
        """`who` are the nodes."""
        self._who = who
        self._on_note = on_note
        self._lock = threading.Lock()
        self._since = 0.0
        self._said: set[bool] = set()

    def begin(self, failure: StoreError, disk_is_full: bool, since: float, limit: str) -> None:
        """A request waits, without progress `since` then."""
        with self._lock:
            if disk_is_full in self._said:
                return
            self._since = min(since, self._since) if self._said else since
            self._said.add(disk_is_full)
            self._on_note(f"{failure.message}; waiting{limit} ({failure.hint})")

    def end(self) -> None:
        """A request got on."""
        with self._lock:
            if self._said:
                self._on_note(f"{self._who} is back after {time.monotonic() - self._since:.0f} s")
            self._said.clear()


@dataclass
class Patience:
    """Waits out the failures of one request between two signs of progress."""

    retry: Retry
    notice: Notice
    _since: float = field(default_factory=time.monotonic)
    _failures: int = 0

    def wait(self, failure: StoreError, disk_is_full: bool = False, quiet: bool = False) -> None:
        """Sleeps; `quiet` says nothing of it. Raises StoreError where the patience is at its end."""
        rest = self._since + self.retry.give_up_after - time.monotonic()
        if not rest > 0:
            raise StoreError(f"{failure.message}; gave up after {self.retry.give_up_after:g} s", failure.hint)
        if not quiet:
            self.notice.begin(failure, disk_is_full, self._since, self._limit())
        wait = self.retry.wait(self._failures)
        self._failures += 1
        time.sleep(min(max(wait, self.retry.flood_stage) if disk_is_full else wait, rest))

    def progress(self) -> None:
        """The next failure begins anew."""
        self.notice.end()
        self._since, self._failures = time.monotonic(), 0

    def _limit(self) -> str:
        limit = self.retry.give_up_after
        return "" if limit == float("inf") else f" up to {limit:g} s"
