"""Takes packets apart into the messages of declared protocols."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from espcap.flows.packets import FlowPacket
from espcap.transactions.declaration import Declaration
from espcap.transactions.messages import Message

SEGMENTS = "tcp.segments"
"""The part of a packet's tree that lists the packets of which the next message is reassembled."""

Found = list[tuple[Declaration, Message]]


class _Start(NamedTuple):
    """What all messages of a layer have in common."""

    frame: int
    time: int
    begins: int
    direction: int


class Splitter:
    """Finds the messages of a packet in the parts of its tree."""

    def __init__(self, declarations: Sequence[Declaration], names: Sequence[str]) -> None:
        """`names` are the wanted names, which the parts have as indices."""
        renamed = {other: name for each in declarations for other, name in each.renamed.items()}
        self._names = [renamed.get(name, name) for name in names]
        self._declarations = {layer: each for each in declarations for layer in each.layers}

    def split(self, packet: FlowPacket, direction: int, times: Mapping[int, int]) -> Found:
        """Returns the messages of a packet. `times` has the times of earlier packets of the flow."""
        found: Found = []
        begins, end = packet.time, packet.length
        last: list[Any] = []
        for part in packet.application or ():
            layer = self._names[part[0]]
            if layer == SEGMENTS:
                begins = times.get(part[5], packet.time) if len(part) > 5 else packet.time
                end = part[2] or 0
            elif found and layer in found[-1][0].join:
                self._fill(found[-1][1], part)
            elif declaration := self._declarations.get(layer):
                start = _Start(packet.number, packet.time, begins, direction)
                self._add(found, declaration, part, start)
                if not declaration.begin and _holds(last, part):
                    found[-2][1].size = part[1] - last[1]
                _add_body(declaration, found[-1][1], part, end)
                begins, last = packet.time, part
                end = end if end == packet.length and layer != "tls" else 0  # others are in a buffer of another size
        return found

    def _add(self, found: Found, declaration: Declaration, part: list[Any], start: _Start) -> None:
        """Adds the messages of a layer: one, or one for each field with which messages begin."""
        if not declaration.begin:
            message = Message(start.frame, len(found), start.time, start.begins, start.direction, part[2])
            self._fill(message, part)
            found.append((declaration, message))
            return
        current: Message | None = None
        for index, depth, value in zip(part[3::3], part[4::3], part[5::3], strict=True):
            name = self._names[index]
            if depth == 1 and name in declaration.begin:
                size = value if isinstance(value, int) else None
                current = Message(start.frame, len(found), start.time, start.begins, start.direction, size)
                found.append((declaration, current))
            if current:
                current.add([(name, depth, value)])

    def _fill(self, message: Message, part: list[Any]) -> None:
        names = self._names
        message.add([(names[part[i]], part[i + 1], part[i + 2]) for i in range(3, len(part), 3)])


def _holds(part: list[Any], next_part: list[Any]) -> bool:
    """Returns whether a part seems to hold the next one of its layer too, as with pipelined requests of HTTP."""
    if not part or part[0] != next_part[0] or part[1] is None or next_part[1] is None:
        return False
    return bool(part[1] < next_part[1] and part[1] + part[2] == next_part[1] + next_part[2])


def _add_body(declaration: Declaration, message: Message, part: list[Any], end: int) -> None:
    """Adds the size of a body that is behind the part, in a buffer that ends at `end`; 0 if that is not known."""
    size = message.first(declaration.body) if declaration.body else None
    if isinstance(size, int) and part[1] is not None and message.size is not None and part[1] + part[2] + size <= end:
        message.size += size
