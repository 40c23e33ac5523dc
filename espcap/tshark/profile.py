"""Tests whether tshark can read a Wireshark configuration folder, and reads its files.

If tshark cannot read it, it crashes or silently dissects without the settings.
"""

import hashlib
import os
import subprocess
from collections.abc import Iterator

from espcap.base.errors import UsageError
from espcap.base.text import printable, shell_word
from espcap.tshark.program import User

_FIRST_UNREADABLE = """
for path do
    test -r "$path" && { test ! -d "$path" || test -x "$path"; } || { printf %s "$path"; exit; }
done
"""


def check_profile(folder: str, user: User | None) -> None:
    """Raises UsageError if it is not a folder, tshark would not load its scripts, or `user` cannot read all of it.

    Does nothing if `folder` is empty. `user` is the user that tshark runs as, if it is another.
    """
    if not folder:
        return
    if not os.path.isdir(folder):
        hint = "--profile-dir takes a folder such as ~/.config/wireshark"
        raise UsageError(f"{printable(folder)} is not a folder", hint)
    if scripts := _scripts_beside(folder):
        hint = "name the folder above if this is its plugins folder, or move the files to a subfolder named plugins"
        raise UsageError(f"{printable(folder)} has no folder plugins, so tshark would not load {scripts[0]}", hint)
    check_readable([folder, *below(folder)], user)


def check_readable(paths: list[str], user: User | None) -> None:
    """Raises UsageError if tshark cannot read these files and folders. `user` is the user that it runs as, if another.

    The message names the first of them.
    """
    if user and (path := "" if user.reads_all else _first_unreadable(user, paths)):
        hint = f"let others read it: chmod -R o+rX {shell_word(paths[0])}, also the folders above, or name a copy"
        raise UsageError(f"tshark runs as {user.name}, who cannot read {printable(path)}", hint)
    for path in paths if not user else ():
        if not os.access(path, os.R_OK | os.X_OK if os.path.isdir(path) else os.R_OK):
            raise UsageError(f"cannot read {printable(path)}", "check its permissions")


def contents(folder: str) -> Iterator[bytes]:
    """Yields the name and a digest of the content of each file in a folder. Raises UsageError if one cannot be read."""
    for path in filter(os.path.isfile, below(folder)):  # reading a pipe might never end
        yield os.fsencode(os.path.relpath(path, folder))
        yield digest_file(path)


def digest_file(path: str) -> bytes:
    """A digest of a file's content. Raises UsageError if it cannot be read."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "blake2b").digest()
    except OSError as error:
        raise UsageError(
            f"cannot read {printable(path)}: {error.strerror}", "check the path and its permissions"
        ) from error


def _scripts_beside(folder: str) -> list[str]:
    """Names of dissectors directly in the folder, from where tshark does not load them.

    Empty if the folder has a subfolder `plugins`, or an init.lua, which may load them.
    """
    names = sorted(os.listdir(folder)) if os.access(folder, os.R_OK) else []
    if "plugins" in names or "init.lua" in names:
        return []
    return [printable(name) for name in names if name.endswith((".lua", ".so"))]


def below(folder: str) -> Iterator[str]:
    """Yields the paths of all files and folders below a folder, in a fixed order.

    Leaves out Wireshark's files `recent*`, which change with each use. Follows links to folders, as Wireshark does, but
    not into a folder that it has already visited.
    """
    seen: set[str] = set()
    for parent, folders, names in os.walk(folder, followlinks=True):
        seen.add(os.path.realpath(parent))
        folders[:] = sorted(name for name in folders if os.path.realpath(os.path.join(parent, name)) not in seen)
        yield from (os.path.join(parent, name) for name in (*folders, *sorted(names)) if not name.startswith("recent"))


def _first_unreadable(user: User, paths: list[str]) -> str:
    command = ["/bin/sh", "-c", _FIRST_UNREADABLE, "sh", *paths]
    ran = subprocess.run(command, user=user.uid, group=user.gid, extra_groups=[], capture_output=True, check=False)
    return os.fsdecode(ran.stdout)
