"""Finds the dissectors in folders of protocols, which are scripts in Lua, and passes them to tshark."""

import os
from collections.abc import Iterable, Iterator

from espcap.base.errors import UsageError
from espcap.base.text import printable
from espcap.tshark.profile import digest_file


def find_scripts(folders: Iterable[str]) -> tuple[str, ...]:
    """The absolute paths of the scripts directly in these folders. Raises UsageError if a folder has no script."""
    return tuple(path for folder in folders for path in _scripts_in(os.path.abspath(folder)))


def _scripts_in(folder: str) -> list[str]:
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith(".lua"))
    except OSError as error:
        hint = "--protocol-dir takes a folder that espcap new-protocol made"
        raise UsageError(f"cannot read {printable(folder)}: {error.strerror}", hint) from error
    if not names:
        hint = "--protocol-dir takes a folder that espcap new-protocol made; --profile-dir takes a profile"
        raise UsageError(f"{printable(folder)} has no dissector, a file NAME.lua", hint)
    return [os.path.join(folder, name) for name in names]


def script_options(scripts: Iterable[str]) -> list[str]:
    """The options with which tshark loads the scripts."""
    return [word for path in scripts for word in ("-X", f"lua_script:{path}")]


def script_contents(scripts: Iterable[str]) -> Iterator[bytes]:
    """Yields a digest of the content of each script. Raises UsageError if one cannot be read."""
    return map(digest_file, scripts)
