"""Capture files that live captures keep: how they are called, and the packets of one capture in them.

Each is a segment of the spool, and is named after its capture, the packets before its first, and its place.
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
"""The folder of a spool that has them."""
_NAME = re.compile(r"([0-9a-f]{32})-(\d{12})-(\d{8})\.pcapng")
_BUFFER = 1 << 18


class CaptureGone(EspcapError):
    """The capture of a document is not there any more, is another one now, or never was a file."""


@dataclass(frozen=True, order=True)
class KeptFile:
    """One of the files of a capture, in the order of their packets."""

    before: int
    """Packets of the capture before its first."""
    place: int
    path: Path


def kept_name(run: str, before: int, place: int) -> str:
    """The name of a file with packets of a live capture."""
    return f"{run}-{before:012}-{place:08}.pcapng"


def run_of(name: str) -> str:
    """The live capture of which a file of this name has packets; empty if it is not a name of such a file."""
    match = _NAME.fullmatch(name)
    return match[1] if match else ""


def find_kept(capture_id: str, folders: Iterable[Path]) -> list[KeptFile]:
    """The files of a live capture in these folders and below, in the order of their packets."""
    found = {}
    for folder in folders:
        for path in folder.rglob(f"{capture_id}-*.pcapng") if run_of(kept_name(capture_id, 0, 0)) else ():
            if match := _NAME.fullmatch(path.name):
                found[path.name] = KeptFile(int(match[2]), int(match[3]), path)
    return sorted(found.values())


@dataclass(frozen=True)
class Kept:
    """What is kept of a live capture."""

    files: list[KeptFile]
    name: str
    """What to call the capture."""

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(_size(file.path) for file in self.files)

    @property
    def first(self) -> int:
        """The number of the first packet."""
        return self.files[0].before + 1

    @property
    def kept_from(self) -> str:
        """Says what there is."""
        return f"{self.name} has kept packets from frame {self.first:,} on"

    def near(self, frame: int) -> "Kept":
        """The file that can have a packet, the one before it and the one after it. Raises CaptureGone."""
        place = self._place(frame)
        return Kept(self.files[max(0, place - 1) : place + 2], self.name)

    def path_of(self, frame: int) -> str:
        """The file that can have a packet. Raises CaptureGone."""
        return str(self.files[self._place(frame)].path)

    def _place(self, frame: int) -> int:
        place = bisect_left(self.files, frame, key=lambda file: file.before) - 1
        if place < 0:
            raise self.gone(frame)
        return place

    def gone(self, frame: int) -> CaptureGone:
        """What to say of a packet that is in none of the files."""
        message = f"the capture file with frame {frame:,} is gone: {self.kept_from}"
        return CaptureGone(message, "espcap search shows its document; a larger --keep-captures keeps more")

    def packets(
        self, writer: PcapngWriter, wanted: FrameSet | None = None, on_read: Callable[[int], None] = lambda count: None
    ) -> Iterator[Packet]:
        """The wanted packets, or all, with their numbers in the live capture. Interfaces go to the writer as they come.

        A file that somebody has deleted meanwhile is passed over. `on_read` is told bytes, again and again.
        Raises EspcapError where a file cannot be read.
        """
        joined = _Joined(writer)
        for file, following in zip(self.files, [*self.files[1:], None], strict=True):
            last = following.before if following else None
            if wanted is None or wanted.may_have(file.before + 1, last):
                yield from _packets(file, joined, wanted, on_read)

    def copy(
        self,
        output: BinaryIO,
        numbers: Numbering,
        wanted: FrameSet | None = None,
        on_read: Callable[[int], None] = lambda count: None,
    ) -> None:
        """Writes the wanted packets, or all, as one capture; `numbers` takes theirs in the live one as they come."""
        writer = PcapngWriter(output)
        for packet in self.packets(writer, wanted, on_read):
            numbers.add(packet.number)  # before somebody reads it
            writer.add_packet(packet)


class _Joined(PcapngWriter):
    """Hands on to another writer what accompanies packets: each interface once, however many files have it."""

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
    """Frame numbers of a capture as those of a file that begins later."""

    numbers: FrameSet
    before: int

    def __contains__(self, number: int) -> bool:
        return number + self.before in self.numbers


class _Counted(io.RawIOBase):
    """A file that tells how many bytes of it were read."""

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
        hint = "it is its owner's alone: run espcap as the user that captured"
        raise EspcapError(f"cannot read {name}: {error.strerror}", hint) from error


def _size(path: Path) -> int:
    try:
        return os.path.getsize(path)
    except OSError:
        return 0
