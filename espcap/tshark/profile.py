"""Whether tshark can read a Wireshark configuration folder. Else it crashes, or dissects without the settings in it."""

import hashlib
import os
import subprocess
from collections.abc import Iterator

from espcap.errors import UsageError
from espcap.sources import printable
from espcap.tshark.program import User

_FIRST_UNREADABLE = """
for path do
    test -r "$path" && { test ! -d "$path" || test -x "$path"; } || { printf %s "$path"; exit; }
done
"""


def check_profile(folder: str, user: User | None) -> None:
    """Raises UsageError where it is not a folder, or the user that dissects cannot read all of it."""
    if not folder:
        return
    if not os.path.isdir(folder):
        hint = "--profile-dir takes a folder such as ~/.config/wireshark"
        raise UsageError(f"{printable(folder)} is not a folder", hint)
    if scripts := _scripts_beside(folder):
        hint = "name the folder above, if this is its plugins; or move them into a folder plugins in it"
        raise UsageError(f"{printable(folder)} has no folder plugins, so tshark would not load {scripts[0]}", hint)
    paths = [folder, *below(folder)]
    if user and (path := "" if user.reads_all else _first_unreadable(user, paths)):
        hint = f"let others read it: chmod -R o+rX {printable(folder)}, also the folders above, or name a copy"
        raise UsageError(f"tshark runs as {user.name}, who cannot read {printable(path)}", hint)
    for path in paths if not user else ():
        if not os.access(path, os.R_OK | os.X_OK if os.path.isdir(path) else os.R_OK):
            raise UsageError(f"cannot read {printable(path)}", "check its permissions")


def contents(folder: str) -> Iterator[bytes]:
    """The name and a digest of each file that it has, for what depends on them. Raises UsageError."""
    for path in filter(os.path.isfile, below(folder)):  # a pipe there would never end
        yield os.fsencode(os.path.relpath(path, folder))
        yield digest_file(path)


def digest_file(path: str) -> bytes:
    """A digest of a file's content. Raises UsageError where it cannot be read."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "blake2b").digest()
    except OSError as error:
        raise UsageError(
            f"cannot read {printable(path)}: {error.strerror}", "check the path and its permissions"
        ) from error


def _scripts_beside(folder: str) -> list[str]:
    """Dissectors that are where tshark does not look for them, and that no init.lua may load."""
    names = sorted(os.listdir(folder)) if os.access(folder, os.R_OK) else []
    if "plugins" in names or "init.lua" in names:
        return []
    return [printable(name) for name in names if name.endswith((".lua", ".so"))]


def below(folder: str) -> Iterator[str]:
    """All that the folder has, always in the same order, without Wireshark's notes of what was used last.

    Wireshark follows linked folders too. One that leads to where it lies is not followed again.
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
