"""Opens the capture of a packet for sharkd: the whole capture, or the packets that are needed and kept."""

import os
import tempfile
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol

from espcap.base.errors import EspcapError
from espcap.base.frames import FrameSet, Numbering
from espcap.captures.kept import Kept
from espcap.captures.originals import Originals, check_packet, is_live
from espcap.captures.sources import Stamp, stamp_of
from espcap.extract.needed import Needed, open_excerpt


@dataclass(frozen=True)
class Loadable:
    """An open capture. Use it as a context manager."""

    file: BinaryIO
    numbers: Numbering | None = None
    """The frame numbers of its packets; None if they are the positions in the file."""

    def __enter__(self) -> "Loadable":
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()


class Original(Protocol):
    """The capture of a packet. Use it as a context manager."""

    @property
    def name(self) -> str:
        """Name of the capture in its documents, or as the user gave it."""

    @property
    def path(self) -> str:
        """Path of the file that contains the packet."""

    @property
    def stamp(self) -> Stamp:
        """Identifies the version of the file. Raises EspcapError if the file is missing."""

    def __enter__(self) -> "Original":
        """Returns itself."""

    def __exit__(self, *_: object) -> None:
        """Closes the capture."""

    def whole(self) -> Loadable:
        """Opens the part that contains the packet. Raises EspcapError if it is missing or cannot be read."""

    def excerpt(self, needed: Needed) -> Loadable | None:
        """Opens a copy of the needed packets; None if they cannot be copied. Raises EspcapError as `whole`."""


@dataclass(frozen=True)
class FileOriginal:
    """A capture file."""

    name: str
    path: str
    file: BinaryIO

    @property
    def stamp(self) -> Stamp:
        """Identifies the version of the file."""
        return stamp_of(os.fstat(self.file.fileno()))

    def __enter__(self) -> "FileOriginal":
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def whole(self) -> Loadable:
        """Opens the file."""
        return Loadable(os.fdopen(os.dup(self.file.fileno()), "rb", buffering=0))

    def excerpt(self, needed: Needed) -> Loadable | None:
        """Opens a copy in which all other packets are empty."""
        file = open_excerpt(self.file, needed)
        return Loadable(file) if file else None


@dataclass(frozen=True)
class LiveOriginal:
    """The kept files of a live capture, for one packet."""

    kept: Kept
    document: dict[str, Any]
    frame: int

    def __enter__(self) -> "LiveOriginal":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    @property
    def name(self) -> str:
        """Name of the capture."""
        return self.kept.name

    @property
    def path(self) -> str:
        """Path of the file that contains the packet."""
        return self.kept.path_of(self.frame)

    @property
    def stamp(self) -> Stamp:
        """Identifies the version of the file. Raises CaptureGone if it was deleted."""
        try:
            return stamp_of(os.stat(self.path))
        except OSError as error:
            raise self.kept.gone(self.frame) from error

    def whole(self) -> Loadable:
        """Opens a copy of the file that contains the packet, with the file before and the file after it."""
        loadable = self._copy(self.kept.near(self.frame), None)
        if not loadable.numbers or loadable.numbers.position(self.frame) is None:
            loadable.file.close()
            raise self.kept.gone(self.frame)
        return loadable

    def excerpt(self, needed: Needed) -> Loadable | None:
        """Opens a copy of the needed packets that are kept."""
        return self._copy(self.kept, needed.frames)

    def _copy(self, kept: Kept, frames: FrameSet | None) -> Loadable:
        copy = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
        try:
            numbers = Numbering()
            kept.copy(copy, numbers, frames)
            copy.flush()
            copy.seek(0)
            return Loadable(copy, numbers)
        except OSError as error:
            copy.close()
            hint = f"make room in {tempfile.gettempdir()}"
            raise EspcapError(f"cannot copy packets: {error.strerror}", hint) from error
        except BaseException:
            copy.close()
            raise


def find_original(originals: Originals, document: dict[str, Any], frame: int) -> Original:
    """Finds the capture of a document's packet. Raises EspcapError if it is missing or cannot be read."""
    check_packet(document)
    if is_live(document):
        return LiveOriginal(originals.kept(document), document, frame)
    capture, file = originals.open(str(document["capture_id"]), [str(document["file_name"])])
    return FileOriginal(capture.name, capture.path, file)
