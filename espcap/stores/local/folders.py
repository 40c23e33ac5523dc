"""The folders of the days of a local index, and those that cannot be days: copies, and days without their list."""

from collections.abc import Iterable
from pathlib import Path

from espcap.base.errors import StoreError
from espcap.documents.types import TYPES, day_of, is_index
from espcap.stores.local import manifest
from espcap.stores.local.files import exists, failures
from espcap.stores.local.layout import SUFFIX
from espcap.stores.local.manifest import Manifest

_UNDATED = frozenset(each.undated for each in TYPES)


def day_folders(root: Path) -> list[Path]:
    """Returns the folders of the days, sorted by name; none if the index does not exist.

    Raises StoreError if a folder with packets does not have the name of a day, or has no list of files.
    """
    with failures(root):
        if not root.exists():
            return []
        folders = list(root.iterdir())
    days = [folder for folder in folders if exists(folder)]
    for folder in folders:
        check_list(folder)
    for day in days:
        _check_name(day)
    return sorted(days)


def check_list(folder: Path) -> None:
    """Raises StoreError if a folder has packets and no list of them; a writer makes the list before the first file."""
    with failures(folder):
        if not is_index(folder.name) or exists(folder) or not any(folder.glob(f"*{SUFFIX}")) or exists(folder):
            return
    hint = f"restore it from a backup, or remove {folder} and store its captures again"
    raise StoreError(f"the local index {folder} failed: {manifest.NAME} is missing", hint)


def _check_name(folder: Path) -> None:
    if day_of(folder.name) is None and folder.name not in _UNDATED:
        reason = f"{folder.name} is not the name of a day"
        hint = f"if it is a copy, move it out of {folder.parent}: its packets would be counted twice"
        raise StoreError(f"the local index {folder.parent} failed: {reason}", hint)


def check_copies(days: Iterable[tuple[Path, Manifest]]) -> None:
    """Raises StoreError if a day is a copy of another one: its packets would be counted twice."""
    seen: dict[str, Path] = {}
    for folder, listed in days:
        if original := seen.get(listed.identity):
            root = folder.parent
            reason = f"{original.name} and {folder.name} are copies of one day"
            raise StoreError(f"the local index {root} failed: {reason}", f"move the copy out of {root}")
        seen[listed.identity] = folder
