"""What sharkd loads to show a packet: its capture, or as much of it as there is and matters."""

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
    """Of its packets, where they are not the packets' places in it."""

    def __enter__(self) -> "Loadable":
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()


class Original(Protocol):
    """The capture of a packet. Use it as a context manager."""

    @property
    def name(self) -> str:
        """What its documents, or the user, call it."""

    @property
    def path(self) -> str:
        """The file that has the packet."""

    @property
    def stamp(self) -> Stamp:
        """What changes with the file. Raises EspcapError where it is gone."""

    def __enter__(self) -> "Original":
        """Itself."""

    def __exit__(self, *_: object) -> None:
        """Closes it."""

    def whole(self) -> Loadable:
        """All of it that matters. Raises EspcapError where it cannot be read, or does not have the packet."""

    def excerpt(self, needed: Needed) -> Loadable | None:
        """What is needed of it; None where that cannot be had. Raises EspcapError as `whole`."""


@dataclass(frozen=True)
class FileOriginal:
    """A capture file."""

    name: str
    path: str
    file: BinaryIO

    @property
    def stamp(self) -> Stamp:
        """What changes with the file."""
        return stamp_of(os.fstat(self.file.fileno()))

    def __enter__(self) -> "FileOriginal":
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def whole(self) -> Loadable:
        """The file."""
        return Loadable(os.fdopen(os.dup(self.file.fileno()), "rb", buffering=0))

    def excerpt(self, needed: Needed) -> Loadable | None:
        """A copy in which other packets are empty."""
        file = open_excerpt(self.file, needed)
        return Loadable(file) if file else None


@dataclass(frozen=True)
class LiveOriginal:
    """What is kept of a live capture around a packet."""

    kept: Kept
    document: dict[str, Any]
    frame: int

    def __enter__(self) -> "LiveOriginal":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    @property
    def name(self) -> str:
        """What to call the capture."""
        return self.kept.name

    @property
    def path(self) -> str:
        """The file that has the packet."""
        return self.kept.path_of(self.frame)

    @property
    def stamp(self) -> Stamp:
        """What changes with the file. Raises CaptureGone where it was deleted meanwhile."""
        try:
            return stamp_of(os.stat(self.path))
        except OSError as error:
            raise self.kept.gone(self.frame) from error

    def whole(self) -> Loadable:
        """A copy of the file that has the packet, of the one before it and of the one after it."""
        loadable = self._copy(self.kept.near(self.frame), None)
        if not loadable.numbers or loadable.numbers.position(self.frame) is None:
            loadable.file.close()
            raise self.kept.gone(self.frame)
        return loadable

    def excerpt(self, needed: Needed) -> Loadable | None:
        """A copy of the packets that are needed, as far as they are kept."""
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
    """The capture of a document's packet. Raises EspcapError where it is gone or cannot be read."""
    check_packet(document)
    if is_live(document):
        return LiveOriginal(originals.kept(document), document, frame)
    capture, file = originals.open(str(document["capture_id"]), [str(document["file_name"])])
    return FileOriginal(capture.name, capture.path, file)
