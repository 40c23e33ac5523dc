"""Whether packets are, and will be, indexed as our template says: another template, or an older index, may rule."""

from collections.abc import Iterator
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from elasticsearch import ApiError, Elasticsearch

from espcap.stores.elasticsearch.template import NAME, PATTERN, PRIORITY

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
"""Types without which searches, statistics and extraction fail."""
_DYNAMIC = {"unparsed", "ip", "time", "unsigned", "float", "integer", "string"}
"""Names of the dynamic templates that type all other fields."""
_MOST_NAMED = 3


class Rival(NamedTuple):
    """Another index template."""

    name: str
    priority: int
    over: str
    """The name of an index of packets that it decides over."""


def find_rival(client: Elasticsearch) -> Rival | None:
    """A template of a higher priority that maps packets in another way than ours."""
    parts = ("name", "index_template.index_patterns", "index_template.priority")
    answer = client.indices.get_index_template(filter_path=",".join(f"index_templates.{part}" for part in parts))
    for rival in _rivals(answer.body.get("index_templates", [])):
        if not _is_mapped_as_ours(client, rival.over):
            return rival
    return None


def _rivals(templates: list[dict[str, Any]]) -> Iterator[Rival]:
    today = PATTERN.replace("*", datetime.now(UTC).date().isoformat())
    for each in templates:
        name, body = each["name"], each["index_template"]
        priority = int(body.get("priority", 0))
        for pattern in body.get("index_patterns", ()) if name != NAME and priority >= PRIORITY else ():
            index = pattern.replace("*", "x") if fnmatchcase(pattern, PATTERN) else today
            if fnmatchcase(index, pattern):
                yield Rival(name, priority, index)


def _is_mapped_as_ours(client: Elasticsearch, index: str) -> bool:
    """Of a new index of this name."""
    mappings = client.indices.simulate_index_template(name=index).body["template"].get("mappings", {})
    dynamic = {name for each in mappings.get("dynamic_templates", ()) for name in each}
    return dynamic >= _DYNAMIC and all(_type(mappings, path.split(".")) in kinds for path, kinds in _TYPES.items())


def _type(mapping: dict[str, Any], names: list[str]) -> str:
    for name in names:
        mapping = mapping.get("properties", {}).get(name, {})
    return str(mapping.get("type", ""))


def find_misfits(client: Elasticsearch) -> list[str]:
    """What is wrong with the indices of packets that are there: `index packets-x has capture_id as text`.

    Mappings are the cluster's own state: also an index without an active shard, just made or damaged, has them.
    """
    paths = [f"*.mappings.properties.{path.replace('.', '.properties.')}.type" for path in _TYPES]
    try:
        answer = client.indices.get_mapping(index=PATTERN, expand_wildcards="open", filter_path=",".join(paths))
    except ApiError as error:
        if error.status_code in (401, 403):  # who only writes need not see how
            return []
        raise
    return [
        f"index {index} has {path} as {kind}"
        for path, kinds in _TYPES.items()
        for index, found in sorted(answer.body.items())
        if (kind := _type(found["mappings"], path.split("."))) and kind not in kinds
    ]


def shortened(misfits: list[str]) -> str:
    """The first of them, and how many there are beside."""
    more = len(misfits) - _MOST_NAMED
    return ", ".join(misfits[:_MOST_NAMED]) + (f", and {more:,} more" if more > 0 else "")
