"""The threads that ask the store: each has a store and a registry of its own, for neither is made to be shared."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Concatenate, ParamSpec, TypeVar

from espcap.searches.reader import Reader

THREADS = 2
"""As many questions are asked at once; a page has three."""

_Parameters = ParamSpec("_Parameters")
_Answer = TypeVar("_Answer")


class Readers:
    """Answers questions, some at once."""

    def __init__(self, open_reader: Callable[[], Reader], threads: int = THREADS) -> None:
        self._open = open_reader
        self._own = threading.local()
        self._opened: list[Reader] = []
        self._threads = ThreadPoolExecutor(threads, "reader")

    async def ask(
        self,
        question: Callable[Concatenate[Reader, _Parameters], _Answer],
        *arguments: _Parameters.args,
        **named: _Parameters.kwargs,
    ) -> _Answer:
        """The answer of `question`, which a thread asks with its reader."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, lambda: question(self._reader(), *arguments, **named))

    def _reader(self) -> Reader:
        if not hasattr(self._own, "reader"):
            self._own.reader = self._open()
            self._opened.append(self._own.reader)
        reader: Reader = self._own.reader
        return reader

    def close(self) -> None:
        """Waits for the questions that are being asked, and lets go of the stores."""
        self._threads.shutdown(cancel_futures=True)
        for reader in self._opened:
            reader.store.close()
