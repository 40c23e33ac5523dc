"""Starts tshark for the next files while one file is read: for a small file, its start takes most of the time."""

import contextlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import BinaryIO, TypeVar

from espcap.base.errors import EspcapError
from espcap.captures.sources import CaptureFile, stamp_of
from espcap.ingest.job import Job
from espcap.tshark.output import Output, read_file

_Source = TypeVar("_Source")
LARGEST = 4_000_000
"""Largest file, in bytes, whose tshark is started ahead. For a larger file, tshark would soon wait for a full pipe."""


class Ahead:
    """The tsharks of files that are not read yet. Use it as a context manager; its end stops tsharks not taken."""

    def __init__(self, job: Job, is_ours: Callable[[CaptureFile], bool] = lambda file: True) -> None:
        """`is_ours` returns whether a file is to be read by this process."""
        self._job = job
        self._is_ours = is_ours
        self._most = job.tsharks - 1
        self._begun: dict[str, Future[tuple[BinaryIO, Output]]] = {}
        self._taken: BinaryIO | None = None
        self._threads = ThreadPoolExecutor(max(1, self._most))  # one for each tshark that is starting

    def __enter__(self) -> "Ahead":
        return self

    def __exit__(self, *_: object) -> None:
        for path in list(self._begun):
            self.drop(path)
        self._threads.shutdown()
        if self._taken:
            self._taken.close()

    def over(self, sources: Iterable[_Source]) -> Iterator[_Source]:
        """Yields the sources in their order, and starts tshark for the files that follow.

        A source that is not a file is yielded at once, without waiting for further sources.
        """
        files: deque[_Source] = deque()  # the files to be read next
        for source in sources:
            if not isinstance(source, CaptureFile):
                yield from files
                files.clear()
                yield source
                continue
            if files:  # a file that is read at once does not need a tshark that was started ahead
                self._begin(source)
            files.append(source)
            if len(files) > self._most:
                yield files.popleft()
        yield from files

    def _begin(self, source: CaptureFile) -> None:
        is_worth_it = self._most and 0 < source.size <= LARGEST and source.path not in self._begun
        with contextlib.suppress(EspcapError):  # it is reported when the file is read
            if is_worth_it and self._is_ours(source):
                self._begun[source.path] = self._threads.submit(self._start, source)

    def _start(self, source: CaptureFile) -> tuple[BinaryIO, Output]:
        file = source.open()
        try:
            job = self._job
            return file, read_file(job.program, job.settings, file, job.user, job.stall_timeout)
        except BaseException:
            file.close()
            raise

    def take(self, source: CaptureFile, file: BinaryIO) -> Output | None:
        """Returns the output of the tshark that was started for a source.

        Returns None if none was started, if it failed, or if it reads another file than the one open as `file`.
        """
        if not (begun := self._begun.pop(source.path, None)):
            return None
        with contextlib.suppress(EspcapError):
            opened, output = begun.result()
            if stamp_of(os.fstat(opened.fileno())) == stamp_of(os.fstat(file.fileno())):
                if self._taken:  # its output has been read to the end
                    self._taken.close()
                self._taken = opened
                return output
            _stop(opened, output)
        return None

    def drop(self, path: str) -> None:
        """Stops the tshark that was started for a file, if it was not taken."""
        if begun := self._begun.pop(path, None):
            with contextlib.suppress(EspcapError):
                _stop(*begun.result())


def _stop(file: BinaryIO, output: Output) -> None:
    output.tshark.stop()
    output.tshark.wait()
    file.close()
