"""Records the fields of the user's own dissectors in a local index: one file, which is always replaced as a whole."""

import fcntl
from pathlib import Path

from espcap.base.errors import StoreError
from espcap.fields.own_fields import OwnFields, parse_own_fields, write_own_fields
from espcap.stores.local.files import failures, locked

NAME = "own-fields.json"


def read_record(folder: Path) -> OwnFields | None:
    """Returns the recorded fields; None without a record. Raises StoreError if the file cannot be read."""
    path = folder / NAME
    with failures(folder):
        try:
            text = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
    try:
        return parse_own_fields(text)
    except ValueError as error:
        hint = f"remove it; the next run with --profile-dir writes it again: {path}"
        raise StoreError(f"the record of own fields {path} is damaged: {error}", hint) from error


def add_to_record(folder: Path, own: OwnFields, address: str) -> None:
    """Adds fields to those that are recorded; several processes may do this at the same time. Raises StoreError."""
    with failures(folder), locked(folder / f".{NAME}.lock", fcntl.LOCK_EX):
        recorded = read_record(folder)
        merged = (recorded or OwnFields()).merged(own, address)
        if merged != recorded:
            write_own_fields(folder / NAME, merged)
