"""Finds the packets of a large capture that are needed to show one packet, so that not all of them are loaded.

They are the packets of its conversation. The dissected packet is then compared with its document.
"""

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
"""Bytes of the largest capture that is loaded as a whole, which takes less than a second."""
_MOST_FRAMES = 100_000
"""The most packets in a conversation for which an excerpt is faster."""
_STREAM = re.compile(r"([a-z0-9_]+\.stream) == (\d+)")

Document = dict[str, Any]


@dataclass(frozen=True)
class Needed:
    """The packets of a capture that are needed to show one packet."""

    document: Document
    """The packet's document, which was made from the whole capture."""
    frames: FrameSet
    decisive: frozenset[str]
    """Display filters of values that depend on other packets: frame numbers, and times since other packets."""

    @property
    def number(self) -> int:
        """The packet's frame number."""
        return frame_number(self.document) or 0


def find_needed(searcher: Searcher, document: Document) -> Needed | None:
    """Returns the conversation of a packet, with its fragments; None if the whole capture should be loaded."""
    number = frame_number(document)
    if number is None or "capture_id" not in document or (not is_live(document) and _is_small(document["file_name"])):
        return None
    packet = And((Equals("capture_id", document["capture_id"]), Equals("layers.frame.number", number)))
    for selection in select_conversations(searcher.store, packet, searcher.registry):
        if selection.capture_id == document["capture_id"] and len(selection.frames) <= _MOST_FRAMES:
            selection.frames.add(1)  # its time is the start of relative times
            selection.frames.add(number)
            if is_live(document):
                selection.frames.add(number - 1)  # an excerpt of a live capture leaves out the others
            return Needed(document, selection.frames, frozenset(_decisive(document, searcher.registry)))
    return None


def open_excerpt(file: BinaryIO, needed: Needed) -> BinaryIO | None:
    """Returns a temporary capture, at its start, in which all other packets are empty.

    Returns None if only tshark can read the capture. Raises EspcapError if the disk is full.
    """
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


def matches_document(dissection: Dissection, needed: Needed) -> bool:
    """Returns whether the packet was dissected as in the whole capture.

    Compares its protocols, values that depend on other packets, and the number of expert messages. They can differ
    because of earlier packets in other conversations: a negotiated port, keys, an address that was seen twice.
    """
    document, nodes = needed.document, [node for _, node in dissection.nodes()]
    protocols = str(part(document, "layers", "frame").get("protocols", ""))
    if not any(node.filter.startswith("frame.protocols ==") and f'"{protocols}"' in node.filter for node in nodes):
        return False
    shown = {node.filter for node in nodes}
    notes = _listed(part(document, "layers", "_ws").get("expert_message"))
    return needed.decisive <= shown and sum(node.filter == "_ws.expert" for node in nodes) >= len(notes)


def with_original_streams(dissection: Dissection, document: Document) -> Dissection:
    """Returns the dissection with stream numbers as in the whole capture; those of an excerpt are smaller."""
    seen: dict[str, int] = {}
    return replace(dissection, tree=[_renumbered(node, document, seen) for node in dissection.tree])


def stream_of(dissection: Dissection, protocol: str) -> int | None:
    """Returns the stream number of the innermost conversation of a protocol; None if it is missing."""
    filters = [_STREAM.fullmatch(node.filter) for _, node in dissection.nodes()]
    numbers = [int(match[2]) for match in filters if match and match[1] == f"{protocol}.stream"]
    return numbers[-1] if numbers else None


def _is_small(name: Any) -> bool:
    """Returns whether the file is small; False if it was moved."""
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


def _decisive(document: Document, registry: Registry) -> Iterator[str]:
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
