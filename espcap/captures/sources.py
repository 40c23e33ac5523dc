"""Sources of packets (capture files, standard input, interfaces), and how to tell a capture from any other file."""

import hashlib
import os
import re
import stat
import sys
import uuid
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple

from espcap.base.errors import EspcapError, UsageError
from espcap.base.text import printable
from espcap.captures.compression import GZIP, LZ4, ZSTD, NotInflated, inflated, is_compressed

_CAPTURE_MAGICS = (
    bytes.fromhex("a1b2c3d4"),  # pcap, microseconds, big-endian
    bytes.fromhex("d4c3b2a1"),
    bytes.fromhex("a1b23c4d"),  # pcap, nanoseconds
    bytes.fromhex("4d3cb2a1"),
    bytes.fromhex("a1b2cd34"),  # pcap with Kuznetzov's longer records
    bytes.fromhex("34cdb2a1"),
    bytes.fromhex("0a0d0d0a"),  # pcapng
    b"snoop\0\0\0",
    b"btsnoop\0",
    b"RTSS",  # Network Monitor 1
    b"GMBU",  # Network Monitor 2
    b"XCP\0",  # NetXray, Sniffer for Windows
    b"TRSNIFF data",
    b"iptrace 1.0",
    b"iptrace 2.0",
)
_MAGIC_LENGTH = 16


class NotACapture(EspcapError):
    """A file or standard input does not begin like a capture."""


def _has_magic(head: bytes) -> bool:
    return head.startswith((*_CAPTURE_MAGICS, ZSTD, LZ4))  # the content of zstd and lz4 data is left to tshark


def _uncompressed_head(head: bytes) -> bytes:
    """The first bytes inside gzip data; empty if it cannot be decompressed."""
    try:
        return zlib.decompressobj(wbits=31).decompress(head, _MAGIC_LENGTH)
    except zlib.error:
        return b""


def can_be_capture(head: bytes) -> bool:
    """Returns whether a file can be a capture, compressed or not. `head` is its first few hundred bytes."""
    return _has_magic(_uncompressed_head(head) if head.startswith(GZIP) else head)


class Stamp(NamedTuple):
    """The attributes of a file that show, without reading it, whether its content has changed."""

    device: int
    inode: int
    size: int
    """Size in bytes."""
    modified: int
    """Time of the last change of the content, in nanoseconds since 1970, UTC."""
    changed: int
    """Time of the last change of the content or of the attributes, in nanoseconds since 1970, UTC."""


