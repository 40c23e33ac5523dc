"""The files of the local index: a folder for each day, one lock for all writers, and what a failure of them means."""

import errno
import fcntl
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import tantivy

from espcap.errors import StoreError
from espcap.query.words import SEPARATORS
from espcap.stores import StoredDay
from espcap.stores.local.day import BODY, CAPTURE, FRAME, INFO, MILLISECONDS, NUMBERS, TEXTS, UNSEARCHABLE

_IDENTITY = "identity"
"""The file that tells an index from one that takes its place later."""

_REMOVED = ".removed-"
"""Starts the name of a folder whose removal began."""

_TYPES = {
    NUMBERS: "json_object",
    TEXTS: "json_object",
    UNSEARCHABLE: "text",
    INFO: "text",
    CAPTURE: "text",
    FRAME: "u64",
    MILLISECONDS: "i64",
    BODY: "text",
}
"""tantivy's types of the fields of an index."""

_NOT_INVERTED = (NUMBERS, BODY)
"""Fields without an inverted index: ranges of columns find numbers as fast, and a body is only stored."""

_BODIES_AT_ONCE = 65_536
"""Bytes of bodies that are compressed together: an index is a quarter smaller than with tantivy's own 16 KiB."""

_ATTEMPTS = 3
_LITTLE_ROOM = 32_000_000
"""Bytes; a segment may need more."""


_WORDS = "words"
"""The name, in an index, of what makes words of a text."""


def build_schema() -> tantivy.Schema:
    """The fields of a document: what `Searchable` has, its info, its identifier in two parts, its time and its body."""
    builder = tantivy.SchemaBuilder()
    builder.add_json_field(NUMBERS, fast=True)
    builder.add_json_field(TEXTS, fast=True, tokenizer_name="raw", index_option="basic")
    builder.add_text_field(UNSEARCHABLE, tokenizer_name="raw", index_option="basic")
    builder.add_text_field(INFO, tokenizer_name=_WORDS, index_option="position")
    builder.add_text_field(CAPTURE, tokenizer_name="raw", index_option="basic", stored=True)
    builder.add_unsigned_field(FRAME, indexed=True, fast=True, stored=True)
    builder.add_integer_field(MILLISECONDS, fast=True)
    builder.add_text_field(BODY, stored=True)
    return builder.build()


def exists(folder: Path) -> bool:
    """Whether the folder holds an index, as far as its one file that is written last says."""
    return not folder.name.startswith(_REMOVED) and (folder / "meta.json").exists()


def open_index(folder: Path) -> tantivy.Index:
    """Opens the index of a day, with all that is committed; makes it where there is none."""
    with failures(folder):
        if not exists(folder):
            _make_index(folder)
        index = _open(folder)
        index.config_reader("manual")
        index.reload()
        return index


def read_index(folder: Path) -> tantivy.Index:
    """Opens the index of a day to be searched, which needs no right to write there."""
    with failures(folder):
        if os.access(folder, os.W_OK):
            return open_index(folder)
        for _ in range(_ATTEMPTS - 1):
            with suppress(OSError, ValueError):  # who writes has merged a file into another
                return _open_elsewhere(folder)
        return _open_elsewhere(folder)


def _open_elsewhere(folder: Path) -> tantivy.Index:
    """Opens the index through links in a folder of our own: tantivy makes a file for its lock beside those it reads.

    It has all files open when this returns.
    """
    with tempfile.TemporaryDirectory(prefix="espcap-") as links:
        for entry in os.scandir(folder):
            if not entry.name.endswith(".lock"):
                os.symlink(os.path.abspath(entry.path), os.path.join(links, entry.name))
        index = _open(Path(links))
        index.config_reader("manual")
        index.reload()
        return index


def _make_index(folder: Path) -> None:
    """Makes the folder with all that it needs at once; what an end in between leaves goes with what is removed."""
    new = folder.with_name(f"{_REMOVED}{uuid.uuid4().hex}")
    new.mkdir(mode=0o700)
    tantivy.Index(build_schema(), str(new))
    meta = _meta(new)
    meta["index_settings"]["docstore_blocksize"] = _BODIES_AT_ONCE  # tantivy's Python has no option for that
    for field in meta["schema"]:
        if field["name"] in _NOT_INVERTED:
            del field["options"]["indexing"]  # nor for that
    (new / "meta.json").write_bytes(orjson.dumps(meta))
    new.rename(folder)


def _open(folder: Path) -> tantivy.Index:
    if {field["name"]: field["type"] for field in _meta(folder)["schema"]} != _TYPES:
        raise ValueError("another version of espcap made it")
    index = tantivy.Index.open(str(folder))
    index.register_tokenizer(_WORDS, _analyzer())
    return index


@cache
def _analyzer() -> tantivy.TextAnalyzer:
    tokenizer = tantivy.Tokenizer.regex(f"[^{SEPARATORS}]+")
    return tantivy.TextAnalyzerBuilder(tokenizer).filter(tantivy.Filter.lowercase()).build()


def state(folder: Path) -> tuple[str, int] | None:
    """The index's identity and a number that grows with every commit to it; None where there is no index."""
    with failures(folder):
        return (identity(folder), _meta(folder)["opstamp"]) if exists(folder) else None


