"""Builds the index template for Elasticsearch, which says how each field of a packet is indexed."""

import hashlib
import json
from typing import Any

from espcap.documents.types import PACKETS, DocumentType
from espcap.fields.field import Kind
from espcap.fields.registry import Registry
from espcap.query.limits import LONGEST_INDEXED
from espcap.query.lucene import DEFAULT_PATHS

PRIORITY = 200
"""Of the templates that match an index, only the one with the highest priority applies."""
LARGEST_LONG = 2**63 - 1
"""Greater values of an unsigned field are indexed only as text, under `<path>.exact`."""
SECONDS_PATHS = ("sniff_date_utc", "file_date_utc")
"""Paths that are indexed as dates for Kibana, and as text under `<path>.exact` for the queries of espcap."""
WORDS = "info_words"
"""Path with the words of `info` in lower case, separated by spaces: not every server can split texts as espcap does."""

_KEYWORD = {"type": "keyword", "ignore_above": LONGEST_INDEXED}
_SECONDS = {
    "type": "date",
    "format": "yyyy-MM-dd'T'HH:mm:ssZ||strict_date_optional_time",
    "fields": {"exact": _KEYWORD},
}
BY_PATH: dict[Kind, dict[str, Any]] = {
    Kind.IP: {"type": "ip"},
    Kind.TIME: {"type": "date_nanos", "index": False},
    Kind.UNSIGNED: {"type": "long", "index": False, "fields": {"exact": _KEYWORD}},
}
"""Types that follow from a field's path, because its values in JSON do not show them."""
_SHOWN_BY_KIBANA = {
    "_ws": {"properties": {"expert_message": _KEYWORD}},
    "dns": {"properties": {"qry_name": _KEYWORD}},
    "http": {"properties": {"host": _KEYWORD, "request_full_uri": _KEYWORD}},
    "tls": {"properties": {"handshake_extensions_server_name": _KEYWORD}},
}
"""Fields of the dashboard. They are in each index from the start, because Kibana warns of fields that no index has."""
_OUTSIDE_LAYERS = {
    "@timestamp": {"type": "date_nanos"},
    "sniff_timestamp": {"type": "double"},
    **dict.fromkeys(SECONDS_PATHS, _SECONDS),
    "file_name": _KEYWORD,
    "capture_id": _KEYWORD,
    "settings_id": _KEYWORD,
    "info": {"type": "keyword", "index": False, "doc_values": False},
    WORDS: {"type": "text", "analyzer": "whitespace", "norms": False},
    "protocol": _KEYWORD,
    "protocols": _KEYWORD,
    "source": {"properties": {"ip": {"type": "ip"}, "port": {"type": "long"}, "bytes": {"type": "long"}}},
    "destination": {"properties": {"ip": {"type": "ip"}, "port": {"type": "long"}, "bytes": {"type": "long"}}},
    "network": {"properties": {"bytes": {"type": "long"}, "community_id": _KEYWORD}},
    "espcap": {"properties": {"bad_time": {"type": "boolean"}}},
    "layers": {"properties": {"frame": {"properties": {"number": {"type": "long"}}}, **_SHOWN_BY_KIBANA}},
}
_SETTINGS = {
    "codec": "best_compression",
    "auto_expand_replicas": "0-1",
    "max_result_window": 100_000,
    "query": {"default_field": list(DEFAULT_PATHS)},  # the default is all fields, up to 10,000
    "mapping": {
        "ignore_malformed": True,
        "total_fields": {"limit": 10_000, "ignore_dynamic_beyond_limit": True},
    },
}

_END = {"properties": {"ip": {"type": "ip"}, "port": {"type": "long"}, "bytes": {"type": "long"}}}
_DERIVED = {
    "date_detection": False,
    "numeric_detection": False,
    "dynamic_templates": [
        {"time": {"match_pattern": "regex", "path_match": r"event\.(start|end)", "mapping": {"type": "date_nanos"}}},
        {"ip": {"path_match": "*.ip", "match_mapping_type": "string", "mapping": {"type": "ip"}}},
        {"string": {"match_mapping_type": "string", "mapping": _KEYWORD}},
    ],
    "properties": {
        "@timestamp": {"type": "date_nanos"},
        "capture_id": _KEYWORD,
        "settings_id": _KEYWORD,
        **dict.fromkeys(("type", "status", "query"), _KEYWORD),
        "error": {"properties": {"message": _KEYWORD}},
        **dict.fromkeys(("source", "destination", "client", "server"), _END),
        "event": {"properties": {"duration": {"type": "long"}, "first_response": {"type": "long"}}},
        "flow": {"properties": {"id": _KEYWORD, "end_reason": _KEYWORD}},
        "network": {"properties": {"protocol": _KEYWORD, "packets": {"type": "long"}, "bytes": {"type": "long"}}},
    },
}
"""The mappings of flows and transactions. They have all fields of the dashboard, as those of packets."""


def build_template(registry: Registry, lifecycle: str = "", documents: DocumentType = PACKETS) -> dict[str, Any]:
    """Returns the index template of a type of documents, with the name of the type. Its `version` is a digest of it.

    `lifecycle` is the name of the lifecycle policy of new indices, or empty.
    """
    settings = _SETTINGS | ({"lifecycle": {"name": lifecycle}} if lifecycle else {})
    mappings = _mappings(registry) if documents is PACKETS else _DERIVED
    template = {
        "index_patterns": [documents.pattern],
        "priority": PRIORITY,
        "template": {"settings": {"index": settings}, "mappings": mappings},
        "_meta": {"description": documents.description, "managed_by": "espcap"},
    }
    digest = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()
    return template | {"version": int(digest[:12], 16)}


def _mappings(registry: Registry) -> dict[str, Any]:
    """Returns the mappings. Numbers below `layers` have only doc values, which suffice and save a fifth of the disk."""
    return {
        "_source": {"excludes": [WORDS]},
        "date_detection": False,
        "numeric_detection": False,
        "dynamic_templates": [
            {
                "unparsed": _dynamic(
                    _KEYWORD, match_mapping_type="*", unmatch_mapping_type="object", path_match="unparsed.*"
                )
            },
            *({kind: _dynamic(mapping, path_match=registry.paths(kind))} for kind, mapping in BY_PATH.items()),
            {"float": _dynamic({"type": "double", "index": False}, match_mapping_type="double")},
            {"integer": _dynamic({"type": "long", "index": False}, match_mapping_type="long")},
            {"string": _dynamic(_KEYWORD, match_mapping_type="string")},
        ],
        "properties": _OUTSIDE_LAYERS,
    }


def _dynamic(mapping: dict[str, Any], **conditions: Any) -> dict[str, Any]:
    return {**conditions, "mapping": mapping}
