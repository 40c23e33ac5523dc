"""Finds the native reader, espcap's plugin for tshark, and has tshark load it.

tshark loads personal plugins from `HOME/.local/lib/wireshark/plugins/X.Y/epan`. Each compiled plugin therefore has its
own home folder. tshark inherits it as an open folder, so that it needs no access to the folder's path.
"""

import contextlib
import hashlib
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from espcap.base.errors import EspcapError
from espcap.base.paths import cache_folder
from espcap.base.text import printable
from espcap.fields.registry import Registry
from espcap.tshark.program import NEWEST, Program, User
from espcap.tshark.waiting import readable

ARGUMENT = "espcap"
"""The plugin's name for `tshark -z`. A tshark without the plugin ends with an error before it reads anything."""

BUILD = "run make native, or python -P -m espcap.native"

GAVE_UP = 103
"""The exit status with which the plugin ends tshark if tshark did not pass it every packet.

The message says which packet is missing. Wireshark itself does not use this status (ws_exit_codes.h).
"""

LARGEST_PACKET = 64 << 20
"""The most bytes of values of one packet; further values are counted and left out."""

ROWS = 16_384
"""The most packets that are printed together as columns."""

_FILE = "espcap_tap.so"
_SECONDS_TO_LOAD = 20


@dataclass(frozen=True)
class Plugin:
    """A compiled plugin, as descriptors of open files for tshark to inherit, and the options of its output."""

    home: int
    """The open folder that becomes tshark's HOME."""
    table: int
    """The open table of fields; see `Registry.table`."""
    head: tuple[str, ...] = ()
    """Paths below `layers` of the fields that the members outside `layers` are made from."""
    payload: bool = False
    """Whether to print payload too."""
    columns: bool = False
    """Whether to print packets as columns; see native/columns.h."""
    messages: tuple[str, ...] = ()
    """Names of the protocols and fields that are wanted in messages; see native/messages.h."""
    before: int = 0
    """Number of packets of the capture that tshark does not get; it is added to all frame numbers."""
    is_required: bool = False
    """Whether it is an error if tshark does not load the plugin; otherwise tshark then prints JSON."""

    @property
    def descriptors(self) -> tuple[int, ...]:
        """The descriptors that tshark must inherit."""
        return self.home, self.table

    def variables(self, live: bool) -> dict[str, str]:
        """The environment variables that tshark needs. With `live`, the plugin prints each packet at once."""
        return {
            "HOME": f"/proc/self/fd/{self.home}",
            "ESPCAP_TAP_TABLE": str(self.table),
            "ESPCAP_TAP_HEAD": ",".join(self.head),
            "ESPCAP_TAP_PAYLOAD": str(int(self.payload)),
            "ESPCAP_TAP_COLUMNS": str(ROWS if self.columns else 0),
            "ESPCAP_TAP_MESSAGES": ",".join(self.messages),
            "ESPCAP_TAP_LIVE": str(int(live)),
            "ESPCAP_TAP_BEFORE": str(self.before),
            "ESPCAP_TAP_LARGEST": str(LARGEST_PACKET),
        }


def has_loaded_plugin(output: IO[bytes]) -> bool:
    """Reads the first line of tshark's output, and returns whether the plugin has printed it; False if tshark ended."""
    line = b""
    while not line.endswith(b"\n") and len(line) < 100:
        if not readable([output], _SECONDS_TO_LOAD):
            return False
        character = os.read(output.fileno(), 1)
        if not character:
            return False
        line += character
    return line.startswith(b"espcap ")


def source_folder() -> Path:
    """The folder of the plugin's source: `plugin` in an installed package, `native` in a checkout."""
    installed = Path(__file__).parent.with_name("plugin")
    return installed if installed.is_dir() else Path(__file__).parents[2] / "native"


def source_files() -> list[Path]:
    """The plugin's source files, headers included."""
    return sorted(path for path in source_folder().iterdir() if path.suffix in (".c", ".h"))


