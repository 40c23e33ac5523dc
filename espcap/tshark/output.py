"""Starts tshark for a source and reads its output in blocks as they come."""

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

from espcap.base.errors import EspcapError, UsageError
from espcap.base.text import printable
from espcap.captures.sources import NotACapture, can_be_capture
from espcap.tshark.arguments import Settings, columns_command, json_command, plugin_command
from espcap.tshark.columns import Columns, Tee
from espcap.tshark.plugin import BUILD, has_loaded_plugin
from espcap.tshark.process import CAPTURED, Exit, Process, write_all
from espcap.tshark.profile import check_profile, check_readable
from espcap.tshark.program import Program, User, environment
from espcap.tshark.waiting import readable

IDLE = b""
"""The block that `Output.blocks` yields if tshark has printed nothing for a while."""

SECONDS_TO_END = 60.0
"""How long a tshark that reads a pipe may run on after it has closed its output."""

_PIPE_SIZE = 1 << 20

_FILES_OF_KEYS = ("keylog_file", "kerberos.file")
"""Ends of the names of preferences; if such a file is missing, tshark decrypts nothing and does not say so."""


def whole_lines(blocks: Iterable[bytes]) -> Iterator[list[bytes] | None]:
    """Yields for each block the lines that it completes, and None for IDLE. Drops an unfinished last line."""
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
    """The whole lines of the text, and the rest. For long lines this is several times faster than `bytes.split`."""
    lines, start = [], 0
    while (end := text.find(b"\n", start)) >= 0:
        lines.append(text[start:end])
        start = end + 1
    return lines, text[start:]


class Output:
    """A running tshark and its output. Use it as a context manager, which ends tshark."""

    idle_after = 1.0
    """Seconds without output after which `blocks` yields IDLE."""

    def __init__(self, tshark: Process, stall_timeout: float = 0) -> None:
        self.tshark = tshark
        self._stream = tshark.stdout
        self.stall_timeout = stall_timeout
        self.columns = columns_of(tshark, stall_timeout)
        """The reader of Wireshark's columns; None if tshark does not print JSON."""
        self.stalled = False
        """Whether tshark was ended because it made no progress for `stall_timeout` seconds."""
        self.interrupted = False
        """Whether `interrupt` was called."""
        with contextlib.suppress(OSError):  # if the user's limit for pipe buffers is reached, the usual 64 KiB will do
            fcntl.fcntl(self._stream.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_SIZE)

    def __enter__(self) -> "Output":
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def _stop(self) -> None:
        self._stream.close()  # else tshark, blocked by a full pipe, would not react to the signal
        self.tshark.stop()

    def blocks(self) -> Iterator[bytes]:
        """Yields blocks of output of up to 1 MiB as they come, and IDLE after each `idle_after` seconds without output.

        Ends when tshark closes its output. If tshark neither prints nor reads for `stall_timeout` seconds (0: no
        limit), sets `stalled` and ends.
        """
        descriptor = self._stream.fileno()
        last, position = time.monotonic(), self.position
        while not (self.interrupted and self.ends_at_once):
            if self._is_readable(descriptor):
                if not (block := os.read(descriptor, _PIPE_SIZE)):
                    return
                yield block
                last = time.monotonic()  # measured after the caller's work, during which tshark's output was not read
                continue
            if (now := self.position) != position:  # tshark reads on, but no packet matches the display filter
                last, position = time.monotonic(), now
            elif self.stall_timeout and time.monotonic() - last > self.stall_timeout:
                self.stalled = True
                return
            yield IDLE

    def _is_readable(self, descriptor: int) -> bool:
        """Waits for output, at most `idle_after` seconds, and returns whether there is some.

        Reads the columns while it waits, because the capture is passed on only as fast as both tsharks are read.
        """
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
        """Whether the output is lines of espcap's plugin."""
        return self.tshark.uses_native_reader and not self.tshark.prints_columns

    @property
    def has_columns(self) -> bool:
        """Whether the output is columns of espcap's plugin. If it is neither lines nor columns, it is tshark's JSON."""
        return self.tshark.prints_columns

    @property
    def position(self) -> int:
        """How many bytes of the capture tshark has read; always 0 if that is unknown."""
        return 0

    @property
    def ends_at_once(self) -> bool:
        """Whether an interruption leaves the rest of the capture unread, as with a file, which can be read later."""
        return True

    before = 0
    """Number of packets of the capture that this tshark did not get, because they come before its first packet."""

    def acknowledge(self, packet: int) -> None:
        """Call it when all packets up to this frame number are stored."""

    def acknowledge_idle(self) -> bool:
        """Call it when all documents are stored and tshark prints nothing. Returns whether this made progress."""
        return False

    def waits_for(self, packet: int) -> bool:
        """Returns whether tshark gets more of the capture only after packets up to this frame number are stored."""
        return False

    def interrupt(self) -> None:
        """Ends reading after the current block. May be called from a signal handler."""
        self.interrupted = True

    def finish(self) -> Exit:
        """Waits for tshark's end, and returns how it ended. Call it after the last block.

        If tshark runs on for more than `stall_timeout` seconds, ends it and sets `stalled`.
        """
        if self.stalled or self.interrupted:
            self._stop()
        return self._wait(self.stall_timeout)

    def _wait(self, seconds: float) -> Exit:
        """Waits at most this time for tshark's end, then ends it; 0 means no limit."""
        if seconds and not self.tshark.ends_within(seconds):
            self.stalled = True
            self._stop()
        return self.tshark.wait()


