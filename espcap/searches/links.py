"""Query strings that lead from a flow or a transaction to exactly its packets, and from a packet back to them."""

from collections.abc import Iterable, Iterator
from typing import Any

from espcap.base.members import frame_number, part, values_at
from espcap.base.text import quoted
from espcap.documents.types import FLOWS, MESSAGES_OF_PACKET, PACKETS, DocumentType, number_in
from espcap.fields.registry import Registry
from espcap.query import And, Equals, Or
from espcap.searches.searcher import Searcher
from espcap.searches.selection import PIECES
from espcap.stores import Hit

_MOST_RUNS = 200
"""The most runs of frame numbers of a request or an answer in a query. If there are more, its sender says which."""
_MOST_WHOLES = 100
"""The most messages that one packet is a part of."""

Document = dict[str, Any]


def packets_of(searcher: Searcher, of: DocumentType, hit: Hit) -> str:
    """Returns a query string for packets: those of a flow's record, or those of a transaction's request and answer.

    `searcher` searches packets, and `of` is the type of the document `hit`.
    """
    if of is PACKETS:
        return f"_id:{quoted(hit.id)}"
    if of is FLOWS:
        flow = part(hit.source, "flow")
        frames = f"layers.frame.number:[{flow.get('first_frame')} TO {flow.get('last_frame')}]"
        return f"{_capture(hit.source)} AND {frames} AND {_between_ends(hit.source)}"
    found = " OR ".join(_of_transaction(searcher, hit))
    return f"{_capture(hit.source)} AND ({found})"


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
    return f"flow.id:{quoted(str(part(document, 'flow').get('id', '')))}"


def _of_transaction(searcher: Searcher, hit: Hit) -> Iterator[str]:
    """Yields conditions for the packets of a transaction: by their numbers, or between two numbers by their sender."""
    numbers: set[int] = set()
    for half, sender in (("request", "client"), ("response", "server")):
        ends = [value for key in ("first_frame", "frame") if (value := part(hit.source, half).get(key)) is not None]
        found = {*ends, *_pieces(searcher, hit.source, _with_pieces(hit, half))}
        is_long = len(_runs(found)) > _MOST_RUNS
        if is_long or len(set(ends)) > 1:
            span = found if is_long else ends
            frames = f"layers.frame.number:[{min(span)} TO {max(span)}] AND NOT layers.tcp.len:0"
            yield f"({frames} AND {_end('source', part(hit.source, sender))} AND {_between_ends(hit.source)})"
        if not is_long:
            numbers |= found
    if numbers:
        yield f"layers.frame.number:({_ranges(numbers)})"


def _with_pieces(hit: Hit, half: str) -> list[int]:
    """Returns the packet of a request or an answer if the packets that it was reassembled from belong to it.

    They belong to the first message of the packet.
    """
    found, event = part(hit.source, half), part(hit.source, "event")
    if not found:
        return []
    if half == "request":
        return [found["frame"]] if number_in(hit.id)[1] % MESSAGES_OF_PACKET == 0 else []
    is_first = event.get("first_response", 0) < event.get("duration", 0) or found["first_frame"] != found["frame"]
    return [found["first_frame"]] if is_first else []


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
    found = searcher.store.search(query, _MOST_WHOLES).hits if pieces.parts else []
    yield from (whole for hit in found if (whole := frame_number(hit.source)) is not None)


def _piece_paths(registry: Registry, packet: Document) -> Iterator[str]:
    """Yields the paths of the frames from which packets with the same layers are reassembled."""
    for layer in part(packet, "layers"):
        for name in registry.names_below(layer):
            if name.endswith(PIECES) and (field := registry.field(name)) and field.type == "FT_FRAMENUM":
                yield field.path


def _runs(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Returns the first and the last number of each run of numbers."""
    runs: list[tuple[int, int]] = []
    for number in sorted(set(numbers)):
        if runs and number == runs[-1][1] + 1:
            runs[-1] = runs[-1][0], number
        else:
            runs.append((number, number))
    return runs


def _ranges(numbers: Iterable[int]) -> str:
    """Returns numbers as alternatives of a query string, such as `1 OR [3 TO 5]`."""
    return " OR ".join(str(first) if first == last else f"[{first} TO {last}]" for first, last in _runs(numbers))


def _capture(document: Document) -> str:
    return f"capture_id:{quoted(str(document.get('capture_id', '')))}"


def _between_ends(document: Document) -> str:
    """Returns a query string for documents between the same two ends, in both directions."""
    network, ends = part(document, "network"), [part(document, end) for end in ("source", "destination")]
    if network.get("community_id") and "port" in ends[0]:
        return f"network.community_id:{quoted(str(network['community_id']))}"
    near, far = (quoted(str(end.get("ip"))) for end in ends)
    ways = (f"(source.ip:{one} AND destination.ip:{other})" for one, other in ((near, far), (far, near)))
    without_ports = f"network.transport:{quoted(str(network.get('transport')))} AND NOT _exists_:source.port"
    return f"({' OR '.join(ways)}) AND {without_ports}"


def _end(name: str, end: Document) -> str:
    port = f" AND {name}.port:{end['port']}" if "port" in end else ""
    return f"{name}.ip:{quoted(str(end.get('ip')))}{port}"
