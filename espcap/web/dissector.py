"""Packets as Wireshark shows them: a thread with the sharkds of the captures that were looked at last."""

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
from espcap.extract.needed import Needed, agrees, stream_of, with_its_streams
from espcap.fields.field import PRESENCE
from espcap.fields.registry import Registry
from espcap.tshark.arguments import Settings
from espcap.tshark.program import Program, User
from espcap.tshark.sharkd import Bytes, Dissection, Node, Sharkd, Spoken

MOST_OPEN = 2
"""Captures whose sharkds are kept: each holds an index of all packets in memory."""
MOST_LINES = 5000
MOST_BYTES = 65_536
"""Lines of a tree, and bytes of a source, that a page shows."""
_LONGEST_FILTER = 240
"""Characters: bytes that documents have without --payload fit."""

Document = dict[str, Any]
_Answer = TypeVar("_Answer")
_Question = Callable[[Sharkd, Needed | None], _Answer | None]
"""Asked of an excerpt with what is in it; None if that does not do."""


@dataclass(frozen=True)
class _Loaded:
    sharkd: Sharkd
    path: str
    stamp: Stamp
    needed: Needed | None
    """What an excerpt has; None if the whole capture is loaded, or what is kept of a live one around a packet."""

    def is_current(self) -> bool:
        try:
            return stamp_of(os.stat(self.path)) == self.stamp
        except OSError:
            return False

    def serves(self, frame: int, needed: Needed | None) -> bool:
        """Whether it has the packet, and all that is needed."""
        if not self.needed:
            return not self.sharkd.numbers or (not needed and self.sharkd.numbers.position(frame) is not None)
        if not needed:
            return False
        return needed.number in self.needed.frames and len(needed.frames) == len(self.needed.frames)


class Dissector:
    """Shows packets, one at a time."""

    def __init__(self, program: Program, user: User | None, settings: Settings, folders: tuple[str, ...]) -> None:
        """`folders` have the captures that are no longer where they were stored from."""
        self._program = program
        self._user = user
        self._settings = settings
        self._folders = folders
        self._loaded: dict[str, _Loaded] = {}
        self._thread = ThreadPoolExecutor(1, "dissector")

    async def show(self, document: Document, needed: Needed | None = None) -> Dissection:
        """The packet of a document. Raises EspcapError where its capture is gone or cannot be read.

        Only what is `needed` is read, if that turns out to be enough.
        """
        frame = frame_number(document) or 0

        def question(sharkd: Sharkd, excerpt: Needed | None) -> Dissection | None:
            dissection = sharkd.frame(frame)
            if not excerpt:
                return with_its_streams(dissection, document) if sharkd.numbers else dissection
            return with_its_streams(dissection, document) if agrees(dissection, excerpt) else None

        return await self._ask(document, needed, question)

    async def follow(self, document: Document, needed: Needed | None = None) -> list[Spoken]:
        """What the conversation of a document's packet says. Raises EspcapError as `show`, or where it has none."""
        protocol, stream = _stream(document)
        frame = frame_number(document) or 0

        def question(sharkd: Sharkd, excerpt: Needed | None) -> list[Spoken] | None:
            if not (excerpt or sharkd.numbers):
                return sharkd.follow(protocol, stream)
            dissection = sharkd.frame(frame)
            own = stream_of(dissection, protocol)
            if own is None or (excerpt and not agrees(dissection, excerpt)):
                return None if excerpt else []
            return sharkd.follow(protocol, own)

        return await self._ask(document, needed, question)

    async def _ask(self, document: Document, needed: Needed | None, question: _Question[_Answer]) -> _Answer:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._answer, document, needed, question)

    def _answer(self, document: Document, needed: Needed | None, question: _Question[_Answer]) -> _Answer:
        check_packet(document)
        answer = None
        if needed:
            with suppress(EspcapError):  # the whole capture may do
                answer = self._ask_sharkd(document, needed, question)
        if answer is None:
            answer = self._ask_sharkd(document, None, question)
        assert answer is not None  # only an excerpt may not do
        return answer

    def _ask_sharkd(self, document: Document, needed: Needed | None, question: _Question[_Answer]) -> _Answer | None:
        capture_id = str(document["capture_id"])
        loaded = self._loaded.pop(capture_id, None)
        if loaded and not (loaded.is_current() and loaded.serves(frame_number(document) or 0, needed)):
            loaded.sharkd.close()
            loaded = None
        loaded = loaded or self._load(document, needed)
        try:
            answer = question(loaded.sharkd, needed if loaded.needed else None)
        except EspcapError:
            loaded.sharkd.close()
            raise
        self._loaded[capture_id] = loaded  # the latest used is the last
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
        """Ends all sharkds."""
        self._thread.shutdown(cancel_futures=True)
        for loaded in self._loaded.values():
            loaded.sharkd.close()


def _stream(document: Document) -> tuple[str, int]:
    """The protocol and the number of a conversation; of tunnels the innermost."""
    for protocol in ("tcp", "udp"):
        found = part(document, "layers", protocol).get("stream")
        if found is not None:
            return protocol, int(found[-1] if isinstance(found, list) else found)
    raise UsageError("the packet is of no TCP or UDP conversation")


@dataclass(frozen=True)
class TreeLine:
    """A line of the tree as the page shows it."""

    depth: int
    node: Node
    filter: str
    """A display filter that a store can answer; empty where there is none."""

    @property
    def field(self) -> str:
        """The field's name where there is a value to show in a column."""
        name, operator, _ = self.filter.partition(" ")
        return name if operator else ""


def tree_lines(dissection: Dissection, registry: Registry) -> list[TreeLine]:
    """The tree from top to bottom, at most MOST_LINES of it."""
    first = islice(dissection.nodes(), MOST_LINES)
    return [TreeLine(depth, node, _answerable(node.filter, registry)) for depth, node in first]


def _answerable(text: str, registry: Registry) -> str:
    """Without what no document can tell: bytes of a frame, long payload, and values of fields that have none."""
    name = text.partition(" ")[0]
    field = registry.field(name)
    if len(text) > _LONGEST_FILTER or not (field or registry.is_protocol(name)):
        return ""
    return name if field and field.base == PRESENCE else text


def hex_lines(source: Bytes) -> Iterator[str]:
    """Offset, bytes and characters of sixteen at a time, at most MOST_BYTES of them."""
    return (f"{offset}  {row}" for offset, row in source.rows(MOST_BYTES))


def spoken_lines(spoken: list[Spoken]) -> Iterator[tuple[bool, str]]:
    """Whether it is the answering end, and what it said as text, at most MOST_BYTES of all."""
    left = MOST_BYTES
    for each in spoken:
        data = each.data[:left]
        left -= len(data)
        if data:
            yield (
                each.is_answer,
                "".join(
                    chr(byte) if 0x20 <= byte < 0x7F or byte == 10 else "." for byte in data.replace(b"\r\n", b"\n")
                ),
            )
