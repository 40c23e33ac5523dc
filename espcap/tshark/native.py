"""Compiles the native reader for the installed tshark. usage: python -P -m espcap.tshark.native [--tshark PATH]"""

import argparse
import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from espcap.base.errors import EspcapError, with_hint
from espcap.base.text import printable
from espcap.tshark.plugin import check_version, find_home, home_folder, plugin_file, source_files
from espcap.tshark.program import Program, find_program

NEEDED = "apt install gcc pkg-config libwireshark-dev libglib2.0-dev (Debian, Ubuntu), dnf install gcc wireshark-devel"
FLAGS = ("-std=c11", "-D_GNU_SOURCE", "-O2", "-g", "-Wall", "-Wextra", "-fPIC", "-shared", "-fvisibility=hidden")


def main() -> None:
    """Runs the command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tshark", default="", help="the tshark to compile for")
    try:
        program = find_program(parser.parse_args().tshark)
        print(f"native reader for tshark {program.version}: {build(program)}")
    except EspcapError as error:
        sys.exit(f"Error: {with_hint(error.message, error.hint)}")


def build(program: Program, extra_flags: tuple[str, ...] = ()) -> Path:
    """Compiles the native reader if it is not compiled yet, and returns its home folder.

    Raises EspcapError if tshark is too new, a package is missing, or the compiler fails.
    """
    check_version(program)
    home = home_folder(program)
    with _one_at_a_time(home.parent):
        try:
            return find_home(program)
        except EspcapError:
            _compile(program, home, [*extra_flags, *_wireshark_flags(program)])
    return find_home(program)


@contextlib.contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Makes the folder and locks it while the context lasts."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise _cannot_keep(folder, error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _compile(program: Program, home: Path, flags: list[str]) -> None:
    try:
        with tempfile.TemporaryDirectory(dir=home.parent, prefix=".") as folder:
            made = Path(folder).absolute() / "home"
            plugin = plugin_file(made, program)
            plugin.parent.mkdir(parents=True)
            sources = [str(path) for path in source_files() if path.suffix == ".c"]
            _run(["cc", *FLAGS, "-o", str(plugin), *sources, *flags], folder)
            for path in (made, *made.rglob("*")):
                path.chmod(0o755)  # tshark may run as another user
            shutil.rmtree(home, ignore_errors=True)
            os.replace(made, home)
    except OSError as error:
        raise _cannot_keep(home.parent, error) from error


def _cannot_keep(folder: Path, error: OSError) -> EspcapError:
    message = f"cannot keep the native reader in {printable(str(folder))}: {error.strerror or error}"
    return EspcapError(message, "set XDG_CACHE_HOME to a folder that can be written")


def _wireshark_flags(program: Program) -> list[str]:
    version = _run(["pkg-config", "--modversion", "wireshark"]).strip()
    if version != str(program.version):
        raise EspcapError(f"libwireshark-dev is {printable(version)}, tshark is {program.version}", NEEDED)
    return _run(["pkg-config", "--cflags", "wireshark"]).split()


def _run(command: list[str], folder: str = "/") -> str:
    """Runs a command and returns its output.

    `folder` is the current folder of the command. It must not contain libraries of other users, which the linker could
    find. Raises EspcapError if the command is missing or fails.
    """
    try:
        ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    except OSError as error:
        raise EspcapError(f"{command[0]} is missing: the native reader cannot be built", NEEDED) from error
    if ran.returncode:
        lines = ran.stderr.strip().splitlines()
        first = next((line for line in lines if "error" in line), lines[0] if lines else "no message")
        raise EspcapError(f"{command[0]} failed: {printable(first[:300])}", NEEDED)
    return ran.stdout


if __name__ == "__main__":
    main()
