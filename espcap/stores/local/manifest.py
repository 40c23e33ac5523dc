"""The manifest of a day: the list of its files, which is replaced as a whole by each commit.

A file that is not in the list is not part of the index: a writer has not committed it yet, or was killed.
"""

import fcntl
import os
import uuid
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson

from espcap.base.frames import FrameSet
from espcap.stores.local.layout import FORMAT, SUFFIX

NAME = "segments.json"

_MOST_PARSED = 512
"""Number of manifests that a process keeps."""

Run = tuple[int, int]
"""The first and the last of consecutive frame numbers."""


@dataclass(frozen=True)
class StoredFrames:
    """The packets of one capture in a file, dissected with the same settings."""

    capture: str
    settings: str
    """The `settings_id`; empty if the documents have none."""
    count: int
    runs: tuple[Run, ...] | None
    """Their frame numbers; None if they are too many runs to be listed."""


@dataclass(frozen=True)
class Entry:
    """A file of the index."""

    name: str
    packets: int
    bytes: int
    first: int | None
    """The earliest time in nanoseconds since 1970; None if no packet has a time."""
    last: int | None
    """The latest time."""
    frames: tuple[StoredFrames, ...]

    def may_contain(self, capture: str, frames: FrameSet) -> bool:
        """Returns False only if the file contains none of these frames of a capture; True may be wrong."""
        found = [each.runs for each in self.frames if each.capture == capture]
        return any(runs is None or frames.may_contain(runs[0][0], runs[-1][1]) for runs in found)


@dataclass(frozen=True)
class Manifest:
    """The files of a day after a commit."""

    identity: str = field(default_factory=lambda: uuid.uuid4().hex)
    """It differs from that of an index of the same day that was deleted."""
    generation: int = 0
    """It grows with each commit."""
    entries: tuple[Entry, ...] = ()

    def changed(self, added: Iterable[Entry], removed: Iterable[str]) -> "Manifest":
        """Returns the manifest after a commit that adds and removes files."""
        gone = set(removed)
        kept = (entry for entry in self.entries if entry.name not in gone)
        return Manifest(self.identity, self.generation + 1, (*kept, *added))


def exists(folder: Path) -> bool:
    """Returns whether the folder contains an index."""
    return (folder / NAME).exists()


def read_manifest(folder: Path) -> Manifest:
    """Reads the manifest of a day. Raises OSError, or ValueError if it is damaged or of another version."""
    return _parse((folder / NAME).read_bytes())


@lru_cache(_MOST_PARSED)
def _parse(content: bytes) -> Manifest:
    try:
        found = orjson.loads(content)
        if found["format"] > FORMAT:
            raise ValueError("a newer version of espcap made it")
        if found["format"] != FORMAT:
            raise ValueError("another version of espcap made it")
        if not isinstance(found["generation"], int):
            raise TypeError("generation")
        return Manifest(found["identity"], found["generation"], tuple(map(_entry, found["segments"])))
    except (KeyError, TypeError, orjson.JSONDecodeError) as error:
        raise ValueError(f"{NAME} is damaged") from error


_TYPES = {"name": str, "packets": int, "bytes": int, "first": int | None, "last": int | None, "frames": list}


def _entry(found: dict[str, Any]) -> Entry:
    for name, kind in _TYPES.items():
        if not isinstance(found[name], kind):
            raise TypeError(name)
    frames = tuple(
        StoredFrames(each["capture"], each["settings"], each["count"], each["runs"] and tuple(map(tuple, each["runs"])))
        for each in found["frames"]
    )
    return Entry(**{**found, "frames": frames})


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Replaces the manifest. When this returns, the change is durable."""
    found = {"format": FORMAT, "identity": manifest.identity, "generation": manifest.generation}
    text = orjson.dumps(found | {"segments": [asdict(entry) for entry in manifest.entries]})
    new = folder / f".{NAME}.new"
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.rename(folder / NAME)
    sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Makes the names of the files in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def check_files(folder: Path, manifest: Manifest) -> None:
    """Raises FileNotFoundError if a file of the manifest is missing, and ValueError if it has another size."""
    for entry in manifest.entries:
        if (folder / entry.name).stat().st_size != entry.bytes:
            raise ValueError(f"{entry.name} is damaged: it has another size than {NAME} says")


def remove_unlisted(folder: Path, manifest: Manifest) -> None:
    """Removes files that are not in the manifest, except those that a process holds a lock on.

    Call it only while no other process can write.
    """
    listed = {entry.name for entry in manifest.entries}
    for path in folder.iterdir():
        is_ours = path.name.endswith(SUFFIX) or path.name.startswith(".")
        if path.name not in listed and is_ours and path.is_file() and not _is_locked(path):
            path.unlink(missing_ok=True)


def _is_locked(path: Path) -> bool:
    try:
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False
