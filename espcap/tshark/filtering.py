"""Which frames of a capture pass a display filter, as tshark itself says."""

from typing import BinaryIO

from espcap.tshark.arguments import Settings, filtering
from espcap.tshark.output import FileOutput
from espcap.tshark.process import Process
from espcap.tshark.program import Program, User, environment


def filter_file(
    program: Program, settings: Settings, file: BinaryIO, user: User | None, stall_timeout: float
) -> FileOutput:
    """A tshark that prints the number of each frame of an open capture that passes the filter, each on a line.

    The file has to stay open as long as the output is read.
    """
    variables = environment(settings.profile_folder)
    process = Process(filtering(program, settings), file.fileno(), variables, user, settings.descriptors)
    return FileOutput(process, file, stall_timeout)
