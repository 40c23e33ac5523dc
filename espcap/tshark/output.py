"""What tshark prints for a source, as it comes, and the processes behind it."""

import contextlib
import fcntl
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import IO, BinaryIO, cast

from espcap.base.errors import EspcapError
from espcap.base.text import printable
from espcap.captures.sources import NotACapture, recognise
from espcap.tshark.arguments import Settings, reading, showing, tapping
from espcap.tshark.columns import Both, Columns
from espcap.tshark.plugin import BUILD, greets
from espcap.tshark.process import CAPTURED, Exit, Process, write_all
from espcap.tshark.profile import check_profile
from espcap.tshark.program import Program, User, environment
from espcap.tshark.waiting import readable

IDLE = b""
"""What `Output.blocks` yields when nothing came for a while."""

SECONDS_TO_END = 60.0
"""How long a tshark that reads a pipe may stay after it has closed its output."""

_PIPE_SIZE = 1 << 20


def whole_lines(blocks: Iterable[bytes]) -> Iterator[list[bytes] | None]:
    """The lines that each block ends, None for IDLE. What follows the last whole line is dropped."""
    rest: list[bytes] = []
    for block in blocks:
        if block == IDLE:
            yield None
        elif b"\n" not in block:
            rest.append(block)
        else:
            lines, last = _split(b"".join([*rest, block]))
            rest = [last]
            yield lines


def _split(text: bytes) -> tuple[list[bytes], bytes]:
    """The lines and what follows. They are long, and `bytes.split` takes several times as long for such."""
    lines, start = [], 0
    while (end := text.find(b"\n", start)) >= 0:
        lines.append(text[start:end])
        start = end + 1
    return lines, text[start:]


class Output:
    """The output of one tshark, and all that is needed to have it. Use it as a context manager."""

    idle_after = 1.0
    """Seconds of silence for which there is an IDLE."""

    def __init__(self, tshark: Process, stall_timeout: float = 0) -> None:
        self.tshark = tshark
        self._stream = tshark.stdout
        self.stall_timeout = stall_timeout
        self.columns = columns_of(tshark, stall_timeout)
        """What Wireshark's columns show, where tshark prints JSON."""
        self.stalled = False
        self.interrupted = False
        with contextlib.suppress(OSError):  # an unprivileged user may have used up the pipes' memory: 64 KiB will do
            fcntl.fcntl(self._stream.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_SIZE)

    def __enter__(self) -> "Output":
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def _stop(self) -> None:
        self._stream.close()  # tshark does not obey while a full pipe holds it up
        self.tshark.stop()

    def blocks(self) -> Iterator[bytes]:
        """Large blocks of output as they come, until tshark closes it, and IDLE for each `idle_after` seconds without.

        A tshark that neither prints nor reads for `stall_timeout` seconds (0: for ever) is ended, and `stalled` is set.
        """
        descriptor = self._stream.fileno()
        last, position = time.monotonic(), self.position
        while not (self.interrupted and self.ends_at_once):
            if self._is_readable(descriptor):
                if not (block := os.read(descriptor, _PIPE_SIZE)):
                    return
                yield block
                last = time.monotonic()  # after the caller's own work, which is not tshark's silence
                continue
            if (now := self.position) != position:  # a display filter may let nothing pass for long
                last, position = time.monotonic(), now
            elif self.stall_timeout and time.monotonic() - last > self.stall_timeout:
                self.stalled = True
                return
            yield IDLE

    def _is_readable(self, descriptor: int) -> bool:
        """Waits for that. Columns are read meanwhile, because what passes the capture on waits for both tsharks."""
        columns = self.columns
        if not columns or columns.is_ahead or columns.is_over:
            return bool(readable([descriptor], self.idle_after))
        found = readable([descriptor, columns], self.idle_after)
        if columns.fileno() in found:
            columns.read()
            return descriptor in found or self._is_readable(descriptor)
        return bool(found)

    @property
    def has_lines(self) -> bool:
        """Whether what comes are lines as our plugin prints them; else it is tshark's JSON."""
        return self.tshark.is_tapped

    @property
    def position(self) -> int:
        """How much of the capture tshark has read, where that can be seen; else always the same."""
        return 0

    @property
    def ends_at_once(self) -> bool:
        """Whether an interruption leaves the rest unread: so with a file, which stays where it is."""
        return True

    before = 0
    """Packets of the capture before tshark's first."""

    def acknowledge(self, packet: int) -> None:
        """Call it when all packets up to this number are stored."""

    def acknowledge_idle(self) -> bool:
        """Call it when all documents are stored and tshark prints nothing. Says whether there was headway."""
        return False

    def waits_for(self, packet: int) -> bool:
        """Whether tshark gets more of the capture only when packets up to this number are stored."""
        return False

    def interrupt(self) -> None:
        """Asks for an end. May be called from a signal handler."""
        self.interrupted = True

    def finish(self) -> Exit:
        """How tshark ended. Call it after the last block.

        One that has closed its output, and then stays for longer than it may be silent, is ended: it is `stalled`.
        """
        if self.stalled or self.interrupted:
            self._stop()
        return self._wait(self.stall_timeout)

    def _wait(self, seconds: float) -> Exit:
        """How tshark ended; 0 seconds are for ever."""
        if seconds and not self.tshark.ends_within(seconds):
            self.stalled = True
            self._stop()
        return self.tshark.wait()


