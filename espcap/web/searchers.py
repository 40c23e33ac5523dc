"""The threads that ask the store: each has a store and a registry of its own, for neither is made to be shared."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Concatenate, ParamSpec, TypeVar

from espcap.searches.searcher import Searcher

THREADS = 2
"""As many questions are asked at once; a page has three."""

_Parameters = ParamSpec("_Parameters")
_Answer = TypeVar("_Answer")


class SearcherPool:
    """Answers questions, some at once."""

    def __init__(self, open_searcher: Callable[[], Searcher], threads: int = THREADS) -> None:
        self._open = open_searcher
        self._own = threading.local()
        self._opened: list[Searcher] = []
        self._threads = ThreadPoolExecutor(threads, "searcher")

    async def ask(
        self,
        question: Callable[Concatenate[Searcher, _Parameters], _Answer],
        *arguments: _Parameters.args,
        **named: _Parameters.kwargs,
    ) -> _Answer:
        """The answer of `question`, which a thread asks with its searcher."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, lambda: question(self._searcher(), *arguments, **named))

    def _searcher(self) -> Searcher:
        if not hasattr(self._own, "searcher"):
            self._own.searcher = self._open()
            self._opened.append(self._own.searcher)
        searcher: Searcher = self._own.searcher
        return searcher

    def close(self) -> None:
        """Waits for the questions that are being asked, and lets go of the stores."""
        self._threads.shutdown(cancel_futures=True)
        for searcher in self._opened:
            searcher.store.close()
