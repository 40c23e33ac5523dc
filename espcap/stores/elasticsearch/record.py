"""The record of own fields in a cluster: one document of a hidden index.

Its name is one of `packets-*`, so that who may write or read packets may write or read the record. Searches of
`packets-*` pass over hidden indices.
"""

import time
from typing import Any

from elasticsearch import ApiError, ConflictError, Elasticsearch, NotFoundError

from espcap.base.errors import StoreError
from espcap.fields.own import OwnFields, parse_own_fields
from espcap.stores.elasticsearch.connection import server_reason
from espcap.stores.elasticsearch.template import BY_PATH, PATTERN

NAME = "packets-own-fields"
_ID = "own-fields"
_ATTEMPTS = 20
_SETTINGS = {"index": {"hidden": True, "number_of_shards": 1}}
_MAPPINGS = {"dynamic": False}
_STARTING = "No shard available"
_PAUSE = 0.2
"""Seconds."""
_REFUSED = (400, 401, 403)
_EXISTS = "resource_already_exists_exception"


def read_record(client: Elasticsearch, where: str) -> OwnFields | None:
    """What was recorded; None if nothing was. Raises StoreError if it is something else."""
    return _read(client, where)[0]


def _read(client: Elasticsearch, where: str) -> tuple[OwnFields | None, dict[str, int]]:
    """Also what a writer has to name, so that it replaces what it has read and nothing newer."""
    answer = _get(client)
    if answer is None:
        return None, {}
    try:
        own = parse_own_fields(answer["_source"]["record"])
    except (KeyError, TypeError, ValueError) as error:
        hint = f"delete the index {NAME}; the next run with --profile-dir writes it anew"
        raise StoreError(f"{where} has a damaged record of own fields: {error}", hint) from error
    return own, {"if_seq_no": answer["_seq_no"], "if_primary_term": answer["_primary_term"]}


def _get(client: Elasticsearch) -> dict[str, Any] | None:
    """The document. Another espcap may have made the index just now, whose shard takes a moment to start."""
    for attempt in range(_ATTEMPTS):
        try:
            return dict(client.get(index=NAME, id=_ID).body)
        except NotFoundError:
            return None
        except ApiError as error:
            if _STARTING not in str(error) or attempt == _ATTEMPTS - 1:
                raise
            time.sleep(_PAUSE)
    return None


def add_to_record(client: Elasticsearch, own: OwnFields, where: str, has_lifecycle: bool) -> None:
    """Adds own fields to those that are recorded, whoever else does the same at once."""
    for attempt in range(_ATTEMPTS):
        recorded, seen = _read(client, where)
        merged = (recorded or OwnFields()).merged(own, where)
        if merged == recorded:
            return
        if recorded is None:
            _make_index(client, has_lifecycle)
        try:
            how: dict[str, Any] = seen or {"op_type": "create"}
            client.index(index=NAME, id=_ID, document={"record": merged.to_json().decode()}, **how)
            return
        except ConflictError:
            if attempt == _ATTEMPTS - 1:
                raise


def type_fields(client: Elasticsearch, own: OwnFields) -> str:
    """Has the indices that are there type own fields as the template does those to come; returns why it cannot be.

    Only for fields that are told by their paths: the other types follow from the values.
    """
    layers: dict[str, Any] = {}
    for field in own.fields:
        if field.kind in BY_PATH:
            layers.setdefault(field.layer, {"properties": {}})["properties"][field.key] = BY_PATH[field.kind]
    if not layers:
        return ""
    try:
        client.indices.put_mapping(index=PATTERN, properties={"layers": {"properties": layers}}, allow_no_indices=True)
    except ApiError as error:
        if error.status_code not in _REFUSED:
            raise
        return server_reason(error.body)
    return ""


def _make_index(client: Elasticsearch, has_lifecycle: bool) -> None:
    try:
        client.indices.create(index=NAME, settings=_SETTINGS, mappings=_MAPPINGS)
    except ApiError as error:
        if _EXISTS not in str(error.body):
            raise
    if has_lifecycle:  # packets are deleted by their age, and the record stays
        client.indices.put_settings(index=NAME, settings={"index.lifecycle.name": None})
