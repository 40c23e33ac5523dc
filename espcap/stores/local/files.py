"""The files of the local index: a folder for each day, a lock for all writers, and error messages for failures."""

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

from espcap.base.errors import StoreError
from espcap.query.words import SEPARATORS
from espcap.stores import StoredDay
from espcap.stores.local.day import BODY, CAPTURE, FRAME, INFO, MILLISECONDS, NUMBERS, TEXTS, UNSEARCHABLE

_IDENTITY = "identity"
"""Name of the file with the identity of an index, which changes if the index is deleted and made again."""

_REMOVED = ".removed-"
"""Start of the name of a folder that is being deleted, or made."""

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
"""tantivy's types of an index's fields."""

_NOT_INVERTED = (NUMBERS, BODY)
"""Fields without an inverted index: columns are as fast for numbers, and bodies are not searched."""

_BODIES_AT_ONCE = 65_536
"""Bytes of bodies that are compressed together. An index is a quarter smaller than with tantivy's default, 16 KiB."""

_ATTEMPTS = 3
_LITTLE_ROOM = 32_000_000
"""Bytes of disk space. If less is free, a failure is reported as a full disk: a segment of the index may need them."""


_WORDS = "words"
"""Name of the tokenizer that splits a text into words."""


def build_schema() -> tantivy.Schema:
    """Returns tantivy's schema.

    Its fields are the terms of a document (see `Searchable`), its Info column, its identifier in two parts (capture and
    frame number), its time in milliseconds, and its JSON.
    """
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
    """Returns whether the folder contains an index: whether it has the file that is written last."""
    return not folder.name.startswith(_REMOVED) and (folder / "meta.json").exists()


def open_index(folder: Path) -> tantivy.Index:
    """Opens the index of a day as it was last committed, and creates it if it is missing. Raises StoreError."""
    with failures(folder):
        if not exists(folder):
            _make_index(folder)
        index = _open(folder)
        index.config_reader("manual")
        index.reload()
        return index


def read_index(folder: Path) -> tantivy.Index:
    """Opens the index of a day for searches, also without the right to write there. Raises StoreError."""
    with failures(folder):
        if os.access(folder, os.W_OK):
            return open_index(folder)
        for _ in range(_ATTEMPTS - 1):
            with suppress(OSError, ValueError):  # a writer has just merged a file into another
                return _open_elsewhere(folder)
        return _open_elsewhere(folder)


def _open_elsewhere(folder: Path) -> tantivy.Index:
    """Opens the index through links in a temporary folder, because tantivy creates a lock file in the index's folder.

    tantivy has opened all files when this returns.
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
    """Creates an index in a temporary folder and renames that. `remove_index` deletes folders of killed processes."""
    new = folder.with_name(f"{_REMOVED}{uuid.uuid4().hex}")
    new.mkdir(mode=0o700)
    tantivy.Index(build_schema(), str(new))
    meta = _meta(new)
    meta["index_settings"]["docstore_blocksize"] = (
        _BODIES_AT_ONCE  # tantivy's Python library has no options for this and the next change
    )
    for field in meta["schema"]:
        if field["name"] in _NOT_INVERTED:
            del field["options"]["indexing"]
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
    """Returns the index's identity and a number that grows with each commit; None if there is no index."""
    with failures(folder):
        return (identity(folder), _meta(folder)["opstamp"]) if exists(folder) else None


def _meta(folder: Path) -> dict[str, Any]:
    meta: dict[str, Any] = orjson.loads((folder / "meta.json").read_bytes())
    return meta


def identity(folder: Path) -> str:
    """Returns the identity of the index; empty if it is not written yet. No other index of the day has the same."""
    try:
        return (folder / _IDENTITY).read_text(encoding="ascii")
    except FileNotFoundError:
        return ""


def give_identity(folder: Path) -> None:
    """Writes an identity for the index if it is missing. The caller must hold the lock."""
    if not identity(folder):
        new = folder / f"{_IDENTITY}.new"
        new.write_text(uuid.uuid4().hex, encoding="ascii")
        new.rename(folder / _IDENTITY)


