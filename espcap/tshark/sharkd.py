"""Dissects single packets and follows conversations with sharkd, the Wireshark program that keeps a capture loaded."""

import base64
import binascii
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import orjson

from espcap.base.errors import EspcapError, UsageError
from espcap.base.frames import Numbering
from espcap.tshark.arguments import OWN_PREFERENCES, Settings
from espcap.tshark.process import Process, write_all
from espcap.tshark.program import Program, User, environment, find_wireshark_program
from espcap.tshark.waiting import readable

LOAD_SECONDS = 600.0
"""How long sharkd may take to load a capture. It dissects all packets once, at 30,000 packets/s or more."""
FRAME_SECONDS = 60.0
"""How long sharkd may take to dissect one packet."""
REMEMBERED_FRAMES = 20_000
"""How many packets before the wanted one are dissected again; see `Sharkd._approach`."""

_KIND_OF_RECORD = re.compile(r"Frame \d+: ([A-Z][\w ]*), \d+ bytes? on wire")
_LISTED = re.compile(r"(?<=#)\d{1,10}(?=\()")
_LOAD, _STATUS, _OWN = 1, 2, 3
_BLOCK = 1 << 16
_AT_ONCE = 500
"""Number of requests that are sent before the answers are read. They fit in the pipe, so that writing never blocks."""


@dataclass(slots=True)
class Node:
    """One line of the dissection tree."""

    label: str
    is_generated: bool = False
    """Whether Wireshark generated the line, which no bytes of the packet contain. Wireshark shows it in brackets."""
    filter: str = ""
    """A display filter for the same value; empty if sharkd sends no filter."""
    severity: str = ""
    """Chat, Note, Warning or Error: the highest severity of the expert notes of this node and the nodes below."""
    frame: int = 0
    """The number of the frame that the line refers to; 0 without such a frame."""
    source: int = 0
    """The index of the source that contains the node's bytes."""
    start: int = 0
    """Offset of the node's bytes in the source."""
    length: int = 0
    """Number of the node's bytes."""
    children: "list[Node]" = field(default_factory=list)

    @property
    def text(self) -> str:
        """The line as tshark prints it."""
        return f"[{self.label}]" if self.is_generated else self.label


@dataclass(frozen=True)
class Bytes:
    """A source of a dissection: the frame, or data that was reassembled, decrypted or decompressed."""

    name: str
    data: bytes

    def rows(self, most: int | None = None) -> Iterator[tuple[str, str]]:
        """Yields (offset, bytes and characters) for each sixteen bytes as `tshark -x` prints them.

        With `most`, only of the first `most` bytes.
        """
        data = self.data[:most]
        for offset in range(0, len(data), 16):
            row = data[offset : offset + 16]
            text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
            yield f"{offset:04x}", f"{row.hex(' '):<47}   {text}"


@dataclass(frozen=True)
class Dissection:
    """A dissected packet. The first source is the frame."""

    tree: list[Node]
    sources: list[Bytes]

    def nodes(self) -> Iterator[tuple[int, Node]]:
        """Yields (depth, node) for all nodes of the tree from top to bottom."""
        waiting = [(0, node) for node in reversed(self.tree)]
        while waiting:
            depth, node = waiting.pop()
            yield depth, node
            waiting += [(depth + 1, child) for child in reversed(node.children)]


@dataclass(frozen=True)
class StreamData:
    """Data that one side of a conversation sent before the other side sent something."""

    is_answer: bool
    """Whether it was sent by the side that did not start the conversation."""
    data: bytes


