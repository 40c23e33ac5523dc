"""The native reader: our plugin for tshark, where its compiled form is kept, and how a tshark is given it.

tshark loads personal plugins from `HOME/.local/lib/wireshark/plugins/X.Y/epan`. Each compiled plugin therefore lies in
a home of its own, which tshark inherits as an open folder: then it need not be able to reach its path.
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
"""What `tshark -z` calls the plugin. A tshark that did not load it ends with an error before it reads anything."""

BUILD = "run make native, or python -P -m espcap.tshark.native"

GAVE_UP = 103
"""tshark's exit status where it did not give the plugin every packet; the message says which is missing.

Wireshark itself has no such status (ws_exit_codes.h).
"""

LARGEST_PACKET = 64 << 20
"""Bytes of the values of one packet; what is more is counted and left out."""

_FILE = "espcap_tap.so"
_SECONDS_TO_LOAD = 20


@dataclass(frozen=True)
class Plugin:
    """A compiled plugin, as open files for tshark to inherit, and what it shall print."""

    home: int
    """The folder that is tshark's HOME."""
    table: int
    """The registry's table."""
    head: tuple[str, ...] = ()
    """Paths below `layers` of what is needed of each packet outside `layers`."""
    payload: bool = False
    terms: bool = False
    """Whether the local index is to have its terms."""
    before: int = 0
    """What to add to all numbers of frames: the packets of the capture before the first that tshark sees."""
    is_required: bool = False
    """Whether a tshark that does not load it is an error; else that tshark prints JSON."""

    @property
    def descriptors(self) -> tuple[int, ...]:
        """What tshark has to inherit."""
        return self.home, self.table

    def variables(self, live: bool) -> dict[str, str]:
        """What tshark's environment has to have; `live`: to print each packet at once."""
        return {
            "HOME": f"/proc/self/fd/{self.home}",
            "ESPCAP_TAP_TABLE": str(self.table),
            "ESPCAP_TAP_HEAD": ",".join(self.head),
            "ESPCAP_TAP_PAYLOAD": str(int(self.payload)),
            "ESPCAP_TAP_TERMS": str(int(self.terms)),
            "ESPCAP_TAP_LIVE": str(int(live)),
            "ESPCAP_TAP_BEFORE": str(self.before),
            "ESPCAP_TAP_LARGEST": str(LARGEST_PACKET),
        }


def greets(output: IO[bytes]) -> bool:
    """Whether tshark loaded the plugin, which then prints a line before all else; False where tshark ends instead."""
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
    """The plugin's source: in an installed package beside the code, in a checkout in `native`."""
    installed = Path(__file__).parent.with_name("plugin")
    return installed if installed.is_dir() else Path(__file__).parents[2] / "native"


def source_files() -> list[Path]:
    """What it is compiled from, headers included."""
    return sorted(path for path in source_folder().iterdir() if path.suffix in (".c", ".h"))


def home_folder(program: Program) -> Path:
    """The home of the plugin for exactly this tshark and exactly this source."""
    digest = hashlib.blake2b(program.banner.encode("utf-8", "surrogateescape"), digest_size=6)
    for path in source_files():
        digest.update(path.read_bytes())
    return cache_folder() / "native" / f"{program.version}-{digest.hexdigest()}"


def plugin_file(home: Path, program: Program) -> Path:
    """Where tshark looks for it."""
    version = f"{program.version.major}.{program.version.minor}"
    return home / ".local" / "lib" / "wireshark" / "plugins" / version / "epan" / _FILE


def check_version(program: Program) -> None:
    """Raises EspcapError for a tshark whose values the plugin may read wrongly: its interface in C may have changed."""
    if program.is_newer_than_known:
        message = f"the native reader knows Wireshark up to {NEWEST}, and tshark is {program.version}"
        raise EspcapError(message, "look for a newer espcap")


def find_home(program: Program) -> Path:
    """The home of the compiled plugin. Raises EspcapError where there is none, or others could have put it there."""
    home = home_folder(program)
    os.close(_open_home(home, program))
    return home


def open_plugin(
    program: Program, registry: Registry, user: User | None, head: Sequence[str], payload: bool = False
) -> Plugin | None:
    """The plugin for this tshark; None where there is none to be used, or ESPCAP_READER is `json`.

    Raises EspcapError where there is none and ESPCAP_READER is `native`, or is no reader.
    """
    wanted = os.environ.get("ESPCAP_READER", "")
    if wanted == "json":
        return None
    if wanted not in ("", "native"):
        raise EspcapError(f"there is no reader {printable(wanted)!r}", "ESPCAP_READER is native or json")
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
    """The plugin for this tshark. Raises EspcapError where there is none."""
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
    """Raises EspcapError unless the folder has the plugin and nothing else, and only we or root can write there."""
    found = []
    with contextlib.suppress(FileNotFoundError):
        for folder, folders, files, descriptor in os.fwalk(".", dir_fd=home):
            _check_status(os.fstat(descriptor), stat.S_IFDIR)
            found += [Path(folder, name) for name in files]
            for name, kind in [*((name, stat.S_IFDIR) for name in folders), *((name, stat.S_IFREG) for name in files)]:
                _check_status(os.stat(name, dir_fd=descriptor, follow_symlinks=False), kind)
    if found != [plugin]:
        raise EspcapError(f"the native reader's folder has {printable(str(found[0])) if found else 'no plugin'}", BUILD)


def _check_status(status: os.stat_result, kind: int) -> None:
    if stat.S_IFMT(status.st_mode) != kind or status.st_mode & 0o022 or status.st_uid not in (0, os.geteuid()):
        raise EspcapError("others could have written the native reader", BUILD)
