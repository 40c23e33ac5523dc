"""Builds the command lines of tshark and dumpcap from the parameters of pyshark's capture classes. Runs nothing."""

from dataclasses import dataclass
from typing import Any

from packaging.version import Version
from pyshark import LiveCapture
from pyshark.capture.capture import Capture
from pyshark.capture.pipe_capture import PipeCapture

from espcap.captures.sources import Interfaces
from espcap.tshark.plugin import ARGUMENT, Plugin
from espcap.tshark.program import Program
from espcap.tshark.scripts import script_options

_NO_EVENT_LOOP: Any = object()
"""Keeps pyshark from making an event loop, for which it needs an asyncio child watcher. Python 3.14 has no watchers."""

_COLUMNS = ("-o", 'gui.column.format:"protocol","%p","info","%i"')
"""Sets the columns Protocol and Info, which documents contain, in place of the columns of a profile. Up to Wireshark
4.0 the fields of columns, such as `_ws.col.info`, are named after the titles; in later versions the names are fixed."""

OWN_PREFERENCES = ("giop.ior_txt:",)
"""Preferences set before those of the user. Without this one Wireshark reads the file IOR.txt in the current directory,
which anybody may have written."""


@dataclass(frozen=True)
class Settings:
    """How tshark dissects. Names and values are those of tshark's options."""

    display_filter: str = ""
    decode_as: tuple[str, ...] = ()
    preferences: tuple[str, ...] = ()
    count: int = 0
    """Number of packets to read from each source; 0 means all."""
    profile_folder: str = ""
    """A Wireshark configuration folder; if empty, tshark uses no configuration."""
    scripts: tuple[str, ...] = ()
    """The paths of dissectors in Lua, besides those of the profile."""
    descriptors: tuple[int, ...] = ()
    """Descriptors of open files that the preferences name, for tshark to inherit."""
    plugin: Plugin | None = None
    """espcap's plugin, which prints the packets; if None, tshark prints JSON."""


class _PipeParameters(PipeCapture):  # type: ignore[misc]
    """pyshark's class for captures from a pipe, used only for its parameters of tshark."""

    def __init__(self, program: Program, settings: Settings) -> None:
        preferences = (*OWN_PREFERENCES, *settings.preferences)
        options = script_options(settings.scripts)
        options += [word for rule in settings.decode_as for word in ("-d", rule)]
        options += [word for preference in preferences for word in ("-o", preference)]
        filters = {"display_filter": settings.display_filter or None, "custom_parameters": options}
        super().__init__(None, **filters, eventloop=_NO_EVENT_LOOP)
        self._version = program.version

    def _get_tshark_version(self) -> Version:
        return self._version


class _LiveParameters(LiveCapture):  # type: ignore[misc]
    """pyshark's class for live captures, used only for its parameters of dumpcap.

    pyshark's constructor is not called, because it lists the interfaces and splits names such as `lo (Loopback)`.
    """

    def __init__(self, program: Program, interfaces: Interfaces) -> None:
        Capture.__init__(self, eventloop=_NO_EVENT_LOOP)
        self.bpf_filter = interfaces.capture_filter
        self.monitor_mode = False
        self.interfaces = list(interfaces.names)
        self._version = program.version

    def _get_tshark_version(self) -> Version:
        return self._version


def json_command(program: Program, settings: Settings, live: bool = False) -> list[str]:
    """The command that dissects the capture on standard input and prints JSON; with `live`, each packet at once.

    pyshark would add `--no-duplicate-keys`. It is left out because it groups the values of a packet by name and so
    changes their order. The output is read line by line, so that equal keys do no harm.
    """
    flush = ["-l"] if live else []
    parameters = _PipeParameters(program, settings).get_parameters(packet_count=settings.count)
    return [program.path, "-n", *flush, "-T", "json", "--enable-protocol", "communityid", *parameters]


def columns_command(program: Program, settings: Settings, live: bool = False) -> list[str]:
    """The command that prints frame number, columns and labels of the packets that `json_command` prints."""
    fields = [word for name in ("frame.number", "_ws.col.info", "_ws.col.protocol", "text") for word in ("-e", name)]
    return [*json_command(program, settings, live), *fields, *_COLUMNS]


def plugin_command(program: Program, settings: Settings) -> list[str]:
    """The command that dissects the capture on standard input; espcap's plugin prints the packets.

    The display filter is passed to the plugin, which prints only the packets that match, and also to tshark, because
    `frame.time_delta_displayed` depends on it.
    """
    parameters = _PipeParameters(program, settings).get_parameters(packet_count=settings.count)
    tap = f"{ARGUMENT},{settings.display_filter}" if settings.display_filter else ARGUMENT
    return [program.path, "-n", "-q", "-z", tap, "--enable-protocol", "communityid", *parameters, *_COLUMNS]


def filter_command(program: Program, settings: Settings) -> list[str]:
    """The command that prints the frame numbers of the packets on standard input that match the display filter."""
    parameters = _PipeParameters(program, settings).get_parameters(packet_count=settings.count)
    wanted = ["-T", "fields", "-e", "frame.number"]
    return [program.path, "-n", *wanted, "--enable-protocol", "communityid", *parameters]


def capture_command(program: Program, settings: Settings, interfaces: Interfaces) -> list[str]:
    """The command that captures on interfaces and writes pcapng to standard output."""
    count = ["-c", str(settings.count)] if settings.count else []
    return [program.dumpcap, *count, *_LiveParameters(program, interfaces)._get_dumpcap_parameters()]


def ring_command(capture: list[str], path: str, size: int, files: int, seconds: int = 0) -> list[str]:
    """The command `capture`, changed to write a ring of `files` files of `size` kB.

    dumpcap then prints the name of each complete file. With `seconds`, each file ends at the latest after this time.
    """
    values = [f"filesize:{size}", f"files:{files}", "printname:stdout", *([f"duration:{seconds}"] if seconds else [])]
    return [*capture[:-1], path, *(word for value in values for word in ("-b", value))]