class Sharkd:
    """A sharkd that has loaded a capture. Use it as a context manager."""

    def __init__(
        self,
        program: Program,
        file: BinaryIO,
        user: User | None,
        settings: Settings,
        numbers: Numbering | None = None,
    ) -> None:
        """Starts sharkd and loads the capture. A damaged capture is loaded as far as it can be read.

        sharkd uses only the preferences, the profile and the descriptors of the settings. If the frame numbers of the
        capture are not the positions in the file, `numbers` maps them, and `frame` takes and returns frame numbers of
        the capture. Raises UsageError if a preference is wrong, EspcapError if the capture cannot be loaded.
        """
        arguments = [find_wireshark_program(program, "sharkd"), "-"]
        with readable_by(user, file) as capture:
            descriptors = (*settings.descriptors, capture.fileno())
            self._process = Process(arguments, subprocess.PIPE, environment(settings.profile_folder), user, descriptors)
            path = f"/proc/self/fd/{capture.fileno()}"
        self.numbers = numbers
        self._buffer = bytearray()
        self._last_request = _OWN
        self._last_frame = 0
        try:
            for preference in OWN_PREFERENCES:
                self._send(_OWN, "setconf", _preference(preference))
            for preference in settings.preferences:
                self._prefer(preference)
            self._load(path)
        except BaseException:
            self._process.stop()
            raise

    def __enter__(self) -> "Sharkd":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends sharkd."""
        self._process.stop()

    def frame(self, number: int) -> Dissection:
        """Dissects the packet with this frame number, from 1. Raises EspcapError if it does not exist."""
        place = self.numbers.position(number) or 0 if self.numbers else number
        self._approach(place)
        answer = self._ask("frame", {"frame": place, "proto": True, "bytes": True}, FRAME_SECONDS)
        if "result" not in answer:
            raise EspcapError(f"the capture has no frame {number:,}", f"it has {self.frames:,} that can be read")
        dissection = _dissection(answer["result"])
        return renumbered(dissection, place, self.numbers) if self.numbers else dissection

    def follow(self, protocol: str, stream: int) -> list[StreamData]:
        """The payload of a conversation. `protocol` is `tcp` or `udp`, `stream` is Wireshark's number, such as
        tcp.stream."""
        parameters = {"follow": protocol.upper(), "filter": f"{protocol}.stream == {stream}"}
        answer = self._ask("follow", parameters, LOAD_SECONDS)
        self._last_frame = self.frames  # sharkd has dissected all packets once more
        found: list[StreamData] = []
        for each in answer.get("result", {}).get("payloads", []):
            is_answer, data = bool(each.get("s")), _decoded(each.get("d", ""))
            if found and found[-1].is_answer == is_answer:
                data = found.pop().data + data
            found.append(StreamData(is_answer, data))
        return found

    def _approach(self, number: int) -> None:
        """Lets sharkd dissect the packets before this one again, in order.

        Some dissectors, such as HTTP, keep the state of a conversation. After other packets were dissected, it would be
        the state after those packets and not the one before this packet.
        """
        if self._last_frame != number - 1 and number <= self.frames:
            earlier = range(max(1, number - REMEMBERED_FRAMES), number)
            for start in range(0, len(earlier), _AT_ONCE):
                some = earlier[start : start + _AT_ONCE]
                for each in some:
                    self._last_request += 1
                    self._send(self._last_request, "frame", {"frame": each})
                for _ in some:
                    self._line(time.monotonic() + FRAME_SECONDS, FRAME_SECONDS)
        self._last_frame = number

    def _prefer(self, preference: str) -> None:
        if "error" in self._ask("setconf", _preference(preference), FRAME_SECONDS):
            raise UsageError(f"sharkd does not accept the preference {preference!r}", "see -o in man tshark")

    def _load(self, path: str) -> None:
        """Loads the capture. For a damaged capture sharkd does not answer, so its state is requested as well."""
        self._send(_LOAD, "load", {"file": path})
        self._send(_STATUS, "status", {})
        answer = self._answer({_STATUS, _LOAD}, LOAD_SECONDS)
        if "error" in answer:
            raise EspcapError("sharkd cannot load the capture", "tshark -r FILE shows what is wrong with it")
        if answer["id"] == _LOAD:
            answer = self._answer({_STATUS}, LOAD_SECONDS)
        self.frames = int(answer.get("result", {}).get("frames", 0))

    def _ask(self, method: str, parameters: dict[str, Any], seconds: float) -> dict[str, Any]:
        self._last_request += 1
        self._send(self._last_request, method, parameters)
        return self._answer({self._last_request}, seconds)

    def _send(self, number: int, method: str, parameters: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        request = {"jsonrpc": "2.0", "id": number, "method": method, "params": parameters}
        try:
            write_all(self._process.stdin, orjson.dumps(request) + b"\n")
        except BrokenPipeError:
            raise self._failure() from None

    def _answer(self, numbers: set[int], seconds: float) -> dict[str, Any]:
        """Reads until the answer to one of these requests. Raises EspcapError if it does not come within this time."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                answer = orjson.loads(self._line(deadline, seconds).decode("utf-8", "replace"))
            except orjson.JSONDecodeError as error:
                raise EspcapError("sharkd's answer is not JSON", "the packet may be too deeply nested") from error
            if isinstance(answer, dict) and answer.get("id") in numbers:
                return answer

    def _line(self, deadline: float, seconds: float) -> bytes:
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            if not readable([self._process.stdout], max(0.0, deadline - time.monotonic())):
                hint = "the packet may make Wireshark hang too"
                raise EspcapError(f"sharkd did not answer for {seconds:g} s", hint)
            block = os.read(self._process.stdout.fileno(), _BLOCK)
            if not block:
                raise self._failure()
            self._buffer += block
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line

    def _failure(self) -> EspcapError:
        ended = self._process.wait()
        return EspcapError(f"sharkd ended: {ended.message}", "the capture may make Wireshark crash too")


