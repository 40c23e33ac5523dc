"""What of a large capture it takes to show one packet: its conversation, as long as the packet's document agrees."""

import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

from espcap.base.errors import EspcapError
from espcap.base.frames import FrameSet
from espcap.base.members import frame_number, part
from espcap.captures.excerpt import write_excerpt
from espcap.captures.originals import is_live
from espcap.captures.pcapng import UnknownForm
from espcap.fields.registry import Registry
from espcap.query import And, Equals
from espcap.searches.searcher import Searcher
from espcap.searches.selection import select_conversations
from espcap.tshark.sharkd import Dissection, Node

SMALL = 16 << 20
"""Bytes of a capture that is loaded whole: it takes less than a second."""
_MOST_FRAMES = 100_000
"""Packets of a conversation that are worth an excerpt."""
_STREAM = re.compile(r"([a-z0-9_]+\.stream) == (\d+)")

Document = dict[str, Any]


@dataclass(frozen=True)
class Needed:
    """The packets of a capture that a packet may be about."""

    document: Document
    """Of the packet, as the whole capture made it."""
    frames: FrameSet
    telling: frozenset[str]
    """Display filters of its values that other packets decide: numbers of frames, and times since others."""

    @property
    def number(self) -> int:
        """Of the packet."""
        return frame_number(self.document) or 0


def find_needed(searcher: Searcher, document: Document) -> Needed | None:
    """The conversation of a packet, with all that it was put together from; None if the whole capture is to be read."""
    number = frame_number(document)
    if number is None or "capture_id" not in document or (not is_live(document) and _is_small(document["file_name"])):
        return None
    packet = And((Equals("capture_id", document["capture_id"]), Equals("layers.frame.number", number)))
    for selection in select_conversations(searcher.store, packet, searcher.registry):
        if selection.capture_id == document["capture_id"] and len(selection.frames) <= _MOST_FRAMES:
            selection.frames.add(1)  # times are counted from it
            selection.frames.add(number)
            if is_live(document):
                selection.frames.add(number - 1)  # others are not even there empty, and times are counted from it, too
            return Needed(document, selection.frames, frozenset(_telling(document, searcher.registry)))
    return None


def open_excerpt(file: BinaryIO, needed: Needed) -> BinaryIO | None:
    """A capture without a name, at its start, in which all other packets are empty; None if only tshark can read it."""
    excerpt = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    try:
        with os.fdopen(os.dup(file.fileno()), "rb", buffering=0) as copy:
            write_excerpt(copy, excerpt, needed.frames, max(needed.frames))
        excerpt.flush()
        excerpt.seek(0)
        return excerpt
    except UnknownForm:
        excerpt.close()
        return None
    except OSError as error:
        excerpt.close()
        hint = f"make room in {tempfile.gettempdir()}"
        raise EspcapError(f"cannot copy packets: {error.strerror}", hint) from error
    finally:
        file.seek(0)


def agrees(dissection: Dissection, needed: Needed) -> bool:
    """Whether the packet is what it was in the whole capture: its protocols, what refers to other packets, its notes.

    What came before in other conversations may matter: a port that was agreed upon, keys, an address seen twice.
    """
    document, nodes = needed.document, [node for _, node in dissection.nodes()]
    protocols = str(part(document, "layers", "frame").get("protocols", ""))
    if not any(node.filter.startswith("frame.protocols ==") and f'"{protocols}"' in node.filter for node in nodes):
        return False
    shown = {node.filter for node in nodes}
    notes = _listed(part(document, "layers", "_ws").get("expert_message"))
    return needed.telling <= shown and sum(node.filter == "_ws.expert" for node in nodes) >= len(notes)


def with_its_streams(dissection: Dissection, document: Document) -> Dissection:
    """The numbers of its conversations as in the whole capture, which an excerpt has fewer of."""
    seen: dict[str, int] = {}
    return replace(dissection, tree=[_renumbered(node, document, seen) for node in dissection.tree])


def stream_of(dissection: Dissection, protocol: str) -> int | None:
    """The number that the innermost conversation of a protocol has; None if there is none."""
    filters = [_STREAM.fullmatch(node.filter) for _, node in dissection.nodes()]
    numbers = [int(match[2]) for match in filters if match and match[1] == f"{protocol}.stream"]
    return numbers[-1] if numbers else None


def _is_small(name: Any) -> bool:
    """Not of one that has moved."""
    try:
        return os.path.getsize(str(name)) <= SMALL
    except (OSError, ValueError):
        return False


def _renumbered(node: Node, document: Document, seen: dict[str, int]) -> Node:
    waiting = [node]
    while waiting:
        each = waiting.pop()
        waiting += reversed(each.children)
        match = _STREAM.fullmatch(each.filter)
        if not match:
            continue
        layer, _, key = match[1].partition(".")
        numbers = _listed(part(document, "layers", layer).get(key))
        place = seen[match[1]] = seen.get(match[1], -1) + 1
        if place < len(numbers):
            each.filter = f"{match[1]} == {numbers[place]}"
            each.label = re.sub(rf"\b{match[2]}\b", str(numbers[place]), each.label)
    return node


def _telling(document: Document, registry: Registry) -> Iterator[str]:
    for layer in part(document, "layers"):
        members = part(document, "layers", layer)
        for name in registry.names_below(layer):
            field = registry.field(name) if name.partition(".")[2].replace(".", "_") in members else None
            if field and field.type == "FT_FRAMENUM":
                yield from (f"{name} == {number}" for number in _listed(members[field.key]))
            elif field and field.type == "FT_RELATIVE_TIME" and layer != "frame":
                yield from (f"{name} == {seconds:.9f}" for seconds in _listed(members[field.key]))


def _listed(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]
