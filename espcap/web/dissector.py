"""Dissects packets for the page, in one thread, with a sharkd for each of the captures that were opened last."""

import asyncio
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from espcap.base.errors import EspcapError, UsageError
from espcap.base.members import frame_number, part
from espcap.captures.originals import Originals, check_packet
from espcap.captures.sources import Stamp, stamp_of
from espcap.extract.loading import find_original
from espcap.extract.needed import Needed, matches_document, stream_of, with_original_streams
from espcap.fields.field import PRESENCE
from espcap.fields.registry import Registry
from espcap.tshark.arguments import Settings
from espcap.tshark.program import Program, User
from espcap.tshark.sharkd import Bytes, Dissection, Node, Sharkd, StreamData

MOST_OPEN = 2
"""Number of sharkd processes that are kept. Each holds an index of all packets of its capture in memory."""
MOST_LINES = 5000
"""The most lines of a tree that the page shows."""
MOST_BYTES = 65_536
"""The most bytes of a packet or a stream that the page shows."""
_LONGEST_FILTER = 240
"""Length of the longest display filter: enough for byte fields that documents contain without --payload."""

Document = dict[str, Any]
_Answer = TypeVar("_Answer")
_Request = Callable[[Sharkd, Needed | None], _Answer | None]
"""Asks sharkd about a packet. Returns None if an excerpt is not enough.

The second argument is the excerpt that is loaded; None for a whole capture.
"""


@dataclass(frozen=True)
class _Loaded:
    """A sharkd that has loaded a capture, or an excerpt of one."""

    sharkd: Sharkd
    path: str
    stamp: Stamp
    needed: Needed | None
    """The packets of the excerpt; None if the whole capture, or the kept files around a live packet, are loaded."""

    def is_current(self) -> bool:
        """Returns whether the file has not changed since it was loaded."""
        try:
            return stamp_of(os.stat(self.path)) == self.stamp
        except OSError:
            return False

    def serves(self, frame: int, needed: Needed | None) -> bool:
        """Returns whether the packet and all packets that it needs are loaded."""
        if not self.needed:
            return not self.sharkd.numbers or (not needed and self.sharkd.numbers.position(frame) is not None)
        if not needed:
            return False
        return needed.number in self.needed.frames and len(needed.frames) == len(self.needed.frames)


