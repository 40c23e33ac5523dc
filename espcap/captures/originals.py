"""Finds the captures that documents were made from, and verifies that their content is still the same."""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from espcap.base.errors import EspcapError
from espcap.base.members import frame_number, part
from espcap.base.paths import spool_folder
from espcap.base.text import printable
from espcap.captures.compression import is_compressed
from espcap.captures.kept import CAPTURES, CaptureGone, Kept, find_kept, run_of
from espcap.captures.sources import CaptureFile, capture_file, walk, without_here

_ELSEWHERE = "run espcap in the folder from which it was stored, or name the folder that contains it now with --dir"


class Originals:
    """Finds captures by the file names in documents, and below given folders by the content of the files."""

    def __init__(self, folders: Sequence[str] = ()) -> None:
        self._folders = folders
        self._others: dict[str, set[str]] = {}
        """For each path, the identifiers of captures that the file does not contain."""

    def open(self, capture_id: str, names: Iterable[str]) -> tuple[CaptureFile, BinaryIO]:
        """The capture with the identifier `capture_id`, and its open file, at its start.

        Raises CaptureGone if it is not found, and EspcapError if its file cannot be read.
        """
        names = list(names)
        failures: list[EspcapError] = []
        for path in (*_paths(names), *self._candidates(names)):
            try:
                opened = self._open(path, capture_id)
            except EspcapError as error:
                failures += [error] if os.path.exists(path) else []
            else:
                if opened:
                    return opened
                changed = f"{printable(path)} is no longer the capture that was stored: its content has changed"
                failures += [CaptureGone(changed, _ELSEWHERE)] if path in names else []
        raise failures[0] if failures else _gone(names)

    def kept(self, document: dict[str, Any]) -> Kept:
        """The kept files of a document's live capture. Raises CaptureGone if no file is kept."""
        host = printable(part(document, "observer").get("hostname", ""))
        name = f"the live capture{f' on {host}' if host else ''}"
        folders = [spool_folder() / CAPTURES, *map(Path, self._folders)]
        files = find_kept(str(document["capture_id"]), folders)
        if not files:
            hint = "espcap search shows its document; --keep-captures keeps packets, and --dir names another --spool"
            raise CaptureGone(f"no capture file of {name} is kept here", hint)
        return Kept(files, name)

    def _open(self, path: str, capture_id: str) -> tuple[CaptureFile, BinaryIO] | None:
        capture = capture_file(path)
        if not isinstance(capture, CaptureFile) or capture_id in self._others.get(path, ()):
            return None
        file = capture.open()
        digest = capture.identify(file)
        if digest != capture_id and is_compressed(file):
            digest = capture.digest(file)  # earlier versions identified compressed captures like this
        if digest == capture_id:
            return capture, file
        self._others.setdefault(path, set()).add(capture_id)
        file.close()
        return None

    def _candidates(self, names: list[str]) -> Iterator[str]:
        """Yields the paths of the captures below the folders, those with one of the names first."""
        bases = {os.path.basename(name) for name in names}
        found = [each.path for folder in self._folders for each in walk(folder) if isinstance(each, CaptureFile)]
        found = [path for path in found if not run_of(os.path.basename(path))]
        yield from sorted(found, key=lambda path: os.path.basename(path) not in bases)


def check_packet(document: dict[str, Any]) -> None:
    """Raises CaptureGone if a document does not name a capture and a frame number."""
    if "capture_id" not in document or frame_number(document) is None:
        raise CaptureGone("espcap did not store this document", "espcap search shows it")


def is_live(document: dict[str, Any]) -> bool:
    """Returns whether a document's packet comes from a live capture."""
    return "file_name" not in document


def _gone(names: list[str]) -> CaptureGone:
    if names in ([], ["-"]):
        return CaptureGone("the capture came on standard input", "name the folder that contains it with --dir")
    return CaptureGone(f"the capture {' or '.join(map(printable, names))} is gone", _ELSEWHERE)


def _paths(names: list[str]) -> Iterator[str]:
    """Yields the paths of captures by their names in documents.

    Documents write U+FFFD for a byte that is not UTF-8. For such a name, all files of its folder are compared.
    """
    for name in names:
        if "\ufffd" not in name:
            yield from () if name == "-" else (name,)
            continue
        folder = os.path.dirname(name)
        try:
            entries = os.listdir(folder or ".")
        except OSError:
            continue
        paths = (os.path.join(folder, entry) for entry in entries)
        yield from (path for path in paths if CaptureFile(path, 0, 0).name == without_here(name))