class FileOutput(Output):
    """The output for an open capture file. tshark reads it directly and so moves its position."""

    def __init__(self, tshark: Process, file: BinaryIO, stall_timeout: float) -> None:
        super().__init__(tshark, stall_timeout)
        self._file = file

    @property
    def position(self) -> int:
        return os.lseek(self._file.fileno(), 0, os.SEEK_CUR)


class PipedOutput(Output):
    """The output for a capture on standard input, which a thread passes on to tshark."""

    def __init__(self, tshark: Process, source: BinaryIO, head: bytes) -> None:
        super().__init__(tshark)
        self._pump = threading.Thread(target=self._pass_on, args=(source, head), daemon=True)
        self._pump.start()

    @property
    def ends_at_once(self) -> bool:
        return False

    def _pass_on(self, source: BinaryIO, head: bytes) -> None:
        assert self.tshark.stdin is not None
        with contextlib.suppress(OSError), self.tshark.stdin as stdin:  # an OSError: tshark has ended
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
    """Starts a tshark that reads a capture from the descriptor `stdin`.

    espcap's plugin prints the packets if the settings have one and tshark loads it. Otherwise tshark prints JSON. With
    `live`, each packet is printed at once. Raises EspcapError if tshark does not load a plugin that is required.
    """
    variables = environment(settings.profile_folder)
    if plugin := settings.plugin:
        variables |= plugin.variables(live)
        descriptors = (*settings.descriptors, *plugin.descriptors)
        process = Process(plugin_command(program, settings), stdin, variables, user, descriptors)
        if has_loaded_plugin(process.stdout):
            process.uses_native_reader = True
            process.prints_columns = plugin.columns
            return process
        process.stop()
        ended = process.wait()
        if plugin.is_required:
            raise EspcapError(f"tshark does not load the native reader: {ended.message}", BUILD)
    return read_json(program, settings, stdin, user, live)


def read_json(program: Program, settings: Settings, stdin: int, user: User | None, live: bool) -> Process:
    """Starts a tshark that prints JSON, and a second one, its `companion`, that prints the columns."""
    variables = environment(settings.profile_folder)
    process = Process(json_command(program, settings, live), stdin, variables, user, settings.descriptors)
    # The companion needs its own position in the file, so the file is opened once more.
    own = stdin if stdin == subprocess.PIPE else os.open(f"/proc/self/fd/{stdin}", os.O_RDONLY)
    try:
        arguments = columns_command(program, settings, live)
        process.companion = Process(arguments, own, variables, user, settings.descriptors)
    except BaseException:
        process.stop()
        raise
    finally:
        if own != stdin:
            os.close(own)
    if process.stdin and process.companion.stdin:
        process.stdin = cast(IO[bytes], Tee(process.stdin, process.companion.stdin))
    return process


