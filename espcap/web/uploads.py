"""Captures that are sent to the page. They are kept in a folder, to show their packets, and indexed one by one."""

import asyncio
import contextlib
import os
import re
import signal
import tempfile
from collections.abc import AsyncIterable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from espcap.base.errors import EspcapError, UsageError, with_hint
from espcap.captures.sources import CaptureFile, can_be_capture, capture_file, new_digest
from espcap.ingest.job import Listener
from espcap.ingest.report import Report
from espcap.tshark.process import write_all
from espcap.web.failures import show_fault

_HEAD = 4096
_BLOCK = 1 << 20
"""Bytes to write at a time."""
_LONGEST_NAME = 100


class Indexer(Protocol):
    """Indexes one capture."""

    @property
    def report(self) -> Report:
        """The counts of its packets so far."""

    def read(self, capture: CaptureFile) -> None:
        """Stores the packets of the capture. Raises EspcapError if that fails."""

    def interrupt(self, signal: int) -> None:
        """Ends the indexing early. Packets that were read are stored."""


@dataclass
class Upload:
    """A capture and its progress."""

    number: int
    name: str
    size: int
    position: int = 0
    """Bytes read so far."""
    packets: int = 0
    is_done: bool = False
    failure: str = ""
    """The error message; empty if there is no error."""
    summary: str = ""
    """The summary of the run."""
    problems: list[str] = field(default_factory=list)


class Uploads:
    """All captures that were sent to this server."""

    def __init__(self, folder: Path, open_indexer: Callable[[Listener], Indexer]) -> None:
        """Captures are kept in `folder`. `open_indexer` is called in the thread that indexes."""
        self._folder = folder
        self._open_indexer = open_indexer
        self._uploads: list[Upload] = []
        self._thread = ThreadPoolExecutor(1, "indexer")
        self._running: Indexer | None = None

    def find(self, number: int) -> Upload | None:
        """Returns the upload with this number; None if it does not exist."""
        return self._uploads[number] if 0 <= number < len(self._uploads) else None

    async def receive(self, name: str, blocks: AsyncIterable[bytes]) -> Upload:
        """Keeps a capture and indexes it in the background. Raises UsageError if it is not a capture."""
        path = await self._keep(_safe(name), blocks)
        upload = Upload(len(self._uploads), os.path.basename(path), os.path.getsize(path))
        self._uploads.append(upload)
        self._thread.submit(self._index, path, upload)
        return upload

    async def _keep(self, name: str, blocks: AsyncIterable[bytes]) -> str:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor, unfinished = tempfile.mkstemp(dir=self._folder, prefix=".upload-")
            try:
                digest = await _write(descriptor, blocks)
                return await asyncio.to_thread(_named, unfinished, self._folder / name, digest)
            finally:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(unfinished)
        except OSError as error:
            message = f"cannot keep the capture in {self._folder}: {error.strerror}"
            raise EspcapError(message, "make room there, or let espcap write to it") from error

    def _index(self, path: str, upload: Upload) -> None:
        def progress(position: int, packets: int) -> None:
            upload.position, upload.packets = position, packets

        listener = Listener(progress, lambda problem: upload.problems.append(str(problem)))
        try:
            self._running = indexer = self._open_indexer(listener)
            capture = capture_file(path)
            assert isinstance(capture, CaptureFile)
            indexer.read(capture)
            upload.summary = indexer.report.summary()
            upload.failure = "Not all its packets are stored." if indexer.report.exit_code else ""
        except EspcapError as error:
            upload.failure = with_hint(error.message, error.hint)
        except Exception as error:
            upload.failure = f"indexing failed: {error!r}"
            show_fault(error)
        finally:
            self._running = None
            upload.is_done = True

    def close(self) -> None:
        """Ends the indexing. Packets that were read are stored."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        if running := self._running:
            running.interrupt(signal.SIGTERM)
        self._thread.shutdown()


async def _write(descriptor: int, blocks: AsyncIterable[bytes]) -> str:
    """Writes the blocks, in a thread so that the server can handle other requests, and returns their digest."""
    digest, waiting, is_known = new_digest(), bytearray(), False
    with open(descriptor, "wb", buffering=0) as file:

        def write(data: bytes) -> None:
            digest.update(data)
            write_all(file, data)

        async for block in blocks:
            waiting += block
            if not is_known and len(waiting) >= _HEAD:
                is_known = _check(waiting)
            if len(waiting) >= _BLOCK:
                await asyncio.to_thread(write, bytes(waiting))
                waiting.clear()
        if not is_known:
            _check(waiting)
        await asyncio.to_thread(write, bytes(waiting))
    return digest.hexdigest()


def _check(head: bytearray) -> bool:
    if not can_be_capture(bytes(head[:_HEAD])):
        raise UsageError("this is not a capture", "espcap reads pcap and pcapng, also inside gzip, zstd or lz4")
    return True


def _named(unfinished: str, wanted: Path, digest: str) -> str:
    """Renames the file and returns its path. If the name exists with other content, adds a number to the name."""
    stem, dot, rest = wanted.name.partition(".")
    for number in range(1, 10_000):
        path = wanted.with_name(f"{stem}-{number}{dot}{rest}") if number > 1 else wanted
        try:
            os.link(unfinished, path)
        except FileExistsError:
            present = capture_file(str(path))
            assert isinstance(present, CaptureFile)
            with present.open() as file:
                if present.digest(file) == digest:
                    return str(path)
        else:
            return str(path)
    raise UsageError(f"there are too many captures named {wanted.name}", "give it another name")


def _safe(name: str) -> str:
    """Returns a safe file name: without folders, and without characters that are special to shells."""
    name = re.sub(r"[^\w.+@=-]+", "_", os.path.basename(name.replace("\\", "/"))).lstrip(".")
    encoded = name.encode("utf-8", "replace")
    if len(encoded) > _LONGEST_NAME:
        name = encoded[-_LONGEST_NAME:].decode("utf-8", "ignore").lstrip(".")
    return name or "capture"
