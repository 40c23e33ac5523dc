"""Runs a program of Wireshark and reports how it ended."""

import contextlib
import errno
import os
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import IO

from espcap.base.errors import EspcapError
from espcap.base.text import printable
from espcap.tshark.program import INSTALL, User, environment, find_on_path

NO_INPUT, PIPE = subprocess.DEVNULL, subprocess.PIPE
"""Values for a program's standard input, besides the descriptor of an open file."""
_NOISE = ("Running as user", "Capturing on", "File: ", "dumpcap: cap_set_proc")
CAPTURED = "Packets captured: "
"""The start of the line in which dumpcap prints, at its end, how many packets it has written."""
_FAILED_SCRIPT = "tshark: Lua: "
_LONGEST_LINE = 4096
_KEPT_MESSAGES = 20


def write_all(stream: IO[bytes], text: bytes) -> None:
    """Writes the whole text to an unbuffered stream, each write of which may write only a part."""
    view = memoryview(text)
    while view:
        view = view[stream.write(view) :]


@dataclass(frozen=True)
class Exit:
    """How a program ended: its exit status (-9: killed by signal 9) and its first and last messages."""

    status: int
    messages: tuple[str, ...] = ()

    @property
    def message(self) -> str:
        """The program's message about its end in one line, safe to print; without such a message, the exit status."""
        if self.status < 0:
            return f"killed by {signal.Signals(-self.status).name}"
        messages = [line for line in self.messages if not line.startswith(CAPTURED)]
        starts = [index for index, line in enumerate(messages) if line.startswith(("tshark: ", "dumpcap: "))]
        own = messages[starts[0] : starts[0] + 2] if starts else messages[:1]
        lines = [line for index, line in enumerate(own) if index == 0 or line.startswith("(")]  # the cause, in brackets
        text = " ".join(lines).removeprefix("tshark: ").removeprefix("dumpcap: ").rstrip(".")
        text = text.removeprefix("The standard input ")  # tshark's name for the capture
        return text or f"exit status {self.status}"

    @property
    def failed_script(self) -> str:
        """The message about a script in Lua that tshark could not load; empty if all were loaded."""
        lines: list[str] = []
        for line in self.messages:
            if lines and not lines[-1].endswith(":"):
                break
            if lines or line.startswith(_FAILED_SCRIPT):  # the cause may be on the next lines
                lines.append(line.removeprefix(_FAILED_SCRIPT))
        return " ".join(lines)


@cache
def _killed_with_espcap() -> tuple[str, ...]:
    """The words in front of a command so that the kernel kills the program when espcap ends, even if it is killed.

    setpriv sets this "parent death signal" after the change of user, which would clear it. Empty if setpriv is missing
    or too old.
    """
    setpriv = find_on_path("setpriv")
    if not setpriv:
        return ()
    known = subprocess.run([setpriv, "--help"], capture_output=True, env=environment(), check=False).stdout
    return (setpriv, "--pdeathsig", "KILL", "--") if b"--pdeathsig" in known else ()


def _with_right_to_read_all(user: User) -> list[str]:
    """The words in front of a command so that it runs as `user`, but can read every file. Only root can use them."""
    right = "+dac_read_search"
    rights = ["--inh-caps", f"-all,{right}", "--ambient-caps", right, "--bounding-set", f"-all,{right}"]
    identity = ["--reuid", str(user.uid), "--regid", str(user.gid), "--clear-groups"]
    return [find_on_path("setpriv") or "setpriv", *identity, *rights, "--"]


def _check_executable(name: str) -> None:
    """Raises the OSError that running the program would raise.

    Behind setpriv the program's failure to start would only be visible as setpriv's exit status.
    """
    path = name if "/" in name else find_on_path(name) or name
    if not os.path.exists(path):
        raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
    if not os.access(path, os.X_OK):
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))
    with suppress(PermissionError), open(path, "rb") as file:
        if not file.read(4).startswith((b"\x7fELF", b"#!")):
            raise OSError(errno.ENOEXEC, os.strerror(errno.ENOEXEC))


