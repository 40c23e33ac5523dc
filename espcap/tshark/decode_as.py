"""Passes the rules of `-d` and scripts to sharkd, which has no such options, in files of its configuration folder."""

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from espcap.base.errors import UsageError
from espcap.tshark.arguments import Settings
from espcap.tshark.lists import print_list
from espcap.tshark.program import Program

_RULE = re.compile(r"([^=,]+)==([^,]*),(.+)")
_NUMBERS = re.compile(r"(0x[0-9a-f]+|[0-9]+)(?:([-:])(0x[0-9a-f]+|[0-9]+))?", re.I)
_FILE = "decode_as_entries"
_MOST_NUMBERS = 65_536


@contextmanager
def decoded_as(program: Program, settings: Settings) -> Iterator[Settings]:
    """Yields the settings with a profile folder that contains their rules, their scripts, and all of their own profile.

    The folder exists while the context lasts. tshark must have accepted the rules before. Raises UsageError for a rule
    that cannot be written to the file.
    """
    if not settings.decode_as and not settings.scripts:
        yield settings
        return
    lines = "".join(f"decode_as_entry: {entry}\n" for entry in _entries(program, settings))
    with tempfile.TemporaryDirectory(prefix="espcap-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # sharkd may run as another user
        before = _link_profile(folder, settings.profile_folder)
        (folder / _FILE).write_text(before + lines, encoding="utf-8")
        _link_scripts(folder / "plugins", settings.scripts)
        yield replace(settings, decode_as=(), scripts=(), profile_folder=name)


def _link_profile(folder: Path, profile: str) -> str:
    """Makes links to all entries of a profile except its own rules, and returns these rules."""
    if not profile:
        return ""
    for entry in os.scandir(profile):
        if entry.name != _FILE:
            (folder / entry.name).symlink_to(os.path.abspath(entry.path))
    own = Path(profile) / _FILE
    return own.read_text(encoding="utf-8", errors="replace") if own.exists() else ""


def _link_scripts(plugins: Path, scripts: tuple[str, ...]) -> None:
    """Makes links to scripts in the folder of plugins, which may itself be a link to the plugins of a profile."""
    if not scripts:
        return
    own = sorted(plugins.iterdir()) if plugins.exists() else []
    targets = [path.resolve() for path in own]
    plugins.unlink(missing_ok=True)
    plugins.mkdir(mode=0o755)
    for path, target in zip(own, targets, strict=True):
        path.symlink_to(target)
    for number, script in enumerate(scripts):
        (plugins / f"espcap-{number}-{os.path.basename(script)}").symlink_to(script)


def _entries(program: Program, settings: Settings) -> Iterator[str]:
    """Yields entries such as `tcp.port,88,(none),HTTP`: table, value, usual dissector, short name of the wanted one."""
    columns = (line.split("\t") for line in print_list(program, "protocols", settings.profile_folder, settings.scripts))
    short = {column[2]: column[1] for column in columns if len(column) > 2}
    for rule in settings.decode_as:
        match = _RULE.fullmatch(rule)
        if not match or match[3] not in short:
            raise UsageError(
                f"{rule!r} cannot be used to show packets", "write TABLE==VALUE,PROTOCOL, such as tcp.port==88,http"
            )
        for value in _values(match[2].strip()):
            yield f"{match[1].strip()},{value},(none),{short[match[3]]}"


def _values(text: str) -> Iterator[str]:
    """Yields the values that a rule names: a text; a number, 80; a range, 80-89; or 10 numbers from 80 on, 80:10."""
    match = _NUMBERS.fullmatch(text)
    if not match:
        yield text
        return
    first, last = int(match[1], 0), int(match[3] or match[1], 0)
    end = first + last if match[2] == ":" else last + 1
    yield from map(str, range(first, min(end, first + _MOST_NUMBERS)))