class Dissector:
    """Dissects packets, one at a time."""

    def __init__(self, program: Program, user: User | None, settings: Settings, folders: tuple[str, ...]) -> None:
        """`folders` contain captures that were moved."""
        self._program = program
        self._user = user
        self._settings = settings
        self._folders = folders
        self._loaded: dict[str, _Loaded] = {}
        self._thread = ThreadPoolExecutor(1, "dissector")

    async def show(self, document: Document, needed: Needed | None = None) -> Dissection:
        """Returns the dissected packet of a document. Loads only the packets in `needed` if they are enough.

        Raises EspcapError if its capture is missing or cannot be read.
        """
        frame = frame_number(document) or 0

        def request(sharkd: Sharkd, excerpt: Needed | None) -> Dissection | None:
            dissection = sharkd.frame(frame)
            if not excerpt:
                return with_original_streams(dissection, document) if sharkd.numbers else dissection
            return with_original_streams(dissection, document) if matches_document(dissection, excerpt) else None

        return await self._run(document, needed, request)

    async def follow(self, document: Document, needed: Needed | None = None) -> list[StreamData]:
        """Returns the payload of a packet's conversation. Raises EspcapError as `show`, or if it has none."""
        protocol, stream = _stream(document)
        frame = frame_number(document) or 0

        def request(sharkd: Sharkd, excerpt: Needed | None) -> list[StreamData] | None:
            if not (excerpt or sharkd.numbers):
                return sharkd.follow(protocol, stream)
            dissection = sharkd.frame(frame)
            own = stream_of(dissection, protocol)
            if own is None or (excerpt and not matches_document(dissection, excerpt)):
                return None if excerpt else []
            return sharkd.follow(protocol, own)

        return await self._run(document, needed, request)

    async def _run(self, document: Document, needed: Needed | None, request: _Request[_Answer]) -> _Answer:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._answer, document, needed, request)

    def _answer(self, document: Document, needed: Needed | None, request: _Request[_Answer]) -> _Answer:
        check_packet(document)
        answer = None
        if needed:
            with suppress(EspcapError):  # the whole capture may be enough
                answer = self._run_sharkd(document, needed, request)
        if answer is None:
            answer = self._run_sharkd(document, None, request)
        assert answer is not None  # only an excerpt may not be enough
        return answer

    def _run_sharkd(self, document: Document, needed: Needed | None, request: _Request[_Answer]) -> _Answer | None:
        capture_id = str(document["capture_id"])
        loaded = self._loaded.pop(capture_id, None)
        if loaded and not (loaded.is_current() and loaded.serves(frame_number(document) or 0, needed)):
            loaded.sharkd.close()
            loaded = None
        loaded = loaded or self._load(document, needed)
        try:
            answer = request(loaded.sharkd, needed if loaded.needed else None)
        except EspcapError:
            loaded.sharkd.close()
            raise
        self._loaded[capture_id] = loaded  # the most recently used is the last
        return answer

    def _load(self, document: Document, needed: Needed | None) -> _Loaded:
        while len(self._loaded) >= MOST_OPEN:
            self._loaded.pop(next(iter(self._loaded))).sharkd.close()
        with find_original(Originals(self._folders), document, frame_number(document) or 0) as original:
            stamp = original.stamp
            excerpt = original.excerpt(needed) if needed else None
            with excerpt or original.whole() as capture:
                sharkd = Sharkd(self._program, capture.file, self._user, self._settings, capture.numbers)
            return _Loaded(sharkd, original.path, stamp, needed if excerpt else None)

    def close(self) -> None:
        """Ends all sharkd processes."""
        self._thread.shutdown(cancel_futures=True)
        for loaded in self._loaded.values():
            loaded.sharkd.close()


def _stream(document: Document) -> tuple[str, int]:
    """Returns the protocol and number of a packet's (innermost) stream. Raises UsageError if it has none."""
    for protocol in ("tcp", "udp"):
        found = part(document, "layers", protocol).get("stream")
        if found is not None:
            return protocol, int(found[-1] if isinstance(found, list) else found)
    raise UsageError("the packet does not belong to a TCP or UDP conversation")


@dataclass(frozen=True)
class TreeLine:
    """A line of the dissection tree."""

    depth: int
    node: Node
    filter: str
    """A display filter for the value; empty if stores cannot answer it."""

    @property
    def field(self) -> str:
        """The field's name; empty if it has no value to show in a column."""
        name, operator, _ = self.filter.partition(" ")
        return name if operator else ""


def tree_lines(dissection: Dissection, registry: Registry) -> list[TreeLine]:
    """Returns the lines of the tree from top to bottom, at most MOST_LINES."""
    first = islice(dissection.nodes(), MOST_LINES)
    return [TreeLine(depth, node, _answerable(node.filter, registry)) for depth, node in first]


def _answerable(text: str, registry: Registry) -> str:
    """Returns the display filter, or only the field's name if it has no value; empty if documents cannot answer it."""
    name = text.partition(" ")[0]
    field = registry.field(name)
    if len(text) > _LONGEST_FILTER or not (field or registry.is_protocol(name)):
        return ""
    return name if field and field.base == PRESENCE else text


def hex_lines(source: Bytes) -> Iterator[str]:
    """Yields lines with the offset, the hexadecimal values and the characters of 16 bytes, up to MOST_BYTES."""
    return (f"{offset}  {row}" for offset, row in source.rows(MOST_BYTES))


def stream_lines(pieces: list[StreamData]) -> Iterator[tuple[bool, str]]:
    """Yields for each part of a stream whether it is an answer, and its text; at most MOST_BYTES in all."""
    left = MOST_BYTES
    for each in pieces:
        data = each.data[:left]
        left -= len(data)
        if data:
            yield (
                each.is_answer,
                "".join(
                    chr(byte) if 0x20 <= byte < 0x7F or byte == 10 else "." for byte in data.replace(b"\r\n", b"\n")
                ),
            )