def stamp_of(status: os.stat_result) -> Stamp:
    """The stamp of a file, from the result of `os.stat`."""
    return Stamp(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def new_digest() -> "hashlib.blake2b":
    """The hash that makes a capture identifier from a capture's content."""
    return hashlib.blake2b(digest_size=16)


def _digest_inflated(file: BinaryIO) -> str:
    """The digest of the decompressed content of a file; empty if it cannot be decompressed."""
    digest = new_digest()
    try:
        for block in inflated(file):
            digest.update(block)
    except NotInflated:
        return ""
    return digest.hexdigest()


@dataclass(frozen=True)
class CaptureFile:
    """A regular file that contains a capture."""

    path: str
    size: int
    """Size on disk, in bytes."""
    modified: float
    """Time of the last change of the content, in seconds since 1970, UTC."""
    label: str = ""
    """The name to show and to store instead of the path."""
    stamp: Stamp | None = field(default=None, compare=False)
    """The stamp of the file when it was found."""

    @property
    def name(self) -> str:
        """The path as documents contain it: without a leading `./`, and with U+FFFD for a byte that is not UTF-8."""
        return self.label or without_here(os.fsencode(self.path).decode("utf-8", "replace"))

    def open(self) -> BinaryIO:
        """Opens the file, at its start. Raises EspcapError if it cannot be read, NotACapture if it is not a capture."""
        try:
            file = open(self.path, "rb", buffering=0)  # noqa: SIM115 - the caller closes it
            head = file.read(4096)
        except OSError as error:
            raise EspcapError(
                f"cannot read {printable(self.name)}: {error.strerror}", "check the file and its permissions"
            ) from error
        if head and not can_be_capture(head):
            file.close()
            raise NotACapture(
                f"{printable(self.name)} is not a capture",
                "espcap reads pcap and pcapng, also inside gzip, zstd or lz4",
            )
        file.seek(0)
        return file

    def identify(self, file: BinaryIO) -> str:
        """A digest of the whole content, 32 hexadecimal digits, which identifies the capture.

        A capture and its compressed copies have the same digest. For damaged compressed data it is the digest of the
        compressed bytes. Leaves the file at its start.
        """
        digest = _digest_inflated(file) if is_compressed(file) else ""
        file.seek(0)
        return digest or self.digest(file)

    def digest(self, file: BinaryIO) -> str:
        """A digest of the file's bytes, not decompressed, as earlier versions identified compressed captures too.

        Leaves the file at its start.
        """
        digest = new_digest()
        while block := file.read(1 << 20):
            digest.update(block)
        file.seek(0)
        return digest.hexdigest()


_HERE = re.compile(r"(?:\./+)+(?=[^/-])")


def without_here(path: str) -> str:
    """The path without a leading `./`, so that `--dir .` and `--file a.pcap` give a capture the same name."""
    return path[match.end() :] if (match := _HERE.match(path)) else path


@dataclass(frozen=True)
class StandardInput:
    """A capture that another program writes to standard input."""

    name: str = "-"

    def capture_id(self) -> str:
        """A random identifier, because the first document needs one before the whole content is known."""
        return uuid.uuid4().hex


@dataclass(frozen=True)
class Interfaces:
    """Network interfaces that are captured together."""

    names: tuple[str, ...]
    capture_filter: str = ""

    @property
    def name(self) -> str:
        return ", ".join(self.names)

    def capture_id(self) -> str:
        """A random identifier, new for each run."""
        return uuid.uuid4().hex


Source = CaptureFile | StandardInput | Interfaces


def capture_file(path: str) -> Source:
    """The source for a path that a user gives. `-` is standard input, which may be a file or a pipe.

    Raises EspcapError if the file does not exist or is a directory, a pipe or a device.
    """
    if path == "-":
        return _standard_input()
    try:
        status = os.stat(path)
    except OSError as error:
        raise EspcapError(f"cannot read {printable(path)}: {error.strerror}", "check the path") from error
    if stat.S_ISDIR(status.st_mode):
        raise EspcapError(f"{printable(path)} is a directory", f"read it with --dir {printable(path)}")
    if not stat.S_ISREG(status.st_mode):
        raise EspcapError(f"{printable(path)} is not a regular file", "pipe it in: --file - < FIFO")
    return CaptureFile(path, status.st_size, status.st_mtime, stamp=stamp_of(status))


def _standard_input() -> Source:
    if sys.stdin is None:
        raise EspcapError("standard input is closed", "pipe a capture in: tcpdump -w - | espcap --file -")
    descriptor = sys.stdin.fileno()
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        return StandardInput()
    return CaptureFile(f"/proc/self/fd/{descriptor}", status.st_size, status.st_mtime, "-", stamp_of(status))


def interfaces(names: tuple[str, ...], capture_filter: str = "") -> Interfaces:
    """The source for interfaces that a user names.

    Raises UsageError if a name cannot be that of an interface, or the capture filter starts with `-`.
    """
    for name in names:
        if name.startswith(("-", "TCP@", "rpcap://", "|")) or not name:
            raise UsageError(f"{printable(name)!r} is not an interface", "espcap --list shows the interfaces")
    if capture_filter.startswith("-"):
        raise UsageError(f"{printable(capture_filter)!r} is not a capture filter", "see man pcap-filter")
    return Interfaces(names, capture_filter)


def walk(
    folder: str, is_known: Callable[[CaptureFile], bool] = lambda file: False
) -> Iterator[CaptureFile | EspcapError]:
    """Yields the captures below a folder in the order of their paths, each once.

    Yields a NotACapture for each other file and an EspcapError for each subfolder that cannot be read. A file for which
    `is_known` returns True is not opened. Links to files are followed, links to folders are not. Raises EspcapError if
    the folder itself cannot be read.
    """
    if not os.path.isdir(folder):
        raise EspcapError(f"{printable(folder)} is not a directory", "read a single capture with --file")
    seen: set[tuple[int, int]] = set()
    for path in _regular_files(folder):
        if isinstance(path, EspcapError):
            yield path
            continue
        try:
            status = os.stat(path)
        except OSError:  # deleted in the meantime
            continue
        if (status.st_dev, status.st_ino) not in seen:
            seen.add((status.st_dev, status.st_ino))
            file = CaptureFile(path, status.st_size, status.st_mtime, stamp=stamp_of(status))
            yield file if is_known(file) or may_be_capture(path) else not_a_capture(path)


def _regular_files(folder: str) -> Iterator[str | EspcapError]:
    waiting = _entries(folder)
    while waiting:
        entry = waiting.pop()
        if entry.is_dir(follow_symlinks=False):
            try:
                waiting += _entries(entry.path)
            except EspcapError as error:
                yield error
        elif _is_file(entry):
            yield entry.path


def _entries(folder: str) -> list[os.DirEntry[str]]:
    """The entries of a folder in descending order of their names. Raises EspcapError if it cannot be read."""
    try:
        return sorted(os.scandir(folder), key=lambda entry: os.fsencode(entry.name), reverse=True)
    except OSError as error:
        raise EspcapError(f"cannot read {printable(folder)}: {error.strerror}", "check its permissions") from error


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:  # a link to itself, or to a folder that we are not allowed to read
        return False


def not_a_capture(path: str) -> NotACapture:
    """The error for a file in a directory that is not a capture."""
    return NotACapture(f"{printable(without_here(path))} is not a capture")


def may_be_capture(path: str) -> bool:
    """Returns whether the first bytes of a file are those of a capture.

    Returns True for a file that cannot be read, so that the error is reported when it is opened.
    """
    try:
        with open(path, "rb") as file:
            return can_be_capture(file.read(4096))
    except OSError:
        return True
