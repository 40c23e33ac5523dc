"""Finds the packet that makes tshark crash or hang, and dissects a capture without it."""

import contextlib
import re
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

from espcap.captures import without_data
from espcap.tshark.arguments import Settings, reading
from espcap.tshark.output import Output
from espcap.tshark.process import Process, write_all
from espcap.tshark.program import Program, User, environment

MOST_FAULTS = 3
"""Packets that are left out of one capture before the rest of it is given up."""

_FRAME_NUMBER = re.compile(rb'"frame\.number": "(\d+)"')
_LONGEST_LINE = 100


class RewrittenOutput(Output):
    """The output for a capture whose packets `without` have lost their data."""

    def __init__(
        self, arguments: list[str], settings: Settings, file: BinaryIO, user: User | None, without: frozenset[int]
    ) -> None:
        """Raises EspcapError where the capture is of a format that cannot be rewritten."""
        file.seek(0)
        capture = without_data(file, without)
        variables = environment(settings.profile_folder)
        process = Process(arguments, subprocess.PIPE, variables, user, settings.descriptors)
        super().__init__(process)
        self._passed = 0
        threading.Thread(target=self._pass_on, args=(capture,), daemon=True).start()

    @property
    def position(self) -> int:
        return self._passed

    def _pass_on(self, capture: Iterator[bytes]) -> None:
        assert self.tshark.stdin is not None
        with contextlib.suppress(OSError), self.tshark.stdin as stdin:  # an OSError: tshark is gone
            for block in capture:
                write_all(stdin, block)
                self._passed += len(block)


@dataclass(frozen=True)
class FaultyCapture:
    """An open capture file at some of whose packets tshark crashes or hangs."""

    program: Program
    settings: Settings
    user: User | None
    stall_timeout: float
    file: BinaryIO

    def read(self, without: frozenset[int]) -> Output:
        """Dissects it; the packets `without` have no data. Raises EspcapError where it cannot be rewritten."""
        return self._start(reading(self.program, self.settings), without)

    def locate(self, without: frozenset[int]) -> int | None:
        """The number of the packet at which tshark crashes or hangs; None where it now comes to an end.

        tshark prints in large blocks, so that what was read does not say how far it came. In this run it prints each
        packet at once, of every packet only the frame, and all packets.
        """
        everything = replace(self.settings, display_filter="")
        last, rest = 0, b""
        with self._start([*reading(self.program, everything, live=True), "-j", "frame"], without) as output:
            for block in output.blocks():
                rest = rest[-_LONGEST_LINE:] + block
                last = max([last, *map(int, _FRAME_NUMBER.findall(rest))])
            ended = output.finish()
        return last + 1 if output.stalled or ended.status < 0 else None

    def _start(self, arguments: list[str], without: frozenset[int]) -> Output:
        output = RewrittenOutput(arguments, self.settings, self.file, self.user, without)
        output.stall_timeout = self.stall_timeout
        return output
