"""Each thread of the pool has a searcher of its own, which is closed at the end."""

import asyncio
import threading
from typing import Any, cast

from espcap.searches.searcher import Searcher
from espcap.web.searchers import SearcherPool


class Store:
    """Notes whether it was closed."""

    is_closed = False

    def close(self) -> None:
        self.is_closed = True


class OpenedSearcher:
    """A searcher of the thread that opened it."""

    def __init__(self) -> None:
        self.thread = threading.get_ident()
        self.store = Store()


def test_own_searchers() -> None:
    opened: list[OpenedSearcher] = []

    def open_searcher() -> Searcher:
        opened.append(OpenedSearcher())
        return cast(Searcher, opened[-1])

    pool, both_run = SearcherPool(open_searcher, threads=2), threading.Barrier(2, timeout=30)

    def ask(searcher: Searcher, number: int, *, factor: int) -> tuple[int, bool]:
        both_run.wait()
        return number * factor, cast(Any, searcher).thread == threading.get_ident()

    async def ask_often() -> list[tuple[int, bool]]:
        return await asyncio.gather(*(pool.run(ask, number, factor=10) for number in range(6)))

    assert asyncio.run(ask_often()) == [(number * 10, True) for number in range(6)]
    assert len(opened) == 2
    assert not any(searcher.store.is_closed for searcher in opened)
    pool.close()
    assert all(searcher.store.is_closed for searcher in opened)
