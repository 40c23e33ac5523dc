"""Reads the names that Wireshark shows for values of fields, such as TCP for 6 in ip.proto."""

import io
import json
import subprocess
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from espcap.base.errors import EspcapError
from espcap.fields.field import ValueName
from espcap.fields.registry import write_atomically
from espcap.tshark.process import Process
from espcap.tshark.program import Program, User, dissecting_user, environment
from espcap.tshark.scripts import script_options


def value_names(program: Program, field: str) -> list[ValueName]:
    """The names of a field's values, from `tshark -G values`.

    This takes seconds, because tshark prints 1.5 million lines. Raises EspcapError if tshark fails.
    """
    with _printed(program) as lines:
        return parse_value_names(lines, field)


def all_value_names(
    program: Program, profile_folder: str, scripts: Iterable[str], fields: Collection[str]
) -> dict[str, list[ValueName]]:
    """The names of the values of several fields, also of those that a profile or scripts add, by the names of fields.

    Fields without named values are left out. Raises EspcapError if tshark fails.
    """
    wanted = {field.encode() for field in fields}
    found: dict[str, list[ValueName]] = {}
    with _printed(program, profile_folder, scripts, dissecting_user(program)) as lines:
        for line in lines:
            if line[2:].partition(b"\t")[0] in wanted:
                columns = line.decode("utf-8", "replace").rstrip("\n").split("\t")
                if names := _names(columns):
                    found.setdefault(columns[1], []).extend(names)
    return found


@contextmanager
def _printed(
    program: Program, profile_folder: str = "", scripts: Iterable[str] = (), user: User | None = None
) -> Iterator[Iterable[bytes]]:
    """Yields the lines of `tshark -G values`. Raises EspcapError if tshark fails."""
    arguments = [program.path, "-G", "values", *script_options(scripts)]
    process = Process(arguments, subprocess.DEVNULL, environment(profile_folder), user)
    try:
        stream: Any = process.stdout
        yield io.BufferedReader(stream, 1 << 20)
        status = process.wait().status
    finally:
        process.stop()
    if status:
        raise EspcapError(f"tshark -G values failed with exit status {status}", "run espcap doctor")


def parse_value_names(lines: Iterable[bytes], field: str) -> list[ValueName]:
    """The names of a field's values, from the lines of `tshark -G values`.

    These are `V field value name`, `R field least greatest name` and `T field true-name false-name`, separated by tabs.
    """
    start = f"\t{field}\t".encode()
    found: list[ValueName] = []
    for line in lines:
        if line.startswith(start, 1):
            found += _names(line.decode("utf-8", "replace").rstrip("\n").split("\t"))
    return found


class KnownNames:
    """The names of values of some fields. They are kept in a file, because tshark takes seconds to print them."""

    def __init__(self, program: Program, path: Path) -> None:
        """`path` is that of the file."""
        self.wanted: Collection[str] = ()
        """The fields whose names can be asked for. Set it before the first call of `of`."""
        self._program = program
        self._path = path
        self._known: dict[str, list[ValueName]] | None = None

    def of(self, field: str, value: Any) -> str | None:
        """Returns the name of a value; None if there is none. Raises EspcapError if tshark fails."""
        if self._known is None:
            self._known = self._read()
        if not isinstance(value, int):
            return None
        return next((name for least, greatest, name in self._known.get(field, ()) if least <= value <= greatest), None)

    def _read(self) -> dict[str, list[ValueName]]:
        with suppress(OSError, ValueError):
            known: dict[str, list[ValueName]] = json.loads(self._path.read_bytes())
            if set(self.wanted) <= set(known):
                return known
        known = {field: [] for field in self.wanted} | all_value_names(self._program, "", (), self.wanted)
        with suppress(OSError):
            write_atomically(self._path, lambda name: _write_json(name, known))
        return known


def _write_json(name: str, known: dict[str, list[ValueName]]) -> None:
    Path(name).write_text(json.dumps(known), encoding="utf-8")


def _names(columns: list[str]) -> list[ValueName]:
    match columns:
        case ["V", _, value, *name] if "'" not in value:  # values that are characters need no name
            return [(int(value, 0), int(value, 0), "\t".join(name))]
        case ["R", _, least, greatest, name]:
            return [(int(least, 0), int(greatest, 0), name)]
        case ["T", _, true, false]:
            return [(1, 1, true), (0, 0, false)]
    return []
