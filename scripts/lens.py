"""Parts of Kibana's dashboards: the columns and panels of Lens.

A panel shows documents of a type, `of`, which is also the name of its data view: packets, flows or transactions.
"""

from typing import Any

LAYER = "documents"
NO_QUERY = {"query": "", "language": "kuery"}

Json = dict[str, Any]


def identifier(of: str) -> str:
    """The identifier of the saved objects for a type of documents."""
    return f"espcap-{of}"


def data_view_of(of: str) -> Json:
    """What refers to the data view of a type."""
    return {"type": "index-pattern", "id": identifier(of)}


def count(label: str, only: str = "") -> Json:
    """The number of documents, or only of those that a query in KQL finds."""
    condition = {"filter": {"query": only, "language": "kuery"}} if only else {}
    return _measure("count", "___records___", label) | condition


def bytes_(field: str = "network.bytes", label: str = "Bytes") -> Json:
    return _measure("sum", field, label, format={"id": "bytes", "params": {"decimals": 1}})


def total(field: str, label: str) -> Json:
    return _measure("sum", field, label)


def percentile(field: str, percent: int, label: str) -> Json:
    return _measure("percentile", field, label, percentile=percent)


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


def number(of: str, column: Json) -> Json:
    """A panel with one number and its label, without a title, which would only repeat the label."""
    panel = _lens(of, column["label"], "lnsMetric", {"value": column}, {"metricAccessor": "value"})
    panel["embeddableConfig"]["hidePanelTitles"] = True
    return panel


def chart(of: str, title: str, split: Json, value: Json) -> Json:
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
    return _lens(of, title, "lnsXY", {"split": split, "time": over_time(), "value": value}, look)


def lines(of: str, title: str, **values: Json) -> Json:
    """A panel with a line over time for each value."""
    layer = {
        "layerId": LAYER,
        "layerType": "data",
        "seriesType": "line",
        "xAccessor": "time",
        "accessors": list(values),
    }
    look = {
        "legend": {"isVisible": True, "position": "right"},
        "valueLabels": "hide",
        "preferredSeriesType": "line",
        "fittingFunction": "Linear",
        "layers": [layer],
    }
    return _lens(of, title, "lnsXY", {"time": over_time()} | values, look)


def pie(of: str, title: str, slices: Json, value: Json) -> Json:
    layer = {
        "layerId": LAYER,
        "layerType": "data",
        "primaryGroups": ["slices"],
        "metrics": ["value"],
        "numberDisplay": "percent",
        "categoryDisplay": "default",
        "legendDisplay": "default",
    }
    return _lens(of, title, "lnsPie", {"slices": slices, "value": value}, {"shape": "donut", "layers": [layer]})


def table(of: str, title: str, **columns: Json) -> Json:
    look = {
        "columns": [{"columnId": name, "isTransposed": False} for name in columns],
        "paging": {"enabled": True, "size": 10},
    }
    return _lens(of, title, "lnsDatatable", columns, look)


def _lens(of: str, title: str, visualization: str, columns: Json, look: Json) -> Json:
    place = {} if "layers" in look else {"layerId": LAYER, "layerType": "data"}
    layer = {"columnOrder": list(columns), "columns": columns, "incompleteColumns": {}, "sampling": 1}
    state = {
        "adHocDataViews": {},
        "datasourceStates": {"formBased": {"layers": {LAYER: layer}}, "textBased": {"layers": {}}},
        "filters": [],
        "internalReferences": [],
        "query": NO_QUERY,
        "visualization": place | look,
    }
    attributes = {
        "title": "",
        "type": "lens",
        "visualizationType": visualization,
        "state": state,
        "references": [data_view_of(of) | {"name": f"indexpattern-datasource-layer-{LAYER}"}],
    }
    return {"type": "lens", "title": title, "embeddableConfig": {"attributes": attributes, "enhancements": {}}}
