"""What the machine must have for a test. Without it the test is skipped; in continuous integration the test fails."""

import os
import shutil
import stat
import subprocess
from functools import cache, partial
from typing import NoReturn

import pytest


def is_continuous_integration() -> bool:
    """Whether the tests run in continuous integration, where nothing may be missing."""
    return os.environ.get("CI") == "true"


def unavailable(reason: str) -> NoReturn:
    """Skips the running test; in continuous integration it fails."""
    if is_continuous_integration():
        pytest.fail(f"this test must run here: {reason}")
    pytest.skip(reason)


def require_root() -> None:
    """Ends the test if root does not run it."""
    if os.geteuid() != 0:
        unavailable("needs root: run the tests as root")


def require_open_root_folder() -> None:
    """Skips the test if users other than root can run nothing."""
    if not root_folder_is_open():
        pytest.skip("other users can run nothing, because the root folder is closed to them: chmod 755 /")


def require_command(name: str, package: str) -> None:
    """Ends the test if a command is not installed."""
    if not shutil.which(name):
        unavailable(f"{name} is not installed: apt install {package}")


def require_capturing() -> None:
    """Ends the test if its user is not allowed to capture packets."""
    if not _can_capture():
        unavailable("no right to capture packets: espcap doctor says how to get it")


def root_folder_is_open() -> bool:
    """Whether users other than root can pass the root folder; otherwise they can run nothing."""
    return bool(os.stat("/").st_mode & stat.S_IXOTH)


def dissector_rights() -> str:
    """The capabilities of a tshark that root has started: at most CAP_DAC_READ_SEARCH, to get past the root folder."""
    return f"{0 if root_folder_is_open() else 1 << 2:016x}"


@cache
def _can_capture() -> bool:
    command = ["dumpcap", "-q", "-i", "lo", "-a", "duration:1", "-w", "-"]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


needs_root = pytest.mark.needs.with_args(require_root)
needs_open_root_folder = pytest.mark.needs.with_args(require_open_root_folder)
needs_capture = pytest.mark.needs.with_args(require_capturing)
needs_strace = pytest.mark.needs.with_args(partial(require_command, "strace", "strace"))
needs_man = pytest.mark.needs.with_args(partial(require_command, "man", "man-db"))
