"""Whether tshark can read a Wireshark configuration folder. Else it crashes, or dissects without the settings in it."""

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
    paths = [folder, *_below(folder)]
    if user and (path := "" if user.reads_all else _first_unreadable(user, paths)):
        hint = f"let others read it: chmod -R o+rX {printable(folder)}, also the folders above, or name a copy"
        raise UsageError(f"tshark runs as {user.name}, who cannot read {printable(path)}", hint)
    for path in paths if not user else ():
        if not os.access(path, os.R_OK | os.X_OK if os.path.isdir(path) else os.R_OK):
            raise UsageError(f"cannot read {printable(path)}", "check its permissions")


def _below(folder: str) -> Iterator[str]:
    """All that the folder has, without Wireshark's notes of what was used last."""
    for parent, folders, names in os.walk(folder):
        yield from (os.path.join(parent, name) for name in (*folders, *names) if not name.startswith("recent"))


def _first_unreadable(user: User, paths: list[str]) -> str:
    command = ["/bin/sh", "-c", _FIRST_UNREADABLE, "sh", *paths]
    ran = subprocess.run(command, user=user.uid, group=user.gid, extra_groups=[], capture_output=True, check=False)
    return os.fsdecode(ran.stdout)