class FileOutput(Output):
    """The output for an open file, whose position tshark moves."""

    def __init__(self, tshark: Process, file: BinaryIO, stall_timeout: float) -> None:
        super().__init__(tshark, stall_timeout)
        self._file = file

    @property
    def position(self) -> int:
        return os.lseek(self._file.fileno(), 0, os.SEEK_CUR)


class PipedOutput(Output):
    """The output for a capture that somebody writes to our standard input, which is passed on to tshark."""

    def __init__(self, tshark: Process, source: BinaryIO, head: bytes) -> None:
        super().__init__(tshark)
        self._pump = threading.Thread(target=self._pass_on, args=(source, head), daemon=True)
        self._pump.start()

    @property
    def ends_at_once(self) -> bool:
        return False

    def _pass_on(self, source: BinaryIO, head: bytes) -> None:
        assert self.tshark.stdin is not None
        with contextlib.suppress(OSError), self.tshark.stdin as stdin:  # an OSError: tshark is gone
            block = head
            while block:
                write_all(stdin, block)
                block = self._next_block(source)

    def _next_block(self, source: BinaryIO) -> bytes:
        while not self.interrupted:
            if readable([source], 0.5):
                return os.read(source.fileno(), 1 << 16)
        return b""

    def finish(self) -> Exit:
        return self._wait(SECONDS_TO_END)


def dissect(program: Program, settings: Settings, stdin: int, user: User | None, live: bool) -> Process:
    """A tshark that reads a capture from `stdin`.

    It has our plugin print where there is one and tshark loads it, else it prints JSON. Raises EspcapError where tshark
    does not load a plugin that is required.
    """
    variables = environment(settings.profile_folder)
    if plugin := settings.plugin:
        descriptors = (*settings.descriptors, *plugin.descriptors)
        process = Process(tapping(program, settings), stdin, variables | plugin.variables(live), user, descriptors)
        if greets(process.stdout):
            process.is_tapped = True
            return process
        process.stop()
        ended = process.wait()
        if plugin.is_required:
            raise EspcapError(f"tshark does not load the native reader: {ended.message}", BUILD)
    return read_json(program, settings, stdin, user, live)


def read_json(program: Program, settings: Settings, stdin: int, user: User | None, live: bool) -> Process:
    """A tshark that prints JSON, and one beside it that prints what the columns show."""
    variables = environment(settings.profile_folder)
    process = Process(reading(program, settings, live), stdin, variables, user, settings.descriptors)
    own = stdin if stdin == subprocess.PIPE else os.open(f"/proc/self/fd/{stdin}", os.O_RDONLY)  # with its position
    try:
        arguments = showing(program, settings, live)
        process.companion = Process(arguments, own, variables, user, settings.descriptors)
    except BaseException:
        process.stop()
        raise
    finally:
        if own != stdin:
            os.close(own)
    if process.stdin and process.companion.stdin:
        process.stdin = cast(IO[bytes], Both(process.stdin, process.companion.stdin))
    return process