def measure(folder: Path) -> StoredDay:
    """Returns the name, number of documents, size and identity of an index. Raises StoreError."""
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
        with suppress(FileNotFoundError):  # a writer has merged it into another
            size += entry.stat().st_size
    return size


def remove_index(folder: Path) -> None:
    """Deletes the index, and the rest of earlier deletions that did not finish. The caller must hold the lock."""
    with failures(folder):
        if exists(folder):
            folder.rename(folder.with_name(f"{_REMOVED}{uuid.uuid4().hex}"))  # one step for other processes
        for rest in folder.parent.glob(f"{_REMOVED}*"):
            shutil.rmtree(rest)


def remove_uncommitted(folder: Path) -> None:
    """Removes the lists of deleted documents that a killed process left. The caller must hold the lock.

    tantivy would give the next commit the same number, and would stop because the file with that number exists.
    """
    committed = _meta(folder)["opstamp"]
    for path in folder.glob("*.del"):
        if int(path.suffixes[0][1:]) > committed:
            path.unlink()


def make_private(folder: Path) -> None:
    """Sets the permissions of the files so that only their owner can read and write them."""
    for entry in os.scandir(folder):
        with suppress(FileNotFoundError):  # tantivy has merged it into another
            if entry.stat().st_mode & 0o077:
                os.chmod(entry.path, 0o600)


class WriterLock:
    """The lock that a process must hold to write. The kernel releases it if the process dies."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / ".lock"
        self._waiting = folder / ".waiting"
        """A file on which processes that wait for the lock hold a shared lock."""
        self._handle: int | None = None

    def acquire(self) -> bool:
        """Waits for the lock. Returns False if this process already holds it. Raises OSError."""
        if self._handle is not None:
            return False
        with locked(self._waiting, fcntl.LOCK_SH):
            self._handle = _lock(self._path, fcntl.LOCK_EX)
        return True

    def is_held(self) -> bool:
        """Returns whether this process holds the lock."""
        return self._handle is not None

    def is_wanted(self) -> bool:
        """Returns whether other processes wait for the lock. Raises OSError."""
        try:
            with locked(self._waiting, fcntl.LOCK_EX | fcntl.LOCK_NB):
                return False
        except BlockingIOError:
            return True

    def release(self) -> None:
        """Releases the lock, if this process holds it."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def _lock(path: Path, operation: int) -> int:
    """Returns the descriptor of the opened and locked file. To close it releases the lock."""
    handle = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, operation)
    except BaseException:
        os.close(handle)
        raise
    return handle


@contextmanager
def locked(path: Path, operation: int) -> Iterator[None]:
    """Holds a lock on the file, which is created if it is missing. Raises OSError."""
    handle = _lock(path, operation)
    try:
        yield
    finally:
        os.close(handle)


@contextmanager
def failures(folder: Path) -> Iterator[None]:
    """Raises failures of the file system and of tantivy as StoreError with the folder's name and a hint."""
    try:
        yield
    except OSError as error:
        raise _store_error(folder, error.strerror or str(error), error.errno) from error
    except (ValueError, KeyError) as error:  # tantivy has no exceptions of its own
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
        hint = "make room on the disk; then run the same command again: it stores the missing packets"
    elif code is not None or "ermission" in reason:
        hint = "choose a folder that you can write to: --node local:DIR"
    elif "LockBusy" in reason:
        hint = f"another program has {folder} open: end it, then run espcap again"
    elif "another version" in reason:
        hint = f"remove {folder} and store its captures again"
    elif "writer was killed" in reason:  # tantivy does not report the cause
        hint = "check the disk; then run the same command again: it stores the missing packets"
    else:
        hint = f"if it is damaged, remove {folder} and store its captures again"
    return StoreError(f"the local index {folder} failed: {reason}", hint)
