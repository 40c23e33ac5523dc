"""Saved objects of Kibana: data views, lists of documents, and dashboards."""

import json
from typing import Any

from lens import LAYER, NO_QUERY, Json, data_view_of, identifier

EMPTY = {"query": NO_QUERY, "filter": []}
TIME = {
    "id": "duration",
    "params": {"inputFormat": "nanoseconds", "outputFormat": "asMilliseconds", "outputPrecision": 3},
}
"""How Kibana shows nanoseconds."""

Rows = list[tuple[int, list[Json]]]
"""Height and panels of each row of a dashboard, which is 48 units wide."""


def listed(of: str, title: str) -> Json:
    """A panel with the list of a type of documents."""
    return {"type": "search", "title": title, "embeddableConfig": {"enhancements": {}}, "of": of}


def data_view(of: str) -> Json:
    attributes = {"title": f"{of}-*", "name": titled(of), "timeFieldName": "@timestamp", "allowHidden": False}
    if of != "packets":
        times = ("event.duration", "event.first_response")
        attributes["fieldFormatMap"] = _text(dict.fromkeys(times, TIME))
    return _saved_object("index-pattern", of, attributes, [], "8.0.0")


def document_list(of: str, columns: list[str]) -> Json:
    source = EMPTY | {"indexRefName": "kibanaSavedObjectMeta.searchSourceJSON.index"}
    attributes = {
        "title": titled(of),
        "description": f"{of.capitalize()}, one on each line, the latest first.",
        "columns": columns,
        "sort": [["@timestamp", "desc"]],
        "grid": {},
        "hideChart": False,
        "kibanaSavedObjectMeta": {"searchSourceJSON": _text(source)},
    }
    return _saved_object("search", of, attributes, [data_view_of(of) | {"name": source["indexRefName"]}], "8.0.0")


def dashboard(name: str, description: str, rows: Rows) -> Json:
    panels = _laid_out(rows)
    attributes = {
        "title": titled(name),
        "description": description,
        "timeRestore": True,
        "timeFrom": "1970-01-01T00:00:00.000Z",
        "timeTo": "now",
        "refreshInterval": {"pause": True, "value": 60000},
        "optionsJSON": _text({"useMargins": True, "syncColors": True, "syncCursor": True, "hidePanelTitles": False}),
        "panelsJSON": _text([{key: panel[key] for key in panel if key != "of"} for panel in panels]),
        "kibanaSavedObjectMeta": {"searchSourceJSON": _text(EMPTY)},
    }
    return _saved_object("dashboard", name, attributes, [_reference(panel) for panel in panels], "8.9.0")


def titled(name: str) -> str:
    """The title of saved objects, which begins with what they show."""
    return f"{name.capitalize()} (espcap)"


def _laid_out(rows: Rows) -> list[Json]:
    """The panels of all rows with their positions."""
    panels: list[Json] = []
    y = 0
    for height, row in rows:
        width = 48 // len(row)
        for column, panel in enumerate(row):
            name = f"panel-{len(panels) + 1}"
            grid = {"x": column * width, "y": y, "w": width, "h": height, "i": name}
            reference = {"panelRefName": f"panel_{name}"} if panel["type"] == "search" else {}
            panels.append(panel | {"panelIndex": name, "gridData": grid} | reference)
        y += height
    return panels


def _reference(panel: Json) -> Json:
    """The object that a panel refers to, under the name that Kibana expects."""
    if panel["type"] == "search":
        name = f"{panel['panelIndex']}:{panel['panelRefName']}"
        return {"type": "search", "id": identifier(panel["of"]), "name": name}
    [view] = panel["embeddableConfig"]["attributes"]["references"]
    return view | {"name": f"{panel['panelIndex']}:indexpattern-datasource-layer-{LAYER}"}


def _saved_object(kind: str, name: str, attributes: Json, refers_to: list[Json], version: str) -> Json:
    return {
        "type": kind,
        "id": identifier(name),
        "attributes": attributes,
        "references": refers_to,
        "managed": False,
        "coreMigrationVersion": "8.8.0",
        "typeMigrationVersion": version,
    }


def as_lines(objects: list[Json]) -> str:
    """Returns one JSON object on each line."""
    return "\n".join(map(_text, objects))


def _text(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))
