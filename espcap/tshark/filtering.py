"""Lets tshark find the frames of a capture that match a display filter."""

import io
import subprocess
import threading
from collections.abc import Callable
from typing import IO, BinaryIO, cast

from espcap.base.errors import EspcapError
from espcap.tshark.arguments import Settings, filter_command
from espcap.tshark.output import FileOutput, Output
from espcap.tshark.process import Exit, Process
from espcap.tshark.program import Program, User, environment


def filter_file(
    program: Program, settings: Settings, file: BinaryIO, user: User | None, stall_timeout: float
) -> FileOutput:
    """Starts a tshark that prints the frame numbers of the packets that match the filter, each on a line.

    `file` is an open capture, and must stay open while the output is read.
    """
    variables = environment(settings.profile_folder)
    process = Process(filter_command(program, settings), file.fileno(), variables, user, settings.descriptors)
    return FileOutput(process, file, stall_timeout)


Write = Callable[[BinaryIO, Callable[[int], None]], None]
"""Writes a capture to the file, and calls the function with the number of bytes after each read of its input."""


class FedOutput(Output):
    """The output for a capture that a function writes to tshark's standard input, in a thread."""

    def __init__(self, tshark: Process, write: Write, stall_timeout: float) -> None:
        super().__init__(tshark, stall_timeout)
        self._position = 0
        self._failure: EspcapError | None = None
        self._pump = threading.Thread(target=self._pass_on, args=(write,), daemon=True)
        self._pump.start()

    @property
    def position(self) -> int:
        return self._position

    def _pass_on(self, write: Write) -> None:
        stdin = io.BufferedWriter(cast(io.RawIOBase, self.tshark.stdin), 1 << 18)
        try:
            with stdin:
                write(cast(BinaryIO, stdin), self._on_read)
        except EspcapError as error:
            self._failure = error
        except OSError:
            cast(IO[bytes], self.tshark.stdin).close()  # tshark has ended

    def _on_read(self, count: int) -> None:
        self._position += count

    def finish(self) -> Exit:
        """Waits for tshark's end. Raises EspcapError if the capture could not be written completely."""
        ended = super().finish()
        self._pump.join()
        if self._failure:
            raise self._failure
        return ended


def filter_written(
    program: Program, settings: Settings, write: Write, user: User | None, stall_timeout: float
) -> FedOutput:
    """Like `filter_file`, for a capture that `write` writes in its own thread."""
    variables = environment(settings.profile_folder)
    process = Process(filter_command(program, settings), subprocess.PIPE, variables, user, settings.descriptors)
    return FedOutput(process, write, stall_timeout)
