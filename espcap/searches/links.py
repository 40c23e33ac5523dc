"""Query strings that lead from a flow or a transaction to exactly its packets, and from a packet back to them."""

from collections.abc import Iterable, Iterator
from typing import Any

from espcap.base.members import frame_number, part, values_at
from espcap.documents.types import FLOWS, MESSAGES_OF_PACKET, PACKETS, DocumentType, number_in
from espcap.fields.registry import Registry
from espcap.query import And, Equals, Or
from espcap.searches.searcher import Searcher
from espcap.searches.selection import PIECES
from espcap.stores import Hit

_MOST_PARTS = 200
"""The most frame numbers and ranges in a query; packets between them are added if there are more."""

Document = dict[str, Any]


def packets_of(searcher: Searcher, of: DocumentType, hit: Hit) -> str:
    """Returns a query string for packets: those of a flow's record, or those of a transaction's request and answer.

    `searcher` searches packets, and `of` is the type of the document `hit`.
    """
    if of is FLOWS:
        flow = part(hit.source, "flow")
        frames = f"layers.frame.number:[{flow.get('first_frame')} TO {flow.get('last_frame')}]"
        return f"{_capture(hit.source)} AND {frames} AND {_between_ends(hit.source)}"
    frames, *others = _frames_of_transaction(searcher, hit)
    found = f"layers.frame.number:({frames})"
    return f"{_capture(hit.source)} AND {f'({found} OR {others[0]})' if others else found}"


def related_to_packet(searcher: Searcher, document: Document, of: DocumentType) -> str:
    """Returns a query string for the flow of a packet, or for transactions of which it is a part.

    `searcher` searches packets. Empty if the packet cannot have any.
    """
    number = frame_number(document)
    if number is None or not part(document, "source").get("ip"):
        return ""
    if of is FLOWS:
        span = f"flow.first_frame:<={number} AND flow.last_frame:>={number}"
        return f"{_capture(document)} AND {span} AND {_between_ends(document)}"
    frames = _ranges([number, *_wholes(searcher, document, number)])
    halves = [f"{path}:({frames})" for path in ("request.frame", "response.frame", "response.first_frame")]
    sender = _end("server", part(document, "source"))
    if part(document, "layers", "tcp").get("len") != 0:
        between = f"response.first_frame:<{number} AND response.frame:>{number}"
        halves.append(f"({between} AND {sender} AND {_between_ends(document)})")
    return f"{_capture(document)} AND ({' OR '.join(halves)})"


def with_same_flow(document: Document) -> str:
    """Returns a query string for the records of the flow of a flow or transaction, and for its transactions."""
    return f'flow.id:"{part(document, "flow").get("id", "")}"'


def _frames_of_transaction(searcher: Searcher, hit: Hit) -> Iterator[str]:
    """Yields the frame numbers of a transaction, and a condition for packets between the first and the last answer."""
    request, response = part(hit.source, "request"), part(hit.source, "response")
    first, last = response.get("first_frame"), response.get("frame")
    ends = [number for number in (request.get("frame"), first, last) if number is not None]
    whole = []  # packets of which all pieces belong to the transaction
    if request and number_in(hit.id)[1] % MESSAGES_OF_PACKET == 0:
        whole.append(request["frame"])
    event = part(hit.source, "event")
    if response and (first != last or event.get("first_response", 0) < event.get("duration", 0)):
        whole.append(first)
    yield _ranges([*ends, *_pieces(searcher, hit.source, whole)])
    if response and first != last:
        between = f"layers.frame.number:[{first} TO {last}] AND NOT layers.tcp.len:0"
        yield f"({between} AND {_end('source', part(hit.source, 'server'))} AND {_between_ends(hit.source)})"


def _pieces(searcher: Searcher, source: Document, frames: list[int]) -> Iterator[int]:
    """Yields the frames from which the packets with these numbers were reassembled."""
    names = {PACKETS.identifier(str(source["capture_id"]), number) for number in frames}
    packets = searcher.store.search(Or(tuple(Equals("_id", name) for name in names)), len(names)).hits if names else []
    for packet in packets:
        for path in _piece_paths(searcher.registry, packet.source):
            yield from (value for value in values_at(packet.source, path) if isinstance(value, int))


def _wholes(searcher: Searcher, packet: Document, number: int) -> Iterator[int]:
    """Yields the frames that were reassembled from a packet and others."""
    pieces = Or(tuple(Equals(path, number) for path in _piece_paths(searcher.registry, packet)))
    query = And((Equals("capture_id", str(packet.get("capture_id"))), pieces))
    found = searcher.store.search(query, _MOST_PARTS).hits if pieces.parts else []
    yield from (whole for hit in found if (whole := frame_number(hit.source)) is not None)


def _piece_paths(registry: Registry, packet: Document) -> Iterator[str]:
    """Yields the paths of the frames from which packets with the same layers are reassembled."""
    for layer in part(packet, "layers"):
        for name in registry.names_below(layer):
            if name.endswith(PIECES) and (field := registry.field(name)) and field.type == "FT_FRAMENUM":
                yield field.path


def _ranges(numbers: Iterable[int]) -> str:
    """Returns numbers as alternatives of a query string, such as `1 OR [3 TO 5]`."""
    parts: list[tuple[int, int]] = []
    for number in sorted(set(numbers)):
        if parts and number == parts[-1][1] + 1:
            parts[-1] = parts[-1][0], number
        else:
            parts.append((number, number))
    if len(parts) > _MOST_PARTS:
        parts = [*parts[: _MOST_PARTS - 1], (parts[_MOST_PARTS - 1][0], parts[-1][1])]
    return " OR ".join(str(first) if first == last else f"[{first} TO {last}]" for first, last in parts)


def _capture(document: Document) -> str:
    return f'capture_id:"{document.get("capture_id", "")}"'


def _between_ends(document: Document) -> str:
    """Returns a query string for documents between the same two ends, in both directions."""
    network, ends = part(document, "network"), [part(document, end) for end in ("source", "destination")]
    if network.get("community_id") and "port" in ends[0]:
        return f'network.community_id:"{network["community_id"]}"'
    ways = [f'(source.ip:"{near.get("ip")}" AND destination.ip:"{far.get("ip")}")' for near, far in (ends, ends[::-1])]
    without_ports = f'network.transport:"{network.get("transport")}" AND NOT _exists_:source.port'
    return f"({' OR '.join(ways)}) AND {without_ports}"


def _end(name: str, end: Document) -> str:
    port = f" AND {name}.port:{end['port']}" if "port" in end else ""
    return f'{name}.ip:"{end.get("ip")}"{port}'