class Process:
    """A running program. A thread reads its standard error and keeps the first and the last lines."""

    def __init__(
        self,
        arguments: list[str],
        stdin: int,
        variables: Mapping[str, str] | None = None,
        user: User | None = None,
        descriptors: tuple[int, ...] = (),
    ) -> None:
        """Starts the program.

        `stdin` is NO_INPUT, PIPE or an open descriptor; `variables` is the environment, by default `environment()`;
        `user` is the user to run as, by default the current one; `descriptors` are inherited. Raises EspcapError if the
        program cannot be started.
        """
        self._first_messages: list[str] = []
        self._last_messages: deque[str] = deque(maxlen=_KEPT_MESSAGES)
        words: list[str] = []
        if user and user.reads_all:
            words, user = _with_right_to_read_all(user), None
        try:
            _check_executable(arguments[0])
            self._process = subprocess.Popen(
                [*words, *_killed_with_espcap(), *arguments],
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment() if variables is None else variables,
                bufsize=0,
                start_new_session=True,  # Ctrl-C then reaches only espcap, which ends its children in order
                user=user.uid if user else None,
                group=user.gid if user else None,
                extra_groups=[] if user else None,
                pass_fds=descriptors,
            )
        except OSError as error:
            raise EspcapError(f"cannot run {printable(arguments[0])}: {error.strerror}", INSTALL) from error
        self.uses_native_reader = False
        """Whether espcap's plugin prints the packets; otherwise tshark prints JSON."""
        self.prints_columns = False
        """Whether the plugin prints them as columns; otherwise as lines."""
        self.companion: Process | None = None
        """A second program that is stopped together with this one."""
        self.stdout: IO[bytes] = self._process.stdout  # type: ignore[assignment]
        self.stdin: IO[bytes] | None = self._process.stdin
        self._drain = threading.Thread(target=self._read_messages, args=(self._process.stderr,), daemon=True)
        self._drain.start()

    def _read_messages(self, stderr: IO[bytes]) -> None:
        rest = b""
        while block := stderr.read(1 << 16):
            *lines, rest = (rest + block).split(b"\n")
            self._keep(lines)
            rest = rest[:_LONGEST_LINE]
        self._keep([rest])
        stderr.close()

    def _keep(self, lines: list[bytes]) -> None:
        if len(self._first_messages) == _KEPT_MESSAGES:
            lines = lines[-1000:]  # processing a flood of lines would take so long that the pipe fills up
        for line in lines:
            text = printable(line[:_LONGEST_LINE].decode("utf-8", "replace").strip())
            if text and not text.startswith(_NOISE):
                kept = self._first_messages if len(self._first_messages) < _KEPT_MESSAGES else self._last_messages
                kept.append(text)

    @property
    def id(self) -> int:
        """The process identifier (PID)."""
        return self._process.pid

    def is_asleep(self) -> bool:
        """Returns whether the process sleeps and has no child processes."""
        try:
            with open(f"/proc/{self.id}/task/{self.id}/children", encoding="ascii") as file:
                return not file.read() and self._statistics()[:1] == ["S"]
        except OSError:  # the process has ended, or the kernel does not provide this file
            return False

    def memory(self) -> int:
        """The resident memory of the process, in bytes; 0 if it is unknown."""
        statistics = self._statistics()  # once, because the process may end at any time
        return int(statistics[21]) * os.sysconf("SC_PAGE_SIZE") if statistics else 0

    def _statistics(self) -> list[str]:
        """The fields of `/proc/PID/stat` from the third on, see proc(5); empty if the process has ended."""
        try:
            with open(f"/proc/{self._process.pid}/stat", encoding="utf-8", errors="replace") as file:
                return file.read().rpartition(")")[2].split()
        except OSError:
            return []

    def send(self, number: signal.Signals) -> None:
        """Sends a signal, unless the process has ended."""
        if self._process.poll() is None:
            self._process.send_signal(number)

    def stop(self) -> None:
        """Ends the process, its children and its companion: with SIGTERM, and after two seconds with SIGKILL."""
        if self.companion:
            self.companion.stop()
        self._send_to_all(signal.SIGTERM)
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            self._send_to_all(signal.SIGKILL)
            self._process.wait()

    def _send_to_all(self, number: signal.Signals) -> None:
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):  # it has just ended
                os.killpg(self._process.pid, number)  # it leads a session of its own

    def ends_within(self, seconds: float) -> bool:
        """Closes the output, and returns whether the process ends by itself within this time."""
        self.stdout.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        return self._process.poll() is not None

    def wait(self) -> Exit:
        """Waits for the end of the process, stops its companion, and returns how the process ended."""
        self.stdout.close()
        status = self._process.wait()
        if self.companion:
            self.companion.stop()
            self.companion.wait()
        self._drain.join(5)  # with a limit, because a grandchild may hold the pipe open
        return Exit(status, (*self._first_messages, *self._last_messages))
