"""The programs that are measured: espcap, and others that people use instead."""

import sys
from typing import NamedTuple

PYTHON = sys.executable
ESPCAP = [PYTHON, "-m", "espcap", "--file", "{capture}"]
PYSHARK = [PYTHON, "-m", "bench.pyshark_loop", "{capture}"]
EK, LIMIT, FOREIGN_BULK = "tshark -T ek", "tshark -T fields -e frame.number", "helpers.bulk of EK documents"
LOOP, LOOP_EK = "pyshark loop", "pyshark loop, use_ek"
ALL, ALL_EK = f"{LOOP}, every value", f"{LOOP_EK}, every value"
NATIVE, LOCAL, BULK = "espcap", "espcap --node local", "espcap --node ELASTICSEARCH"
JSON = "espcap, JSON reader"


class Command(NamedTuple):
    """A command line in which `{capture}`, `{folder}` and `{url}` are to be replaced."""

    name: str
    words: list[str]
    most: int = 1_000_000
    """Packets of the largest capture that it is worth the time for."""
    reader: str = "native"
    """For espcap: ESPCAP_READER."""
    only: str = ""
    """The kind of capture that it is measured on; any kind without one."""


COMMANDS = [
    Command(EK, ["tshark", "-n", "-T", "ek", "-r", "{capture}"], 100_000),
    Command(LIMIT, ["tshark", "-n", "-T", "fields", "-e", "frame.number", "-r", "{capture}"]),
    Command(NATIVE, ESPCAP),
    Command(JSON, ESPCAP, 100_000, "json"),
    Command(LOCAL, [*ESPCAP, "--node", "local:{folder}"]),
    Command(FOREIGN_BULK, [PYTHON, "-m", "bench.helpers_bulk", "{capture}", "{url}"], 100_000, only="HTTP"),
    Command(BULK, [*ESPCAP, "--node", "{url}"], 100_000, only="HTTP"),
    Command(LOOP, PYSHARK, 10_000, only="HTTP"),
    Command(LOOP_EK, [*PYSHARK, "--use-ek"], 10_000, only="HTTP"),
    Command(ALL, [*PYSHARK, "--every-value"], 10_000, only="HTTP"),
    Command(ALL_EK, [*PYSHARK, "--use-ek", "--every-value"], 100_000, only="HTTP"),
]
