"""Finds the installed tshark and its version; sets its environment and the user that it runs as."""

import hashlib
import os
import pwd
import re
import subprocess
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.version import Version

from espcap.base.errors import EspcapError
from espcap.base.paths import cache_folder
from espcap.base.text import printable

OLDEST = Version("3.6.0")
NEWEST = Version("4.6")
"""The newest version that espcap is tested with."""
INSTALL = "install it: apt install tshark (Debian, Ubuntu), dnf install wireshark-cli (Fedora)"


@dataclass(frozen=True)
class Program:
    """An installed tshark."""

    path: str
    banner: str
    """The first line of `tshark --version`."""
    version: Version

    @property
    def is_newer_than_known(self) -> bool:
        """Whether its major and minor version are newer than NEWEST: true for 4.7.0, false for 4.6.99."""
        return self.version.release[:2] > NEWEST.release

    @property
    def dumpcap(self) -> str:
        """The path of dumpcap: in tshark's folder, or else on the PATH. Raises EspcapError if it is not installed."""
        return find_wireshark_program(self, "dumpcap")


def find_on_path(name: str) -> str | None:
    """The path of the first file with this name on the PATH.

    pyshark does the same, but first reads `config.ini` in the current directory. espcap does not, because whoever wrote
    that file could choose the program to run, even as root.
    """
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    paths = [os.path.join(folder, name) for folder in folders if os.path.isabs(folder)]
    return next((path for path in paths if os.path.isfile(path)), None)


def find_program(path: str = "") -> Program:
    """The tshark at `path`, or the one on the PATH. Raises EspcapError if it is missing, too old or not tshark."""
    path = path or find_on_path("tshark") or ""
    if not path:
        raise EspcapError("tshark is not installed", INSTALL)
    banner = _banner(path)
    match = re.search(r"\b(\d+\.\d+\.\d+)", banner)
    if not match:
        raise EspcapError(
            f"{printable(path)} is not tshark: it prints {banner[:80]!r}", f"espcap needs tshark {OLDEST} or newer"
        )
    version = Version(match[1])
    if version < OLDEST:
        raise EspcapError(f"{printable(path)} is tshark {version}", f"espcap needs tshark {OLDEST} or newer")
    return Program(path, banner, version)


def find_wireshark_program(program: Program, name: str) -> str:
    """The path of another program of Wireshark: in tshark's folder, or else on the PATH.

    Raises EspcapError if it is not installed.
    """
    path = Path(program.path).with_name(name)
    found = str(path) if path.exists() else find_on_path(name)
    if not found:
        raise EspcapError(f"{name} is not installed", "it comes with Wireshark: apt install wireshark-common")
    return found


def _banner(path: str) -> str:
    """The first line of `tshark --version`, from a cache, because running tshark takes as long as a small capture."""
    kept = _kept_banner(path)
    with suppress(OSError, UnicodeDecodeError):
        if kept:
            return kept.read_text("utf-8")
    banner = _ask_for_banner(path)
    with suppress(OSError):
        if kept:
            _keep(kept, banner)
    return banner


def _kept_banner(path: str) -> Path | None:
    """The cache file for exactly this program; None for a script, because it may run a different tshark each time."""
    try:
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            is_program = file.read(4) == b"\x7fELF"
    except OSError:
        return None
    identity = f"{os.path.realpath(path)} {status.st_ino} {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"
    digest = hashlib.blake2b(os.fsencode(identity), digest_size=8).hexdigest()
    return cache_folder() / f"tshark-{digest}.txt" if is_program else None


def _keep(kept: Path, banner: str) -> None:
    kept.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    unfinished = kept.with_suffix(f".{os.getpid()}")
    unfinished.write_text(banner, "utf-8")
    unfinished.replace(kept)


def _ask_for_banner(path: str) -> str:
    try:
        answer = subprocess.run([path, "--version"], capture_output=True, env=environment(), check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = error.strerror if isinstance(error, OSError) else "it does not answer"
        raise EspcapError(
            f"cannot run {printable(path)}: {reason}", f"name another with --tshark, or {INSTALL}"
        ) from error
    return printable(answer.stdout.decode("utf-8", "replace").partition("\n")[0])


_NOWHERE = "/proc/nonexistent"
"""A folder that does not exist and cannot be made. With one that exists but cannot be read, tshark crashes."""


def environment(profile_folder: str = "") -> dict[str, str]:
    """The environment of Wireshark's programs: no configuration of the user, time zone UTC, English texts in UTF-8."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": _NOWHERE,
        "XDG_CONFIG_HOME": _NOWHERE,
        "WIRESHARK_CONFIG_DIR": profile_folder or _NOWHERE,
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
    }


@dataclass(frozen=True)
class User:
    """The user that tshark runs as."""

    name: str
    uid: int
    gid: int
    reads_all: bool = False
    """Whether tshark gets the right to read every file, because a folder above its program is closed to this user."""

    def can_read(self, path: str) -> bool:
        """Returns whether this user is allowed to read a file."""
        return self._test("-r", path)

    def can_reopen(self, descriptor: int) -> bool:
        """Returns whether this user is allowed to open the file of our open descriptor once more."""
        return self.reads_all or self._test("-r", f"/proc/self/fd/{descriptor}", descriptor)

    def can_run(self, path: str) -> bool:
        """Returns whether this user is allowed to run a program."""
        return self._test("-x", path)

    def _test(self, operator: str, path: str, *descriptors: int) -> bool:
        """Returns the result of `test OPERATOR PATH`, see test(1), run as this user."""
        test = ["/bin/sh", "-c", 'test "$0" "$1"', operator, path]
        try:
            answer = subprocess.run(
                test, user=self.uid, group=self.gid, extra_groups=[], pass_fds=descriptors, check=False
            )
        except PermissionError:  # even /bin/sh cannot be run, because only root has access to the root folder
            return False
        return answer.returncode == 0


def dissecting_user(program: Program) -> User | None:
    """The user that tshark runs as if root started espcap: the user who called sudo, else `nobody`.

    None if espcap does not run as root. Raises EspcapError if the user does not exist.
    """
    if os.geteuid() != 0:
        return None
    uid = os.environ.get("SUDO_UID") or "0"
    try:
        entry = pwd.getpwuid(int(uid)) if uid != "0" else pwd.getpwnam("nobody")
    except (KeyError, ValueError, OverflowError) as error:
        name = "nobody" if uid == "0" else f"{printable(uid)} (SUDO_UID)"
        raise EspcapError(
            f"the user {name}, as whom tshark would run, does not exist", "start espcap as an ordinary user"
        ) from error
    user = User(entry.pw_name, entry.pw_uid, entry.pw_gid)
    return user if user.can_run(program.path) else replace(user, reads_all=True)
