"""How long to wait before a request is sent again."""

import random
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Retry:
    """Exponential waits with jitter, in seconds: `first`, twice that, … up to `longest`; one less than `attempts`."""

    attempts: int = 8
    first: float = 0.5
    longest: float = 60.0

    def waits(self) -> Iterator[float]:
        """The waits, one before each further attempt."""
        for attempt in range(self.attempts - 1):
            yield min(self.first * 2**attempt, self.longest) * random.uniform(0.5, 1)
