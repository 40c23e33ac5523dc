"""Finds the declarations of protocols: those of espcap, and those in folders of the user."""

from collections.abc import Sequence
from pathlib import Path

from espcap.base.errors import UsageError
from espcap.base.text import printable
from espcap.transactions.declaration import Declaration, Reader

_BUILT_IN = Path(__file__).with_name("protocols")


def load_declarations(reader: Reader, folders: Sequence[str] = ()) -> list[Declaration]:
    """Returns all declarations in the order of their names. One of the user replaces one of espcap with its type.

    Raises UsageError if a folder does not exist, or if a declaration is not valid.
    """
    return list({each.type: each for each in map(reader.read, declaration_files(folders))}.values())


def declaration_files(folders: Sequence[str] = ()) -> list[Path]:
    """Returns the files of all declarations. Raises UsageError if a folder does not exist."""
    paths = sorted(_BUILT_IN.glob("*.toml"))
    for folder in folders:
        if not Path(folder).is_dir():
            raise UsageError(f"the folder {printable(folder)} does not exist", "name a folder with declarations")
        paths += sorted(Path(folder).glob("*.toml"))
    return paths