def readable_by(user: User | None, file: BinaryIO) -> BinaryIO:
    """A file that this user can open again through `/proc/self/fd`: a duplicate of the open file, or an unnamed copy.

    Raises EspcapError if the file cannot be copied.
    """
    if user and not user.can_reopen(file.fileno()):
        return _copy_for(user, file)
    return os.fdopen(os.dup(file.fileno()), "rb", buffering=0)


def _copy_for(user: User, file: BinaryIO) -> BinaryIO:
    try:
        copy = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - the caller closes it
        shutil.copyfileobj(file, copy, 1 << 20)
        os.fchown(copy.fileno(), user.uid, user.gid)
    except OSError as error:
        hint = f"let {user.name} read it, or make room in {tempfile.gettempdir()}"
        raise EspcapError(f"cannot copy the capture for {user.name}: {error.strerror}", hint) from error
    file.seek(0)
    return copy


def _dissection(result: dict[str, Any]) -> Dissection:
    extra = [Bytes(str(each.get("name", "")), _decoded(each.get("bytes", ""))) for each in result.get("ds", [])]
    frame = _decoded(result.get("bytes", ""))
    tree = _nodes(result.get("tree", []))
    return Dissection(tree, [Bytes(f"{_name_of_frame(tree)} ({len(frame)} bytes)", frame), *extra])


def renumbered(dissection: Dissection, place: int, numbers: Numbering) -> Dissection:
    """Changes a dissection from positions in the file to frame numbers of the capture, and returns it.

    `place` is the packet's position in the file, from 1.
    """
    own = numbers.frame(place)
    if dissection.tree:
        frame = dissection.tree[0]
        frame.label = re.sub(rf"\b{place}\b", str(own), frame.label, count=1)
    for _, node in dissection.nodes():
        if node.filter == f"frame.number == {place}":
            _renumber(node, place, own)
        elif 0 < node.frame <= len(numbers):
            _renumber(node, node.frame, numbers.frame(node.frame))
        if any(child.frame for child in node.children):  # [2 Reassembled TCP Segments (1500 bytes): #3(1000), #5(500)]
            node.label = _LISTED.sub(lambda match: str(numbers.frame(int(match[0]))), node.label)
    return dissection


def _renumber(node: Node, place: int, number: int) -> None:
    node.filter = re.sub(rf"== {place}$", f"== {number}", node.filter)
    node.label = re.sub(rf"\b{place}\b", str(number), node.label, count=1)
    node.frame = number if node.frame else 0


def _name_of_frame(tree: list[Node]) -> str:
    """The name that tshark prints for the frame's bytes.

    From 4.6 on it is the kind of record, which the line of the frame contains; before, it is `Frame`.
    """
    kind = _KIND_OF_RECORD.match(tree[0].label) if tree else None
    return kind[1] if kind else "Frame"


def _nodes(items: list[dict[str, Any]]) -> list[Node]:
    """Makes nodes of sharkd's JSON. Without recursion, because a hostile packet can have a very deep tree."""
    tree: list[Node] = []
    waiting = [(items, tree)]
    while waiting:
        below, children = waiting.pop()
        for item in below:
            node = _node(item)
            children.append(node)
            waiting.append((item.get("n", []), node.children))
    return tree


def _node(item: dict[str, Any]) -> Node:
    start, length = item.get("h", (0, 0))
    return Node(
        label=item.get("l", ""),
        is_generated=bool(item.get("g")),
        filter=item.get("f", ""),
        frame=item.get("fnum", 0),
        severity=item.get("s", ""),
        source=item.get("ds", 0),
        start=start,
        length=length,
    )


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text)
    except binascii.Error as error:
        raise EspcapError("sharkd's answer is damaged", "run espcap doctor") from error


def _preference(text: str) -> dict[str, str]:
    name, _, value = text.partition(":")
    return {"name": name, "value": value}
