"""Prints the saved objects of Kibana: a data view, a packet list and a dashboard, one JSON object on each line.

usage: python scripts/dashboard.py > kibana/packets.ndjson

Kibana keeps panels as JSON inside a JSON string, which is hard to read and edit; this program makes it from readable
parts. The objects have the form of Kibana 8.9. Later versions convert them when they import them.
"""

import json
from typing import Any

ID = "espcap-packets"
VIEW = {"type": "index-pattern", "id": ID}
LAYER = "packets"
TITLE = "Packets (espcap)"
DESCRIPTION = (
    "Packets that espcap has stored. The time range is that of all captures, however old: drag over a chart to narrow "
    "it down, and click on a value to filter by it."
)
EMPTY = {"query": {"query": "", "language": "kuery"}, "filter": []}
COLUMNS = [
    "layers.frame.number",
    "source.ip",
    "destination.ip",
    "protocol",
    "network.bytes",
    "layers.dns.qry_name",
    "layers.http.request_full_uri",
    "layers.tls.handshake_extensions_server_name",
    "layers._ws.expert_message",
]

Json = dict[str, Any]


def packets() -> Json:
    return _measure("count", "___records___", "Packets")


def bytes_() -> Json:
    return _measure("sum", "network.bytes", "Bytes", format={"id": "bytes", "params": {"decimals": 1}})


def unique(field: str, label: str) -> Json:
    return _measure("unique_count", field, label)


def _measure(operation: str, field: str, label: str, **params: Any) -> Json:
    return {
        "label": label,
        "customLabel": True,
        "dataType": "number",
        "operationType": operation,
        "scale": "ratio",
        "sourceField": field,
        "isBucketed": False,
        "params": {"emptyAsNull": False} | params,
    }


def over_time() -> Json:
    return {
        "label": "Time",
        "customLabel": True,
        "dataType": "date",
        "operationType": "date_histogram",
        "sourceField": "@timestamp",
        "isBucketed": True,
        "scale": "interval",
        "params": {"interval": "auto", "includeEmptyRows": True, "dropPartials": False},
    }


def values(field: str, label: str, size: int, by: str, other: bool = False) -> Json:
    """The `size` most frequent values of a field, sorted by the column `by`; `other` adds a value for all others."""
    return {
        "label": label,
        "customLabel": True,
        "dataType": "ip" if field.endswith(".ip") else "string",
        "operationType": "terms",
        "scale": "ordinal",
        "sourceField": field,
        "isBucketed": True,
        "params": {
            "size": size,
            "orderBy": {"type": "column", "columnId": by},
            "orderDirection": "desc",
            "otherBucket": other,
            "missingBucket": False,
            "parentFormat": {"id": "terms"},
        },
    }


def number(column: Json) -> Json:
    """A panel with one number and its label, without a title, which would only repeat the label."""
    panel = _lens(column["label"], "lnsMetric", {"value": column}, {"metricAccessor": "value"})
    panel["embeddableConfig"]["hidePanelTitles"] = True
    return panel


def chart(title: str, split: Json, value: Json) -> Json:
    """A panel with stacked bars over time."""
    layer = {
        "layerId": LAYER,
        "layerType": "data",
        "seriesType": "bar_stacked",
        "xAccessor": "time",
        "splitAccessor": "split",
        "accessors": ["value"],
    }
    look = {
        "legend": {"isVisible": True, "position": "right"},
        "valueLabels": "hide",
        "preferredSeriesType": "bar_stacked",
        "layers": [layer],
    }
    return _lens(title, "lnsXY", {"split": split, "time": over_time(), "value": value}, look, layered=True)


def pie(title: str, slices: Json, value: Json) -> Json:
    layer = {
        "layerId": LAYER,
        "layerType": "data",
        "primaryGroups": ["slices"],
        "metrics": ["value"],
        "numberDisplay": "percent",
        "categoryDisplay": "default",
        "legendDisplay": "default",
    }
    return _lens(title, "lnsPie", {"slices": slices, "value": value}, {"shape": "donut", "layers": [layer]}, True)


def table(title: str, **columns: Json) -> Json:
    look = {
        "columns": [{"columnId": name, "isTransposed": False} for name in columns],
        "paging": {"enabled": True, "size": 10},
    }
    return _lens(title, "lnsDatatable", columns, look)


def top(title: str, field: str, label: str) -> Json:
    """A panel with a table of the most frequent values, with their packets and bytes."""
    return table(title, value=values(field, label, 20, "packets"), packets=packets(), bytes=bytes_())


