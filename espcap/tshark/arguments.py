"""Pure builders of the command lines, from the parameters of pyshark's capture classes."""

from dataclasses import dataclass
from typing import Any

from packaging.version import Version
from pyshark import LiveCapture
from pyshark.capture.capture import Capture
from pyshark.capture.pipe_capture import PipeCapture

from espcap.captures.sources import Interfaces
from espcap.tshark.plugin import ARGUMENT, Plugin
from espcap.tshark.program import Program

_NO_EVENT_LOOP: Any = object()  # pyshark would look for an asyncio child watcher, which Python 3.14 no longer has

_COLUMNS = ("-o", 'gui.column.format:"protocol","%p","info","%i"')
"""The columns of Wireshark's that documents have, whatever those of a profile are. Up to 4.0 the titles make the names
of fields, `_ws.col.info`, which are fixed in later versions."""

OWN_PREFERENCES = ("giop.ior_txt:",)
"""Come before the user's. Without this one Wireshark reads IOR.txt in the current directory, whoever put it there."""


@dataclass(frozen=True)
class Settings:
    """How tshark shall dissect; names and values are those of tshark's own options."""

    display_filter: str = ""
    decode_as: tuple[str, ...] = ()
    preferences: tuple[str, ...] = ()
    count: int = 0
    """Packets to read of each source; 0 is all."""
    profile_folder: str = ""
    """A Wireshark configuration folder to use; without one, none is."""
    descriptors: tuple[int, ...] = ()
    """Open files that the preferences name, for tshark to inherit."""
    plugin: Plugin | None = None
    """What prints the packets; without one, tshark itself does."""


class _Reading(PipeCapture):  # type: ignore[misc]
    """pyshark's capture from a pipe, for its parameters."""

    def __init__(self, program: Program, settings: Settings) -> None:
        preferences = (*OWN_PREFERENCES, *settings.preferences)
        options = [word for rule in settings.decode_as for word in ("-d", rule)]
        options += [word for preference in preferences for word in ("-o", preference)]
        filters = {"display_filter": settings.display_filter or None, "custom_parameters": options}
        super().__init__(None, **filters, eventloop=_NO_EVENT_LOOP)
        self._version = program.version

    def _get_tshark_version(self) -> Version:
        return self._version


class _Capturing(LiveCapture):  # type: ignore[misc]
    """pyshark's live capture, for its parameters; without its own list of interfaces, which splits `lo (Loopback)`."""

    def __init__(self, program: Program, interfaces: Interfaces) -> None:
        Capture.__init__(self, eventloop=_NO_EVENT_LOOP)
        self.bpf_filter = interfaces.capture_filter
        self.monitor_mode = False
        self.interfaces = list(interfaces.names)
        self._version = program.version

    def _get_tshark_version(self) -> Version:
        return self._version


def reading(program: Program, settings: Settings, live: bool = False) -> list[str]:
    """Dissects the capture on standard input and prints JSON; when `live`, each packet at once.

    Without `--no-duplicate-keys`, which pyshark would add: it groups the values of a packet by name and so changes
    their order. Nobody parses the stream as JSON here, so that equal keys do no harm.
    """
    flush = ["-l"] if live else []
    parameters = _Reading(program, settings).get_parameters(packet_count=settings.count)
    return [program.path, "-n", *flush, "-T", "json", "--enable-protocol", "communityid", *parameters]


def showing(program: Program, settings: Settings, live: bool = False) -> list[str]:
    """Dissects the same capture as `reading` and prints the number, the columns and the labels of the same packets."""
    fields = [word for name in ("frame.number", "_ws.col.info", "_ws.col.protocol", "text") for word in ("-e", name)]
    return [*reading(program, settings, live), *fields, *_COLUMNS]


def tapping(program: Program, settings: Settings) -> list[str]:
    """Dissects the capture on standard input and has our plugin print the packets that the display filter passes.

    tshark is given the filter too: times since the packet displayed before depend on it.
    """
    parameters = _Reading(program, settings).get_parameters(packet_count=settings.count)
    tap = f"{ARGUMENT},{settings.display_filter}" if settings.display_filter else ARGUMENT
    return [program.path, "-n", "-q", "-z", tap, "--enable-protocol", "communityid", *parameters, *_COLUMNS]


def filtering(program: Program, settings: Settings) -> list[str]:
    """Prints the numbers of the frames of the capture on standard input that the display filter passes."""
    parameters = _Reading(program, settings).get_parameters(packet_count=settings.count)
    wanted = ["-T", "fields", "-e", "frame.number"]
    return [program.path, "-n", *wanted, "--enable-protocol", "communityid", *parameters]


def capturing(program: Program, settings: Settings, interfaces: Interfaces) -> list[str]:
    """Captures on interfaces and writes pcapng to standard output."""
    count = ["-c", str(settings.count)] if settings.count else []
    return [program.dumpcap, *count, *_Capturing(program, interfaces)._get_dumpcap_parameters()]


def spooling(capture: list[str], path: str, size: int, files: int, seconds: int = 0) -> list[str]:
    """A command of `capturing` into a ring of `files` files of `size` kB; prints the name of each that is complete.

    A file ends also after so many `seconds`, if there are any.
    """
    values = [f"filesize:{size}", f"files:{files}", "printname:stdout", *([f"duration:{seconds}"] if seconds else [])]
    return [*capture[:-1], path, *(word for value in values for word in ("-b", value))]
