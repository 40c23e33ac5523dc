"""Builds the documents of flows. Their names are those of the Elastic Common Schema and of Packetbeat's flows."""

from typing import Any

from espcap.base.times import timestamp
from espcap.documents.derived import DerivedDocuments, put
from espcap.documents.packets import Document
from espcap.documents.types import FLOWS
from espcap.flows.flow import CLIENT, SERVER, Flow, Share, flag_names
from espcap.flows.paths import NOTED
from espcap.flows.table import FlowRecord

_NETWORK_TYPES = {True: "ipv6", False: "ipv4"}


def flow_id(flow: Flow, capture_id: str) -> str:
    """Returns the identifier that all records of a flow and its transactions share."""
    return f"{capture_id}-f{flow.number}"


def build_flow(record: FlowRecord, derived: DerivedDocuments, read: int) -> Document:
    """Returns the document of a record. `read` is the number of the last packet that was read."""
    flow, share = record.flow, record.share
    client, server = ends_of(flow)
    source: dict[str, Any] = {
        "@timestamp": timestamp(share.start),
        "type": "flow",
        "event": _event(share),
        "flow": _flow(record, derived.origin.capture_id),
        "source": client | {"packets": share.packets[CLIENT], "bytes": share.bytes[CLIENT]},
        "destination": server | {"packets": share.packets[SERVER], "bytes": share.bytes[SERVER]},
        "network": network_of(flow) | {"packets": sum(share.packets), "bytes": sum(share.bytes)},
    }
    for path, value in flow.facts.items():
        put(source, path, value)
    if flow.transport == "tcp":
        source["tcp"] = source.get("tcp", {}) | _tcp(flow, share)
    if flow.outer:
        source["tunnel"] = [{"source": near, "destination": far} for near, far in flow.outer]
    return derived.document(FLOWS, share.start, share.first_frame, source, read)


def _event(share: Share) -> dict[str, Any]:
    return {
        "kind": "event",
        "category": ["network"],
        "dataset": "flow",
        "start": timestamp(share.start),
        "end": timestamp(share.end),
        "duration": share.end - share.start,
    }


def _flow(record: FlowRecord, capture_id: str) -> dict[str, Any]:
    return {
        "id": flow_id(record.flow, capture_id),
        "sequence": record.sequence,
        "final": record.is_final,
        "end_reason": record.reason,
        "first_frame": record.share.first_frame,
        "last_frame": record.share.last_frame,
    }


def ends_of(flow: Flow) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns copies of the client and the server: address, port and MAC address, if they are known."""
    if flow.shown is None:
        flow.shown = _ends(flow)
    return dict(flow.shown[0]), dict(flow.shown[1])


def _ends(flow: Flow) -> tuple[dict[str, Any], dict[str, Any]]:
    found = []
    for side, (address, port) in enumerate(flow.ends):
        end: dict[str, Any] = {"ip": address} if address else {}
        if port:
            end["port"] = port
        if flow.macs and flow.macs[side]:
            end["mac"] = flow.macs[side].replace(":", "-").upper()
        found.append(end)
    return found[0], found[1]


def network_of(flow: Flow) -> dict[str, Any]:
    """Returns the member `network`, without numbers of packets and bytes."""
    network: dict[str, Any] = {"transport": flow.transport}
    if flow.ends[0][0]:
        network["type"] = _NETWORK_TYPES[":" in flow.ends[0][0]]
    if flow.application:
        network["protocol"] = flow.application
    if flow.community_id:
        network["community_id"] = flow.community_id
    if flow.vlans:
        network["vlan"] = {"id": str(flow.vlans[0])}
        if len(flow.vlans) > 1:
            network["inner"] = {"vlan": {"id": str(flow.vlans[-1])}}
    return network


def _tcp(flow: Flow, share: Share) -> dict[str, Any]:
    tcp: dict[str, Any] = {"state": _state(flow)}
    for side, name in ((CLIENT, "client"), (SERVER, "server")):
        tcp[name] = {"flags": flag_names(share.flags[side])}
        for kind, numbers in zip(NOTED, share.noted, strict=True):
            tcp[name][kind] = numbers[side]
    return tcp


def _state(flow: Flow) -> str:
    """Returns the state of a connection as far as its packets show it."""
    if flow.is_reset:
        return "reset" if flow.has_syn_ack or not flow.has_syn else "refused"
    if flow.closed:
        return "closed" if flow.closed == 3 else "half closed"
    if flow.has_syn and not flow.has_syn_ack:
        return "no answer"
    return "established"
