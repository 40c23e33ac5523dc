"""The names that Wireshark shows for values of a field: TCP for 6 in ip.proto."""

import subprocess
from collections.abc import Iterable

from espcap.errors import EspcapError
from espcap.tshark.program import Program, environment

ValueName = tuple[int, int, str]
"""The least value, the greatest, and their name."""


def value_names(program: Program, field: str) -> list[ValueName]:
    """The names of one field's values, from the million and a half lines of `tshark -G values`: takes seconds."""
    command = [program.path, "-G", "values"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment()) as process:
        assert process.stdout
        names = parse_value_names(process.stdout, field)
    if process.returncode:
        raise EspcapError(f"tshark -G values failed with exit status {process.returncode}", "run espcap doctor")
    return names


def parse_value_names(lines: Iterable[bytes], field: str) -> list[ValueName]:
    """Of lines `V field value name`, `R field least greatest name` and `T field true-name false-name`."""
    start = f"\t{field}\t".encode()
    found: list[ValueName] = []
    for line in lines:
        if line.startswith(start, 1):
            found += _names(line.decode("utf-8", "replace").rstrip("\n").split("\t"))
    return found


def _names(columns: list[str]) -> list[ValueName]:
    match columns:
        case ["V", _, value, *name] if "'" not in value:  # a character is named by itself
            return [(int(value, 0), int(value, 0), "\t".join(name))]
        case ["R", _, least, greatest, name]:
            return [(int(least, 0), int(greatest, 0), name)]
        case ["T", _, true, false]:
            return [(1, 1, true), (0, 0, false)]
    return []