def home_folder(program: Program) -> Path:
    """The home folder of the plugin that is compiled from this source for this tshark."""
    digest = hashlib.blake2b(program.banner.encode("utf-8", "surrogateescape"), digest_size=6)
    for path in source_files():
        digest.update(path.read_bytes())
    return cache_folder() / "native" / f"{program.version}-{digest.hexdigest()}"


def plugin_file(home: Path, program: Program) -> Path:
    """The path below a home folder from which tshark loads the plugin."""
    version = f"{program.version.major}.{program.version.minor}"
    return home / ".local" / "lib" / "wireshark" / "plugins" / version / "epan" / _FILE


def check_version(program: Program) -> None:
    """Raises EspcapError if tshark is newer than NEWEST.

    Its C interface may have changed, so that the plugin would read wrong values.
    """
    if program.is_newer_than_known:
        message = f"the native reader supports Wireshark up to {NEWEST}, and tshark is {program.version}"
        raise EspcapError(message, "look for a newer espcap")


def find_home(program: Program) -> Path:
    """The home folder of the compiled plugin.

    Raises EspcapError if it does not exist, or if other users could have written to it.
    """
    home = home_folder(program)
    os.close(_open_home(home, program))
    return home


def open_plugin(
    program: Program, registry: Registry, user: User | None, head: Sequence[str], payload: bool = False
) -> Plugin | None:
    """The plugin for this tshark; None if it cannot be used, or if the variable ESPCAP_READER is `json`.

    Raises EspcapError if it cannot be used and ESPCAP_READER is `native`, or if ESPCAP_READER has another value.
    """
    wanted = os.environ.get("ESPCAP_READER", "")
    if wanted == "json":
        return None
    if wanted not in ("", "native"):
        raise EspcapError(f"the reader {printable(wanted)!r} does not exist", "set ESPCAP_READER to native or json")
    try:
        plugin = open_required_plugin(program, registry, user, head, payload)
    except EspcapError:
        if wanted:
            raise
        return None
    return plugin if wanted else replace(plugin, is_required=False)


def open_required_plugin(
    program: Program, registry: Registry, user: User | None, head: Sequence[str], payload: bool = False
) -> Plugin:
    """The plugin for this tshark.

    Raises EspcapError if it is not built or not safe to load, tshark is too new, or tshark would run as root.
    """
    if os.geteuid() == 0 and not user:
        raise EspcapError("tshark loads no plugin as root", "start espcap as an ordinary user")
    check_version(program)
    home = _open_home(home_folder(program), program)
    try:
        table = os.open(registry.table(), os.O_RDONLY | os.O_CLOEXEC)
    except BaseException:
        os.close(home)
        raise
    return Plugin(home, table, tuple(head), payload, is_required=True)


def _open_home(home: Path, program: Program) -> int:
    try:
        descriptor = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise EspcapError(f"the native reader is not built for tshark {program.version}", BUILD) from error
    try:
        _check(descriptor, plugin_file(Path(), program))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _check(home: int, plugin: Path) -> None:
    """Raises EspcapError if the folder contains anything but the plugin, or if others than this user and root can write
    to it."""
    found = []
    with contextlib.suppress(FileNotFoundError):
        for folder, folders, files, descriptor in os.fwalk(".", dir_fd=home):
            _check_status(os.fstat(descriptor), stat.S_IFDIR)
            found += [Path(folder, name) for name in files]
            for name, kind in [*((name, stat.S_IFDIR) for name in folders), *((name, stat.S_IFREG) for name in files)]:
                _check_status(os.stat(name, dir_fd=descriptor, follow_symlinks=False), kind)
    if found != [plugin]:
        content = printable(str(found[0])) if found else "no plugin"
        raise EspcapError(f"the folder of the native reader contains {content}", BUILD)


def _check_status(status: os.stat_result, kind: int) -> None:
    if stat.S_IFMT(status.st_mode) != kind or status.st_mode & 0o022 or status.st_uid not in (0, os.geteuid()):
        raise EspcapError("other users could have written the native reader", BUILD)