def columns_of(tshark: Process, patience: float) -> Columns | None:
    """The reader of the columns that a tshark's companion prints; None without a companion."""
    if not tshark.companion or tshark.companion.stdout.closed:
        return None
    return Columns(tshark.companion.stdout.fileno(), patience, is_ahead=tshark.stdin is None)


def read_file(program: Program, settings: Settings, file: BinaryIO, user: User | None, stall_timeout: float) -> Output:
    """Dissects an open capture file, which must stay open while the output is read.

    tshark inherits the open file, so it needs neither its name nor the permission to open it.
    """
    return FileOutput(dissect(program, settings, file.fileno(), user, live=False), file, stall_timeout)


def read_pipe(program: Program, settings: Settings, source: BinaryIO, user: User | None) -> Output:
    """Dissects a capture that comes through a pipe.

    Raises NotACapture if its first bytes are not those of a capture, and EspcapError if it is empty.
    """
    head = b""
    while len(head) < 16 and (block := os.read(source.fileno(), 1 << 16)):
        head += block
    if not head:
        raise EspcapError("standard input is empty", "pipe a capture in: tcpdump -w - | espcap --file -")
    if not can_be_capture(head):
        raise NotACapture(
            "standard input is not a capture", "espcap reads pcap and pcapng: tcpdump -w - | espcap --file -"
        )
    return PipedOutput(dissect(program, settings, subprocess.PIPE, user, live=True), source, head)


_DROPPED = re.compile(r"Packets received/dropped on interface .*: \d+/(\d+) \(.*?flushed:(\d+)")


def dropped_packets(capture: Exit, has_all: bool = False) -> int:
    """The number of packets that the kernel, the interface or dumpcap dropped, from dumpcap's last messages.

    `has_all`: dumpcap has captured as many packets as it was asked for. The "flushed" packets came later and are not
    counted as dropped.
    """
    found = [match for line in capture.messages if (match := _DROPPED.search(line))]
    return sum(int(match[1]) - (int(match[2]) if has_all else 0) for match in found)


def written_packets(capture: Exit) -> int:
    """The number of packets that dumpcap has written, from its last messages.

    This is "Packets captured". "Packets received" also counts flushed packets if there are several interfaces.
    """
    return sum(int(line.removeprefix(CAPTURED)) for line in capture.messages if line.startswith(CAPTURED))


def check_settings(program: Program, settings: Settings, user: User | None) -> Exit:
    """Runs tshark on a capture without packets. Its exit status is not 0 if a filter, rule or preference is wrong."""
    process = dissect(program, settings, subprocess.PIPE, user, live=False)
    assert process.stdin is not None
    with contextlib.suppress(OSError), process.stdin as stdin:
        stdin.write(bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000"))
    process.stdout.read()
    return process.wait()


def hand_over_files(settings: Settings, user: User | None) -> Settings:
    """Returns the settings with an open copy in place of each file that the dissecting user is not allowed to read.

    Such a file is, for example, a key log of root. A file that the user can read keeps its name, so that tshark can
    read what is added to it later. Raises UsageError if a file of keys does not exist, or if the user cannot read the
    profile or a script, EspcapError if a file cannot be copied.
    """
    check_profile(settings.profile_folder, user)
    check_readable(list(settings.scripts), user)
    preferences, descriptors = [], []
    for preference in settings.preferences:
        name, _, path = preference.partition(":")
        if name.endswith(_FILES_OF_KEYS) and path and not os.path.exists(path):
            hint = "check the path; if a program writes it later, make an empty file first"
            raise UsageError(f"the file of keys {printable(path)} does not exist", hint)
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
