"""Reads the lists of fields and protocols of an installed tshark."""

import subprocess
from collections.abc import Iterable
from functools import partial

from espcap.base.errors import EspcapError
from espcap.tshark.process import Process
from espcap.tshark.program import Program, dissecting_user, environment
from espcap.tshark.scripts import script_options

_BLOCK = 1 << 20


def print_list(program: Program, name: str, profile_folder: str = "", scripts: Iterable[str] = ()) -> list[str]:
    """The lines that `tshark -G NAME` prints; `name` is `fields` or `protocols`.

    They include those of a profile's plugins and scripts, and of other scripts. tshark runs as the dissecting user,
    because from 4.4 on it runs no scripts as root. Raises EspcapError if tshark fails.
    """
    arguments = [program.path, "-G", name, *script_options(scripts)]
    process = Process(arguments, subprocess.DEVNULL, environment(profile_folder), dissecting_user(program))
    try:
        text = b"".join(iter(partial(process.stdout.read, _BLOCK), b""))
        status = process.wait().status
    finally:
        process.stop()
    if status:
        raise EspcapError(f"tshark -G {name} failed with exit status {status}", "run espcap doctor")
    return text.decode("utf-8", "replace").split("\n")