def _lens(title: str, visualization: str, columns: Json, look: Json, layered: bool = False) -> Json:
    place = {} if layered else {"layerId": LAYER, "layerType": "data"}
    layer = {"columnOrder": list(columns), "columns": columns, "incompleteColumns": {}, "sampling": 1}
    state = {
        "adHocDataViews": {},
        "datasourceStates": {"formBased": {"layers": {LAYER: layer}}, "textBased": {"layers": {}}},
        "filters": [],
        "internalReferences": [],
        "query": EMPTY["query"],
        "visualization": place | look,
    }
    attributes = {
        "title": "",
        "type": "lens",
        "visualizationType": visualization,
        "state": state,
        "references": [VIEW | {"name": f"indexpattern-datasource-layer-{LAYER}"}],
    }
    return {"type": "lens", "title": title, "embeddableConfig": {"attributes": attributes, "enhancements": {}}}


PROTOCOLS = values("protocol", "Protocol", 10, "value", other=True)
CONVERSATIONS = table(
    "Conversations, each in both directions",
    conversation=values("network.community_id", "Community ID", 10, "bytes"),
    source=values("source.ip", "Source", 2, "bytes"),
    destination=values("destination.ip", "Destination", 1, "bytes"),
    packets=packets(),
    bytes=bytes_(),
)
PACKET_LIST = {"type": "search", "title": "Packet list", "embeddableConfig": {"enhancements": {}}}
ROWS: list[tuple[int, list[Json]]] = [
    (
        5,
        [
            number(packets()),
            number(bytes_()),
            number(unique("network.community_id", "Conversations")),
            number(unique("capture_id", "Captures")),
        ],
    ),
    (
        12,
        [
            chart("Packets over time, by protocol", PROTOCOLS, packets()),
            chart("Bytes over time, by protocol", PROTOCOLS, bytes_()),
        ],
    ),
    (
        14,
        [
            pie("Protocols", values("protocol", "Protocol", 15, "value", other=True), packets()),
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
    (24, [PACKET_LIST]),
]
"""Height and panels of each row. The dashboard is 48 units wide."""


def laid_out() -> list[Json]:
    """The panels of all rows with their positions."""
    panels: list[Json] = []
    y = 0
    for height, row in ROWS:
        width = 48 // len(row)
        for column, panel in enumerate(row):
            name = f"panel-{len(panels) + 1}"
            grid = {"x": column * width, "y": y, "w": width, "h": height, "i": name}
            reference = {"panelRefName": f"panel_{name}"} if panel is PACKET_LIST else {}
            panels.append(panel | {"panelIndex": name, "gridData": grid} | reference)
        y += height
    return panels


def references(panels: list[Json]) -> list[Json]:
    """The objects that the panels refer to, under the names that Kibana expects."""
    return [
        {"type": "search", "id": ID, "name": f"{panel['panelIndex']}:{panel['panelRefName']}"}
        if panel["type"] == "search"
        else VIEW | {"name": f"{panel['panelIndex']}:indexpattern-datasource-layer-{LAYER}"}
        for panel in panels
    ]


def data_view() -> Json:
    attributes = {"title": "packets-*", "name": TITLE, "timeFieldName": "@timestamp", "allowHidden": False}
    return _saved_object("index-pattern", attributes, [], "8.0.0")


def packet_list() -> Json:
    source = EMPTY | {"indexRefName": "kibanaSavedObjectMeta.searchSourceJSON.index"}
    attributes = {
        "title": TITLE,
        "description": "Packets, one on each line, the latest first.",
        "columns": COLUMNS,
        "sort": [["@timestamp", "desc"]],
        "grid": {},
        "hideChart": False,
        "kibanaSavedObjectMeta": {"searchSourceJSON": _text(source)},
    }
    return _saved_object("search", attributes, [VIEW | {"name": source["indexRefName"]}], "8.0.0")


def dashboard() -> Json:
    panels = laid_out()
    attributes = {
        "title": TITLE,
        "description": DESCRIPTION,
        "timeRestore": True,
        "timeFrom": "1970-01-01T00:00:00.000Z",
        "timeTo": "now",
        "refreshInterval": {"pause": True, "value": 60000},
        "optionsJSON": _text({"useMargins": True, "syncColors": True, "syncCursor": True, "hidePanelTitles": False}),
        "panelsJSON": _text(panels),
        "kibanaSavedObjectMeta": {"searchSourceJSON": _text(EMPTY)},
    }
    return _saved_object("dashboard", attributes, references(panels), "8.9.0")


def _saved_object(kind: str, attributes: Json, refers_to: list[Json], version: str) -> Json:
    return {
        "type": kind,
        "id": ID,
        "attributes": attributes,
        "references": refers_to,
        "managed": False,
        "coreMigrationVersion": "8.8.0",
        "typeMigrationVersion": version,
    }


def _text(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


if __name__ == "__main__":
    for saved_object in (data_view(), packet_list(), dashboard()):
        print(_text(saved_object))
