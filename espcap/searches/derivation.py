"""Finds the packets that a stored flow or transaction was made from."""

from ipaddress import ip_address
from typing import Any

from espcap.base.errors import UsageError
from espcap.base.members import part
from espcap.base.text import printable
from espcap.documents.types import FLOWS, TRANSACTIONS
from espcap.query import And, Equals, Or, Query, Range
from espcap.searches.searcher import Searcher
from espcap.searches.selection import Selection, select_conversations, select_with_pieces

_FRAME = "layers.frame.number"
_PROTOCOLS = {"ipv6-icmp": "icmpv6"}
"""Wireshark's names of transports that ECS names otherwise."""
_MOST_RECORDS = 10_000
"""The most records of one flow, which are of 30 minutes each."""


def select_transaction(searcher: Searcher, identifier: str, whole_flow: bool) -> list[Selection]:
    """Returns the packets of both halves of a transaction, and those from which its messages were reassembled.

    `searcher` is one of packets. With `whole_flow`, returns all packets of its conversations. Raises UsageError if the
    transaction does not exist, or if its packets are not stored.
    """
    found = searcher.of_type(TRANSACTIONS).store.search(Equals("_id", identifier), size=1).hits
    if not found:
        hint = "event.id in the documents of espcap transactions is the identifier of each"
        raise UsageError(f"the transaction {printable(identifier)} does not exist", hint)
    query = _of_transaction(found[0].source)
    if whole_flow:
        return _stored(select_conversations(searcher.store, query, searcher.registry), "transaction")
    return _stored(select_with_pieces(searcher.store, query, searcher.registry), "transaction")


def select_flow(searcher: Searcher, identifier: str) -> list[Selection]:
    """Returns the packets of a flow, and their fragments.

    `searcher` is one of packets. `identifier` is `flow.id`, or the identifier of one of the flow's documents. Raises
    UsageError if the flow does not exist, or if its packets are not stored.
    """
    store = searcher.of_type(FLOWS).store
    records = store.search(Equals("flow.id", identifier), _MOST_RECORDS).hits
    if not records and (hits := store.search(Equals("_id", identifier), size=1).hits):
        records = store.search(Equals("flow.id", part(hits[0].source, "flow")["id"]), _MOST_RECORDS).hits
    if not records:
        hint = "flow.id in the documents of espcap flows and espcap transactions is the identifier of each"
        raise UsageError(f"the flow {printable(identifier)} does not exist", hint)
    query = _of_records([record.source for record in records])
    return _stored(select_with_pieces(searcher.store, query, searcher.registry), "flow")


def _of_transaction(source: dict[str, Any]) -> Query:
    """Returns the query for the packets in which messages of a transaction end.

    Of messages with several parts, only the first and the last packet are known: all packets of the flow between them
    are taken.
    """
    request, response = part(source, "request"), part(source, "response")
    spans = [
        (request.get("frame"), request.get("last_frame")),
        (response.get("first_frame"), response.get("frame")),
    ]
    single = [Equals(_FRAME, frame) for span in spans for frame in span if frame is not None]
    between = [_of_flow(source, first, last) for first, last in spans if first and last]
    return And((Equals("capture_id", source["capture_id"]), Or((*single, *between))))


def _of_records(sources: list[dict[str, Any]]) -> Query:
    """Returns the query for the packets of a flow. No packet of another flow with the same ends is between them."""
    first = min(source["flow"]["first_frame"] for source in sources)
    last = max(source["flow"]["last_frame"] for source in sources)
    return And((Equals("capture_id", sources[0]["capture_id"]), _of_flow(sources[0], first, last)))


def _of_flow(source: dict[str, Any], first: int, last: int) -> Query:
    """Returns the query for packets with these frame numbers that have the ends of a flow."""
    return And((_ends(source), Range(_FRAME, first, last)))


def _ends(source: dict[str, Any]) -> Query:
    """Returns the query for packets with the ends of a flow. Without ports, packets have several community IDs."""
    network, near, far = (part(source, name) for name in ("network", "source", "destination"))
    if "community_id" in network and "port" in near:
        return Equals("network.community_id", network["community_id"])
    layer = "ipv6" if network.get("type") == "ipv6" else "ip"
    one, other = (ip_address(end["ip"]) for end in (near, far))
    ways = [(one, other), (other, one)]
    sent = Or(tuple(And((Equals(f"layers.{layer}.src", a), Equals(f"layers.{layer}.dst", b))) for a, b in ways))
    protocol = _PROTOCOLS.get(network["transport"], network["transport"])
    return And((Equals("protocols", protocol), sent))


def _stored(found: list[Selection], name: str) -> list[Selection]:
    if not found:
        hint = f"read its capture again with --types packets,{name}s"
        raise UsageError(f"the packets of this {name} are not stored", hint)
    return found
