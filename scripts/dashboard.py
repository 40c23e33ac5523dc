"""Prints the saved objects of Kibana: data views, lists and dashboards, one JSON object on each line.

usage: python scripts/dashboard.py > kibana/espcap.ndjson

Kibana keeps panels as JSON inside a JSON string, which is hard to read and edit; this program makes it from readable
parts. The objects have the form of Kibana 8.9. Later versions convert them when they import them.
"""

from lens import Json, bytes_, chart, count, lines, number, percentile, pie, table, total, unique, values
from saved_objects import Rows, as_lines, dashboard, data_view, document_list, listed

ALL_TIMES = (
    "The time range is that of all captures, however old: drag over a chart to narrow it down, and click on a value to "
    "filter by it."
)
COLUMNS = {
    "packets": [
        "layers.frame.number",
        "source.ip",
        "destination.ip",
        "protocol",
        "network.bytes",
        "layers.dns.qry_name",
        "layers.http.request_full_uri",
        "layers.tls.handshake_extensions_server_name",
        "layers._ws.expert_message",
    ],
    "flows": [
        "source.ip",
        "destination.ip",
        "network.protocol",
        "source.bytes",
        "destination.bytes",
        "event.duration",
        "flow.end_reason",
        "flow.id",
    ],
    "transactions": ["type", "query", "status", "event.duration", "client.ip", "server.ip", "error.message", "flow.id"],
}
"""The columns of each list."""


def top(title: str, field: str, label: str) -> Json:
    """A panel with a table of the most frequent values, with their packets and bytes."""
    value = values(field, label, 20, "packets")
    return table("packets", title, value=value, packets=count("Packets"), bytes=bytes_())


PROTOCOLS = values("protocol", "Protocol", 10, "value", other=True)
CONVERSATIONS = table(
    "packets",
    "Conversations, each in both directions",
    conversation=values("network.community_id", "Community ID", 10, "bytes"),
    source=values("source.ip", "Source", 2, "bytes"),
    destination=values("destination.ip", "Destination", 1, "bytes"),
    packets=count("Packets"),
    bytes=bytes_(),
)
PACKETS: Rows = [
    (
        5,
        [
            number("packets", count("Packets")),
            number("packets", bytes_()),
            number("packets", unique("network.community_id", "Conversations")),
            number("packets", unique("capture_id", "Captures")),
        ],
    ),
    (
        12,
        [
            chart("packets", "Packets over time, by protocol", PROTOCOLS, count("Packets")),
            chart("packets", "Bytes over time, by protocol", PROTOCOLS, bytes_()),
        ],
    ),
    (
        14,
        [
            pie("packets", "Protocols", values("protocol", "Protocol", 15, "value", other=True), count("Packets")),
            top("Top sources", "source.ip", "Source"),
            top("Top destinations", "destination.ip", "Destination"),
        ],
    ),
    (14, [CONVERSATIONS]),
    (
        14,
        [
            top("DNS names", "layers.dns.qry_name", "Name"),
            top("HTTP hosts", "layers.http.host", "Host"),
            top("TLS server names", "layers.tls.handshake_extensions_server_name", "Server name"),
            top("Wireshark's expert notes", "layers._ws.expert_message", "Note"),
        ],
    ),
    (24, [listed("packets", "Packet list")]),
]

FAILED = 'not status : "OK"'
TIMES = {f"p{percent}": percentile("event.duration", percent, f"{percent} %") for percent in (50, 95, 99)}
REQUESTS = {"requests": count("Transactions"), "errors": count("Errors", FAILED)}
SERVICES = table("transactions", "Services", service=values("type", "Service", 50, "requests"), **REQUESTS, **TIMES)
SERVERS = table("transactions", "Servers", server=values("server.ip", "Server", 20, "requests"), **REQUESTS, **TIMES)
SLOWEST = table(
    "transactions", "Slowest", query=values("query", "Query", 20, "p99"), requests=count("Transactions"), **TIMES
)
ERRORS = table(
    "transactions", "Errors", error=values("error.message", "Error", 20, "requests"), requests=count("Transactions")
)
STATUS = chart(
    "transactions", "Transactions over time, by status", values("status", "Status", 5, "value"), count("Transactions")
)
TOP_FLOWS = table(
    "flows",
    "Top conversations, with both directions",
    client=values("source.ip", "Client", 20, "bytes"),
    server=values("destination.ip", "Server", 3, "bytes"),
    application=values("network.protocol", "Protocol", 3, "bytes"),
    flows=count("Flows"),
    packets=total("network.packets", "Packets"),
    sent=bytes_("source.bytes", "Bytes of the client"),
    received=bytes_("destination.bytes", "Bytes of the server"),
    bytes=bytes_(),
)
ENDS = pie("flows", "How flows ended", values("flow.end_reason", "Reason", 10, "value"), count("Flows"))
SERVICES_ROWS: Rows = [
    (
        5,
        [
            number("transactions", count("Transactions")),
            number("transactions", count("Errors", FAILED)),
            number("transactions", TIMES["p95"] | {"label": "95 % of the answers are faster than"}),
            number("flows", count("Flows")),
        ],
    ),
    (12, [STATUS, lines("transactions", "Response times", **TIMES)]),
    (14, [SERVICES, SERVERS]),
    (14, [SLOWEST, ERRORS]),
    (14, [TOP_FLOWS]),
    (
        12,
        [
            chart(
                "flows", "Bytes over time, by protocol", values("network.protocol", "Protocol", 10, "value"), bytes_()
            ),
            ENDS,
        ],
    ),
    (24, [listed("transactions", "Transactions"), listed("flows", "Flows")]),
]


def objects() -> list[Json]:
    """All saved objects; what is referred to comes first."""
    packets, services = "Packets that espcap has stored.", "Flows and transactions that espcap has stored (--types)."
    return [
        *map(data_view, COLUMNS),
        *(document_list(of, columns) for of, columns in COLUMNS.items()),
        dashboard("packets", f"{packets} {ALL_TIMES}", PACKETS),
        dashboard("services", f"{services} {ALL_TIMES}", SERVICES_ROWS),
    ]


if __name__ == "__main__":
    print(as_lines(objects()))
