"""The installed tshark: where it is, its version, what it may see of the user's machine, and as whom it runs."""

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
        """Whether it is of a newer line than NEWEST: 4.7.0 is, 4.6.99 is not."""
        return self.version.release[:2] > NEWEST.release

    @property
    def dumpcap(self) -> str:
        """Path of the dumpcap beside it, or of the one on the PATH. Raises EspcapError where there is none."""
        beside = Path(self.path).with_name("dumpcap")
        found = str(beside) if beside.exists() else on_path("dumpcap")
        if not found:
            raise EspcapError("dumpcap is not installed", "it comes with tshark: apt install wireshark-common")
        return found


def on_path(name: str) -> str | None:
    """Path of the first file of this name on the PATH, as pyshark looks for it, but without the `config.ini` of the
    current directory that pyshark reads first: whoever wrote that one would choose what runs, as root too."""
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    paths = [os.path.join(folder, name) for folder in folders if os.path.isabs(folder)]
    return next((path for path in paths if os.path.isfile(path)), None)


def find_program(path: str = "") -> Program:
    """The tshark at `path`, or on the PATH. Raises EspcapError where it is missing, too old or no tshark."""
    path = path or on_path("tshark") or ""
    if not path:
        raise EspcapError("tshark is not installed", INSTALL)
    banner = _banner(path)
    match = re.search(r"\b(\d+\.\d+\.\d+)", banner)
    if not match:
        raise EspcapError(
            f"{printable(path)} is not tshark: it says {banner[:80]!r}", f"espcap needs tshark {OLDEST} or newer"
        )
    version = Version(match[1])
    if version < OLDEST:
        raise EspcapError(f"{printable(path)} is tshark {version}", f"espcap needs tshark {OLDEST} or newer")
    return Program(path, banner, version)


def beside(program: Program, name: str) -> str:
    """Path of another program of Wireshark's: beside tshark, or on the PATH. Raises EspcapError where there is none."""
    path = Path(program.path).with_name(name)
    found = str(path) if path.exists() else on_path(name)
    if not found:
        raise EspcapError(f"{name} is not installed", "it comes with Wireshark: apt install wireshark-common")
    return found


def _banner(path: str) -> str:
    """What tshark says of itself; remembered, because to ask takes as long as a small capture does."""
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
    """The file for this very tshark; None for a script, which may run any."""
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
"""A folder that nobody can make: tshark crashes where its configuration is in one that it may not read."""


def environment(profile_folder: str = "") -> dict[str, str]:
    """What Wireshark's programs see: no configuration of the user's, UTC, and texts in English and UTF-8."""
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
    """The user that dissection runs as."""

    name: str
    uid: int
    gid: int
    reads_all: bool = False
    """Whether it gets the right to read every file, for want of a way to tshark: a folder above is closed to it."""

    def can_read(self, path: str) -> bool:
        """Whether this user may open a file."""
        return self._test("-r", path)

    def can_reopen(self, descriptor: int) -> bool:
        """Whether this user may open once more what we have open."""
        return self.reads_all or self._test("-r", f"/proc/self/fd/{descriptor}", descriptor)

    def can_run(self, path: str) -> bool:
        """Whether this user may run a program."""
        return self._test("-x", path)

    def _test(self, what: str, path: str, *descriptors: int) -> bool:
        test = ["/bin/sh", "-c", 'test "$0" "$1"', what, path]
        try:
            answer = subprocess.run(
                test, user=self.uid, group=self.gid, extra_groups=[], pass_fds=descriptors, check=False
            )
        except PermissionError:  # not even the shell can be run: the root folder is closed to all but root
            return False
        return answer.returncode == 0


def dissecting_user(program: Program) -> User | None:
    """Who dissects when root started espcap: the user behind sudo, else nobody. None where we are not root."""
    if os.geteuid() != 0:
        return None
    uid = os.environ.get("SUDO_UID") or "0"
    try:
        entry = pwd.getpwuid(int(uid)) if uid != "0" else pwd.getpwnam("nobody")
    except (KeyError, ValueError, OverflowError) as error:
        name = "nobody" if uid == "0" else f"{printable(uid)} (SUDO_UID)"
        raise EspcapError(
            f"there is no user {name} for tshark to run as", "start espcap as an ordinary user"
        ) from error
    user = User(entry.pw_name, entry.pw_uid, entry.pw_gid)
    return user if user.can_run(program.path) else replace(user, reads_all=True)
