"""The paths of the documents of flows, and the kinds of their values."""

from espcap.fields.field import Kind

ENDS = {
    **{f"{end}.ip": Kind.IP for end in ("source", "destination")},
    **{f"{end}.{key}": Kind.INTEGER for end in ("source", "destination") for key in ("port", "bytes")},
    **{f"{end}.mac": Kind.STRING for end in ("source", "destination")},
}
COMMON: dict[str, Kind] = {
    "@timestamp": Kind.TIME,
    **dict.fromkeys(["type", "capture_id", "settings_id", "file_name", "observer.hostname"], Kind.STRING),
    **dict.fromkeys(["event.kind", "event.category", "event.dataset", "flow.id"], Kind.STRING),
    **dict.fromkeys(["event.start", "event.end"], Kind.TIME),
    "event.duration": Kind.INTEGER,
    **ENDS,
    **dict.fromkeys(["network.type", "network.transport", "network.protocol", "network.community_id"], Kind.STRING),
    **dict.fromkeys(["network.vlan.id", "network.inner.vlan.id"], Kind.STRING),
}
"""Paths that flows and transactions share."""

NOTED = ("retransmissions", "out_of_order", "lost_segments", "zero_windows")
"""Names of what TCP's analysis counts, in the order of `Share.noted`."""
FLOW_KINDS: dict[str, Kind] = {
    **COMMON,
    **dict.fromkeys(["source.packets", "destination.packets", "network.packets", "network.bytes"], Kind.INTEGER),
    **dict.fromkeys(["flow.sequence", "flow.first_frame", "flow.last_frame", "tcp.initial_rtt"], Kind.INTEGER),
    "flow.final": Kind.BOOLEAN,
    **dict.fromkeys(["flow.end_reason", "tcp.state"], Kind.STRING),
    **{f"tcp.{side}.{count}": Kind.INTEGER for side in ("client", "server") for count in NOTED},
    **{f"tcp.{side}.flags": Kind.STRING for side in ("client", "server")},
    **{f"tls.client.{key}": Kind.STRING for key in ("server_name", "ja3", "ja4")},
    "tls.server.ja3s": Kind.STRING,
}
"""All paths of flows, and the kinds of their values."""