def columns_of(tshark: Process, patience: float) -> Columns | None:
    """What reads the columns beside a tshark, where there are some."""
    if not tshark.companion or tshark.companion.stdout.closed:
        return None
    return Columns(tshark.companion.stdout.fileno(), patience, is_ahead=tshark.stdin is None)


def read_file(program: Program, settings: Settings, file: BinaryIO, user: User | None, stall_timeout: float) -> Output:
    """Dissects an open capture file. tshark gets the open file, so that neither its name nor its rights matter.

    The file has to stay open as long as the output is read.
    """
    return FileOutput(dissect(program, settings, file.fileno(), user, live=False), file, stall_timeout)


def read_pipe(program: Program, settings: Settings, source: BinaryIO, user: User | None) -> Output:
    """Dissects what comes in on a pipe. Raises NotACapture where that does not start like a capture."""
    head = b""
    while len(head) < 16 and (block := os.read(source.fileno(), 1 << 16)):
        head += block
    if not head:
        raise EspcapError("standard input is empty", "pipe a capture in: tcpdump -w - | espcap --file -")
    if not recognise(head):
        raise NotACapture(
            "standard input is not a capture", "espcap reads pcap and pcapng: tcpdump -w - | espcap --file -"
        )
    return PipedOutput(dissect(program, settings, subprocess.PIPE, user, live=True), source, head)


_DROPPED = re.compile(r"Packets received/dropped on interface .*: \d+/(\d+) \(.*?flushed:(\d+)")


def dropped_packets(capture: Exit, has_all: bool = False) -> int:
    """Packets that the kernel, the interface or dumpcap dropped, from dumpcap's last words.

    `has_all`: it has the number of packets that it was asked for. Those that came after them, "flushed", are no loss.
    """
    found = [match for line in capture.messages if (match := _DROPPED.search(line))]
    return sum(int(match[1]) - (int(match[2]) if has_all else 0) for match in found)


def written_packets(capture: Exit) -> int:
    """Packets that dumpcap took to be written, from its last words; 0 where it had none.

    Not those that it "received": of several interfaces that has some that were flushed as well.
    """
    return sum(int(line.removeprefix(CAPTURED)) for line in capture.messages if line.startswith(CAPTURED))


def check_settings(program: Program, settings: Settings, user: User | None) -> Exit:
    """How tshark ends on a capture without packets: not with 0 where a filter, a rule or a preference is wrong."""
    process = dissect(program, settings, subprocess.PIPE, user, live=False)
    assert process.stdin is not None
    with contextlib.suppress(OSError), process.stdin as stdin:
        stdin.write(bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000"))
    process.stdout.read()
    return process.wait()


def hand_over_files(settings: Settings, user: User | None) -> Settings:
    """The settings with files that the dissecting user may not read (a key log of root's) as open copies.

    A file that this user can read stays under its own name, so that tshark sees it grow. Raises UsageError where it
    cannot read the profile.
    """
    check_profile(settings.profile_folder, user)
    preferences, descriptors = [], []
    for preference in settings.preferences:
        name, _, path = preference.partition(":")
        if user and os.path.isfile(path) and not user.can_read(path):
            descriptors.append(_copy_in_memory(path))
            path = f"/proc/self/fd/{descriptors[-1]}"
        preferences.append(f"{name}:{path}" if path else preference)
    return replace(settings, preferences=tuple(preferences), descriptors=tuple(descriptors))


def _copy_in_memory(path: str) -> int:
    descriptor = os.memfd_create("espcap")
    try:
        with open(path, "rb") as file, open(descriptor, "wb", closefd=False) as copy:
            shutil.copyfileobj(file, copy)
    except OSError as error:
        raise EspcapError(f"cannot read {printable(path)}: {error.strerror}", "check its permissions") from error
    return descriptor