def _meta(folder: Path) -> dict[str, Any]:
    meta: dict[str, Any] = orjson.loads((folder / "meta.json").read_bytes())
    return meta


def identity(folder: Path) -> str:
    """What tells this index from another one of the same day; empty where it was not given yet."""
    try:
        return (folder / _IDENTITY).read_text(encoding="ascii")
    except FileNotFoundError:
        return ""


def give_identity(folder: Path) -> None:
    """Gives the index an identity where it has none. Only for who holds the lock."""
    if not identity(folder):
        new = folder / f"{_IDENTITY}.new"
        new.write_text(uuid.uuid4().hex, encoding="ascii")
        new.rename(folder / _IDENTITY)


def measure(folder: Path) -> StoredDay:
    """What is committed to the index."""
    with failures(folder):
        segments = _meta(folder)["segments"]
        documents = sum(segment["max_doc"] - _deleted(segment) for segment in segments)
        loaded = (folder / "meta.json").stat().st_mtime
        return StoredDay(folder.name, documents, _size(folder), identity(folder), loaded=loaded)


def _deleted(segment: dict[str, Any]) -> int:
    return int((segment.get("deletes") or {}).get("num_deleted_docs", 0))


def _size(folder: Path) -> int:
    size = 0
    for entry in os.scandir(folder):
        with suppress(FileNotFoundError):  # who writes has merged it into another
            size += entry.stat().st_size
    return size


def remove_index(folder: Path) -> None:
    """Removes the index, and what an earlier removal that was cut short has left. Only for who holds the lock."""
    with failures(folder):
        if exists(folder):
            folder.rename(folder.with_name(f"{_REMOVED}{uuid.uuid4().hex}"))  # at once for all who look
        for rest in folder.parent.glob(f"{_REMOVED}*"):
            shutil.rmtree(rest)


def remove_uncommitted(folder: Path) -> None:
    """Removes the lists of deleted documents that a killed process left: tantivy gives the next commit the same number,
    and ends if the file with that number exists. Only for who holds the lock."""
    committed = _meta(folder)["opstamp"]
    for path in folder.glob("*.del"):
        if int(path.suffixes[0][1:]) > committed:
            path.unlink()


def make_private(folder: Path) -> None:
    """Takes the files from all but their owner, who alone can pass the folder anyway."""
    for entry in os.scandir(folder):
        with suppress(FileNotFoundError):  # tantivy has merged it into another
            if entry.stat().st_mode & 0o077:
                os.chmod(entry.path, 0o600)


class WriterLock:
    """The right to write, which one process has at a time. The kernel takes it back from a process that dies."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / ".lock"
        self._waiting = folder / ".waiting"
        """A file that who waits for the right holds a shared lock of."""
        self._handle: int | None = None

    def acquire(self) -> bool:
        """Waits for the right; False where it was there already."""
        if self._handle is not None:
            return False
        with locked(self._waiting, fcntl.LOCK_SH):
            self._handle = _lock(self._path, fcntl.LOCK_EX)
        return True

    def is_held(self) -> bool:
        """Whether the right is there."""
        return self._handle is not None

    def is_wanted(self) -> bool:
        """Whether others wait for it."""
        try:
            with locked(self._waiting, fcntl.LOCK_EX | fcntl.LOCK_NB):
                return False
        except BlockingIOError:
            return True

    def release(self) -> None:
        """Gives the right back, if it is there."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def _lock(path: Path, operation: int) -> int:
    """The file, open and locked; whoever closes it lets go of the lock."""
    handle = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, operation)
    except BaseException:
        os.close(handle)
        raise
    return handle


@contextmanager
def locked(path: Path, operation: int) -> Iterator[None]:
    """Holds a lock of the file, which is made if there is none."""
    handle = _lock(path, operation)
    try:
        yield
    finally:
        os.close(handle)


@contextmanager
def failures(folder: Path) -> Iterator[None]:
    """Tells failures of the file system and of tantivy as StoreError with the folder's name."""
    try:
        yield
    except OSError as error:
        raise _store_error(folder, error.strerror or str(error), error.errno) from error
    except (ValueError, KeyError) as error:  # tantivy has no class of its own
        raise _store_error(folder, str(error), None) from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise _store_error(folder, f"tantivy failed: {error}", None) from error


def _is_nearly_full(folder: Path) -> bool:
    try:
        return shutil.disk_usage(folder).free < _LITTLE_ROOM
    except OSError:
        return False


def _store_error(folder: Path, reason: str, code: int | None) -> StoreError:
    if code in (errno.ENOSPC, errno.EDQUOT) or "No space left" in reason or _is_nearly_full(folder):
        hint = "make room on the disk; the same command again stores what is missing"
    elif code is not None or "ermission" in reason:
        hint = "choose a folder that you can write to: --node local:DIR"
    elif "LockBusy" in reason:
        hint = f"another program has {folder} open: end it, then run espcap again"
    elif "another version" in reason:
        hint = f"remove {folder} and store its captures again"
    elif "writer was killed" in reason:  # tantivy keeps the cause to itself
        hint = "look whether the disk is in order; the same command again stores what is missing"
    else:
        hint = f"if it is damaged, remove {folder} and store its captures again"
    return StoreError(f"the local index {folder} failed: {reason}", hint)
