"""Threads that search the store. Each opens its own store and registry, which cannot be shared by threads."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Concatenate, ParamSpec, TypeVar

from espcap.searches.searcher import Searcher

THREADS = 2
"""Number of searches at the same time. Opening the page sends three requests."""

_Parameters = ParamSpec("_Parameters")
_Answer = TypeVar("_Answer")


class SearcherPool:
    """Runs searches in several threads."""

    def __init__(self, open_searcher: Callable[[], Searcher], threads: int = THREADS) -> None:
        self._open = open_searcher
        self._own = threading.local()
        self._opened: list[Searcher] = []
        self._threads = ThreadPoolExecutor(threads, "searcher")

    async def run(
        self,
        function: Callable[Concatenate[Searcher, _Parameters], _Answer],
        *arguments: _Parameters.args,
        **named: _Parameters.kwargs,
    ) -> _Answer:
        """Returns the result of a function, which is called in one of the threads with its searcher."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, lambda: function(self._searcher(), *arguments, **named))

    def _searcher(self) -> Searcher:
        if not hasattr(self._own, "searcher"):
            self._own.searcher = self._open()
            self._opened.append(self._own.searcher)
        searcher: Searcher = self._own.searcher
        return searcher

    def close(self) -> None:
        """Waits for running searches and closes the stores."""
        self._threads.shutdown(cancel_futures=True)
        for searcher in self._opened:
            searcher.store.close()
