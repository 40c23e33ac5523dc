"""Finds the packet that makes tshark crash or hang, and dissects a capture without it."""

import contextlib
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import BinaryIO

from espcap.captures.rewriting import without_data
from espcap.tshark.arguments import Settings, json_command
from espcap.tshark.output import Output, read_json
from espcap.tshark.process import Process, write_all
from espcap.tshark.program import Program, User, environment

MOST_FAULTS = 3
"""The most packets that are left out of one capture. At the next fault the rest of the capture is not read."""

_FRAME_NUMBER = re.compile(rb'"frame\.number": "(\d+)"')
_LONGEST_LINE = 100


class RewrittenOutput(Output):
    """The output for a capture in which some packets are empty."""

    def __init__(self, start: Callable[[], Process], file: BinaryIO, without: frozenset[int]) -> None:
        """`start` starts a tshark that reads a pipe; `without` are the frame numbers of the packets to empty.

        Raises EspcapError if the format of the capture is not supported.
        """
        file.seek(0)
        capture = without_data(file, without)
        super().__init__(start())
        self._passed = 0
        threading.Thread(target=self._pass_on, args=(capture,), daemon=True).start()

    @property
    def position(self) -> int:
        return self._passed

    def _pass_on(self, capture: Iterator[bytes]) -> None:
        assert self.tshark.stdin is not None
        with contextlib.suppress(OSError), self.tshark.stdin as stdin:  # an OSError: tshark has ended
            for block in capture:
                write_all(stdin, block)
                self._passed += len(block)


@dataclass(frozen=True)
class FaultyCapture:
    """An open capture file with packets that make tshark crash or hang."""

    program: Program
    settings: Settings
    user: User | None
    stall_timeout: float
    file: BinaryIO

    def read(self, without: frozenset[int]) -> Output:
        """Dissects the capture; packets with a frame number in `without` are empty.

        Raises EspcapError if the format of the capture is not supported.
        """
        start = partial(read_json, self.program, self.settings, subprocess.PIPE, self.user, live=False)
        return self._start(start, without)

    def locate(self, without: frozenset[int]) -> int | None:
        """The frame number of the packet that makes tshark crash or hang; None if tshark now reads the whole capture.

        Packets with a frame number in `without` are empty. Usually tshark prints in large blocks, so its output does
        not show how far it got. In this run it prints the layer `frame` of every packet, and each packet at once.
        """
        everything = replace(self.settings, display_filter="")
        last, rest = 0, b""
        arguments = [*json_command(self.program, everything, live=True), "-j", "frame"]
        variables = environment(self.settings.profile_folder)
        start = partial(Process, arguments, subprocess.PIPE, variables, self.user, self.settings.descriptors)
        with self._start(start, without) as output:
            for block in output.blocks():
                rest = rest[-_LONGEST_LINE:] + block
                last = max([last, *map(int, _FRAME_NUMBER.findall(rest))])
            ended = output.finish()
        return last + 1 if output.stalled or ended.status < 0 else None

    def _start(self, start: Callable[[], Process], without: frozenset[int]) -> Output:
        output = RewrittenOutput(start, self.file, without)
        output.stall_timeout = self.stall_timeout
        return output
