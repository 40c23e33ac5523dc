"""What saved objects of Kibana name, and what is wrong with it: fields, references, columns and places."""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

Json = Any
Types = dict[str, set[str]]
"""The types of each field over all indices, from `_field_caps`."""

COUNTED = "___records___"
NUMBERS = {"long", "double"}
DATES = {"date", "date_nanos"}
FITTING = {
    "terms": {"keyword", "ip", "long", "boolean"},
    "unique_count": {"keyword", "ip", "long", "boolean"},
    "sum": NUMBERS,
    "percentile": NUMBERS,
    "date_histogram": DATES,
}
"""Types of fields that an operation of Lens takes."""
SHOWN_AS = {"string": {"keyword"}, "ip": {"ip"}, "number": NUMBERS, "date": DATES}
DASHBOARD_KEYS = {
    *("title", "description", "kibanaSavedObjectMeta", "timeRestore", "timeFrom", "timeTo", "refreshInterval"),
    *("controlGroupInput", "panelsJSON", "optionsJSON", "hits", "version"),
}
"""What Kibana 8.9 and later let a dashboard have: it forbids all others."""
_PATH = re.compile(
    r"(?:layers|source|destination|client|server|network|event|flow|error|espcap)\.[\w.]+|@timestamp|capture_id|protocols?"
)
_KQL = re.compile(r"([\w@.]+)\s*(?::|[<>]=?)")


class Use(NamedTuple):
    """A field that is named, and the types it may have there."""

    field: str
    types: set[str] | None = None


def parsed(text: str) -> list[Json]:
    """The objects of NDJSON, with the JSON that they hold as text."""
    return [_opened(json.loads(line)) for line in text.splitlines()]


def _opened(value: Json, key: str = "") -> Json:
    if key == "fieldFormatMap":
        return [{"fieldName": name} for name in json.loads(value)]
    if isinstance(value, str) and key.endswith("JSON"):
        return _opened(json.loads(value))
    if isinstance(value, dict):
        return {name: _opened(item, name) for name, item in value.items()}
    return [_opened(item) for item in value] if isinstance(value, list) else value


def uses(value: Json, key: str = "") -> Iterator[Use]:
    """Every field that is named anywhere: where Kibana looks for one, and whatever else looks like one of ours."""
    if key == "sort":
        yield from (Use(field) for field, _ in value)
    elif isinstance(value, list):
        for item in value:
            yield from uses(item, key)
    elif isinstance(value, str):
        if key in ("columns", "fieldName", "timeFieldName", "key") or _PATH.fullmatch(value):
            yield Use(value, FITTING["date_histogram"] if key == "timeFieldName" else None)
    elif isinstance(value, dict):
        if "sourceField" in value and value["sourceField"] != COUNTED:
            fitting = FITTING[value["operationType"]]
            yield Use(value["sourceField"], fitting & SHOWN_AS[value["dataType"]] if value["isBucketed"] else fitting)
        if value.get("language") == "kuery":
            yield from (Use(name) for name in _KQL.findall(value["query"]))
        for name, item in value.items():
            yield from uses(item, name)


def field_problems(objects: list[Json], types: Types) -> list[str]:
    """Fields that no index has, and fields of a type that does not fit."""
    found = []
    for use in {(use.field, frozenset(use.types or ())): use for item in objects for use in uses(item)}.values():
        here = types.get(use.field, set())
        if not here:
            found.append(f"{use.field}: no such field")
        elif use.types is not None and not here <= use.types:
            found.append(f"{use.field}: {sorted(here)} is not {sorted(use.types)}")
    return found


def reference_problems(objects: list[Json]) -> list[str]:
    """References to what is not in the file, and names that stand for no reference."""
    there = {(item["type"], item["id"]) for item in objects}
    found = []
    for item in objects:
        references = [*item["references"], *_inner_references(item)]
        found += [
            f"{one['type']} {one['id']} is missing" for one in references if (one["type"], one["id"]) not in there
        ]
        names = {one["name"] for one in item["references"]}
        found += [f"{item['type']}: nothing is called {name}" for name in _needed(item) if name not in names]
    return found


def panels(item: Json) -> list[Json]:
    return list(item["attributes"].get("panelsJSON", []))


def lens(item: Json) -> list[Json]:
    """The attributes of the charts and tables of a dashboard."""
    return [panel["embeddableConfig"]["attributes"] for panel in panels(item) if panel["type"] == "lens"]


def layers(chart: Json) -> dict[str, Json]:
    return dict(chart["state"]["datasourceStates"]["formBased"]["layers"])


def _inner_references(item: Json) -> list[Json]:
    return [reference for chart in lens(item) for reference in chart["references"]]


def _needed(item: Json) -> list[str]:
    source = item["attributes"].get("kibanaSavedObjectMeta", {}).get("searchSourceJSON", {})
    names = [source["indexRefName"]] if "indexRefName" in source else []
    for panel in panels(item):
        if "panelRefName" in panel:
            names.append(f"{panel['panelIndex']}:{panel['panelRefName']}")
        else:
            made = layers(panel["embeddableConfig"]["attributes"])
            names += [f"{panel['panelIndex']}:indexpattern-datasource-layer-{layer}" for layer in made]
    return names


def column_problems(item: Json) -> list[str]:
    """Columns that a chart shows or sorts by and that its layer does not have, and the other way round."""
    found = []
    for chart in lens(item):
        state = chart["state"]
        for layer in layers(chart).values():
            named = set(_columns_named(state["visualization"]))
            found += [f"{chart['visualizationType']}: {name}" for name in named ^ set(layer["columns"])]
            ordered = [
                column["params"]["orderBy"]["columnId"] for column in layer["columns"].values() if _sorted(column)
            ]
            found += [f"no column {name}" for name in ordered if name not in layer["columns"]]
            if layer["columnOrder"] != list(layer["columns"]):
                found.append(f"order {layer['columnOrder']}")
    return found


def _sorted(column: Json) -> bool:
    return "orderBy" in column.get("params", {})


def _columns_named(look: Json) -> Iterator[str]:
    for name in ("metricAccessor", "xAccessor", "splitAccessor", "columnId"):
        if name in look:
            yield look[name]
    for name in ("accessors", "primaryGroups", "metrics"):
        yield from look.get(name, [])
    for inner in [*look.get("layers", []), *look.get("columns", [])]:
        yield from _columns_named(inner)


def place_problems(item: Json) -> list[str]:
    """Panels that lie over one another, beside the dashboard, or under the same name."""
    found: list[str] = []
    taken: dict[tuple[int, int], str] = {}
    for panel in panels(item):
        grid, name = panel["gridData"], panel["panelIndex"]
        cells = {
            (x, y) for x in range(grid["x"], grid["x"] + grid["w"]) for y in range(grid["y"], grid["y"] + grid["h"])
        }
        if grid["i"] != name or name in taken.values() or grid["x"] + grid["w"] > 48 or cells & set(taken):
            found.append(name)
        taken |= dict.fromkeys(cells, name)
    return found


def pattern_of(chart: Json) -> str:
    """The pattern of the indices that a chart shows."""
    [reference] = chart["references"]
    return f"{reference['id'].removeprefix('espcap-')}-*"
