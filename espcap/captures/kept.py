"""Capture files that `--keep-captures` keeps of live captures: their names, and how to read the packets of one capture.

Each file was a segment of the spool. Its name contains the identifier of the capture, the number of packets before the
file, and the file's place among the files of the capture.
"""

import io
import os
import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO

from espcap.base.errors import EspcapError
from espcap.base.frames import FrameSet, Numbering
from espcap.base.text import printable
from espcap.captures.pcapng import Packet, PcapngWriter, UnknownForm, packets

CAPTURES = "captures"
"""The folder of a spool that contains the kept files."""
_NAME = re.compile(r"([0-9a-f]{32})-(\d{12})-(\d{8})\.pcapng")
_BUFFER = 1 << 18


class CaptureGone(EspcapError):
    """The capture of a document was deleted, has changed, or never was a file."""


@dataclass(frozen=True, order=True)
class KeptFile:
    """One kept file of a live capture. Files of one capture are ordered like their packets."""

    before: int
    """Number of packets of the capture before this file."""
    place: int
    """The file's place among the files of the capture."""
    path: Path


def kept_name(run: str, before: int, place: int) -> str:
    """The name of a kept file of the live capture `run`."""
    return f"{run}-{before:012}-{place:08}.pcapng"


def run_of(name: str) -> str:
    """The identifier of the live capture in the name of a kept file; empty if it is not such a name."""
    match = _NAME.fullmatch(name)
    return match[1] if match else ""


def find_kept(capture_id: str, folders: Iterable[Path]) -> list[KeptFile]:
    """The kept files of a live capture in these folders and their subfolders, in the order of their packets."""
    found = {}
    for folder in folders:
        for path in folder.rglob(f"{capture_id}-*.pcapng") if run_of(kept_name(capture_id, 0, 0)) else ():
            if match := _NAME.fullmatch(path.name):
                found[path.name] = KeptFile(int(match[2]), int(match[3]), path)
    return sorted(found.values())


@dataclass(frozen=True)
class Kept:
    """The kept files of one live capture, at least one."""

    files: list[KeptFile]
    name: str
    """The capture's name in messages."""

    @property
    def size(self) -> int:
        """The size of all files, in bytes."""
        return sum(_size(file.path) for file in self.files)

    @property
    def first(self) -> int:
        """The frame number of the first packet that is kept."""
        return self.files[0].before + 1

    @property
    def kept_from(self) -> str:
        """A part of a message that names the first packet that is kept."""
        return f"{self.name} has kept packets from frame {self.first:,} on"

    def near(self, frame: int) -> "Kept":
        """The file that can contain a frame, and the files before and after it.

        Raises CaptureGone if the frame is before the first file.
        """
        place = self._place(frame)
        return Kept(self.files[max(0, place - 1) : place + 2], self.name)

    def path_of(self, frame: int) -> str:
        """The path of the file that can contain a frame. Raises CaptureGone if the frame is before the first file."""
        return str(self.files[self._place(frame)].path)

    def _place(self, frame: int) -> int:
        place = bisect_left(self.files, frame, key=lambda file: file.before) - 1
        if place < 0:
            raise self.gone(frame)
        return place

    def gone(self, frame: int) -> CaptureGone:
        """The error for a frame that is in no file."""
        message = f"the capture file with frame {frame:,} is gone: {self.kept_from}"
        return CaptureGone(message, "espcap search shows its document; a larger --keep-captures keeps more")

    def packets(
        self, writer: PcapngWriter, wanted: FrameSet | None = None, on_read: Callable[[int], None] = lambda count: None
    ) -> Iterator[Packet]:
        """Yields the wanted packets, by default all, with their frame numbers in the live capture.

        Interfaces are written to `writer` before their packets are yielded. A file that was deleted in the meantime is
        skipped. `on_read` is called with the number of bytes after each read. Raises EspcapError if a file cannot be
        read.
        """
        joined = _Joined(writer)
        for file, following in zip(self.files, [*self.files[1:], None], strict=True):
            last = following.before if following else None
            if wanted is None or wanted.may_contain(file.before + 1, last):
                yield from _packets(file, joined, wanted, on_read)

    def copy(
        self,
        output: BinaryIO,
        numbers: Numbering,
        wanted: FrameSet | None = None,
        on_read: Callable[[int], None] = lambda count: None,
    ) -> None:
        """Writes the wanted packets, by default all, as one capture, and adds their frame numbers to `numbers`.

        Raises EspcapError if a file cannot be read.
        """
        writer = PcapngWriter(output)
        for packet in self.packets(writer, wanted, on_read):
            numbers.add(packet.number)  # first, because the reader of `output` may look the number up at once
            writer.add_packet(packet)


class _Joined(PcapngWriter):
    """Writes the blocks of several files, except for packets, to another writer, and each interface only once."""

    def __init__(self, writer: PcapngWriter) -> None:
        self._writer = writer
        self._known: dict[bytes, int] = {}

    def add_interface(self, block: bytes) -> int:
        if block not in self._known:
            self._known[block] = self._writer.add_interface(block)
        return self._known[block]

    def add(self, block: bytes) -> None:
        self._writer.add(block)


@dataclass(frozen=True)
class _Later:
    """The wanted frame numbers, for a file that starts after the first `before` packets of the capture."""

    numbers: FrameSet
    before: int

    def __contains__(self, number: int) -> bool:
        return number + self.before in self.numbers


class _Counted(io.RawIOBase):
    """A file that calls `on_read` with the number of bytes after each read."""

    def __init__(self, file: IO[bytes], on_read: Callable[[int], None]) -> None:
        self._file = file
        self._on_read = on_read

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = int(self._file.readinto(buffer))  # type: ignore[attr-defined]
        self._on_read(count)
        return count


def _packets(
    file: KeptFile, writer: PcapngWriter, wanted: FrameSet | None, on_read: Callable[[int], None]
) -> Iterator[Packet]:
    name = printable(str(file.path))
    try:
        with file.path.open("rb", buffering=0) as opened:
            stream = io.BufferedReader(_Counted(opened, on_read), _BUFFER)
            chosen = (_Later(wanted, file.before),) if wanted is not None else ()
            for packet in packets(stream, writer, *chosen):
                yield packet._replace(number=packet.number + file.before)
    except FileNotFoundError:
        return
    except UnknownForm as error:
        raise EspcapError(f"{name} is damaged", "espcap search shows the documents of its packets") from error
    except OSError as error:
        hint = "only its owner may read it: run espcap as the user that captured"
        raise EspcapError(f"cannot read {name}: {error.strerror}", hint) from error


def _size(path: Path) -> int:
    try:
        return os.path.getsize(path)
    except OSError:
        return 0
