"""Checks that packets are indexed as our index template says: another template may apply, or an index may be older."""

from collections.abc import Iterator
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from elasticsearch import ApiError, Elasticsearch

from espcap.documents.types import PACKETS
from espcap.stores.elasticsearch.template import PRIORITY

_TYPES = {
    "@timestamp": {"date_nanos"},
    "capture_id": {"keyword"},
    "protocol": {"keyword"},
    "file_name": {"keyword"},
    "network.community_id": {"keyword"},
    "source.ip": {"ip"},
    "destination.ip": {"ip"},
    "layers.frame.number": {"long", "integer"},
}
"""The types that paths must have for searches, statistics and extraction to work."""
_DYNAMIC = {"unparsed", "ip", "time", "unsigned", "float", "integer", "string"}
"""Names of the dynamic templates that set the types of all other fields."""
_MOST_NAMED = 3


class Rival(NamedTuple):
    """Another index template."""

    name: str
    priority: int
    over: str
    """Name of an index of packets that it applies to."""


def find_rival(client: Elasticsearch) -> Rival | None:
    """Returns a template that takes precedence over ours and maps packets in another way; None if no template does.

    Raises ApiError and TransportError.
    """
    parts = ("name", "index_template.index_patterns", "index_template.priority")
    answer = client.indices.get_index_template(filter_path=",".join(f"index_templates.{part}" for part in parts))
    for rival in _rivals(answer.body.get("index_templates", [])):
        if not _is_mapped_as_ours(client, rival.over):
            return rival
    return None


def _rivals(templates: list[dict[str, Any]]) -> Iterator[Rival]:
    today = PACKETS.index(datetime.now(UTC).date().isoformat())
    for each in templates:
        name, body = each["name"], each["index_template"]
        priority = int(body.get("priority", 0))
        for pattern in body.get("index_patterns", ()) if name != PACKETS.name and priority >= PRIORITY else ():
            index = pattern.replace("*", "x") if fnmatchcase(pattern, PACKETS.pattern) else today
            if fnmatchcase(index, pattern):
                yield Rival(name, priority, index)


def _is_mapped_as_ours(client: Elasticsearch, index: str) -> bool:
    """Returns whether a new index of this name would have the types of our template."""
    mappings = client.indices.simulate_index_template(name=index).body["template"].get("mappings", {})
    dynamic = {name for each in mappings.get("dynamic_templates", ()) for name in each}
    return dynamic >= _DYNAMIC and all(_type(mappings, path.split(".")) in kinds for path, kinds in _TYPES.items())


def _type(mapping: dict[str, Any], names: list[str]) -> str:
    for name in names:
        mapping = mapping.get("properties", {}).get(name, {})
    return str(mapping.get("type", ""))


def find_misfits(client: Elasticsearch) -> list[str]:
    """Returns the wrong types of existing indices of packets, as lines like `index packets-x has capture_id as text`.

    An index has its mapping also if its shard is not active. Raises ApiError and TransportError.
    """
    paths = [f"*.mappings.properties.{path.replace('.', '.properties.')}.type" for path in _TYPES]
    try:
        answer = client.indices.get_mapping(index=PACKETS.pattern, expand_wildcards="open", filter_path=",".join(paths))
    except ApiError as error:
        if error.status_code in (401, 403):  # a user with write access only may not be allowed to read mappings
            return []
        raise
    return [
        f"index {index} has {path} as {kind}"
        for path, kinds in _TYPES.items()
        for index, found in sorted(answer.body.items())
        if (kind := _type(found["mappings"], path.split("."))) and kind not in kinds
    ]


def shortened(misfits: list[str]) -> str:
    """Returns the first ones in one line, and how many more there are."""
    more = len(misfits) - _MOST_NAMED
    return ", ".join(misfits[:_MOST_NAMED]) + (f", and {more:,} more" if more > 0 else "")
