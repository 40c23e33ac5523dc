"""Records the fields of the user's own dissectors in a cluster: one document in a hidden index.

The index's name matches `packets-*`, so that the right to read or write packets includes the right to read or write the
record. Searches of `packets-*` skip hidden indices.
"""

import time
from typing import Any

from elasticsearch import ApiError, ConflictError, Elasticsearch, NotFoundError

from espcap.base.errors import StoreError
from espcap.documents.types import PACKETS
from espcap.fields.own_fields import OwnFields, parse_own_fields
from espcap.stores.elasticsearch.connection import server_reason
from espcap.stores.elasticsearch.template import BY_PATH

NAME = PACKETS.index("own-fields")
_ID = "own-fields"
_ATTEMPTS = 20
_SETTINGS = {"index": {"hidden": True, "number_of_shards": 1}}
_MAPPINGS = {"dynamic": False}
_STARTING = "no_shard_available"
_PAUSE = 0.2
"""Seconds between attempts to read the record from an index that is starting."""
_REFUSED = (400, 401, 403)
_EXISTS = "resource_already_exists_exception"


def read_record(client: Elasticsearch, addresses: str) -> OwnFields | None:
    """Returns the recorded fields; None without a record. Raises StoreError if the record is damaged."""
    return _read(client, addresses)[0]


def _read(client: Elasticsearch, addresses: str) -> tuple[OwnFields | None, dict[str, int]]:
    """Returns the record, and the parameters with which a writer replaces exactly this version of it."""
    answer = _get(client)
    if answer is None:
        return None, {}
    try:
        own = parse_own_fields(answer["_source"]["record"])
    except (KeyError, TypeError, ValueError) as error:
        hint = f"delete the index {NAME}; the next run with --profile-dir writes it again"
        raise StoreError(f"{addresses} has a damaged record of own fields: {error}", hint) from error
    return own, {"if_seq_no": answer["_seq_no"], "if_primary_term": answer["_primary_term"]}


def _get(client: Elasticsearch) -> dict[str, Any] | None:
    """Returns the document; None if it does not exist. Waits for the shard of an index that was just made."""
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


def add_to_record(client: Elasticsearch, own: OwnFields, addresses: str, has_lifecycle: bool) -> None:
    """Adds fields to those that are recorded; several processes may do this at the same time.

    Raises ApiError, TransportError, and StoreError if the record is damaged.
    """
    for attempt in range(_ATTEMPTS):
        recorded, seen = _read(client, addresses)
        merged = (recorded or OwnFields()).merged(own, addresses)
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
    """Adds the types of the fields to existing indices, as the template does for new indices.

    Returns the server's reason if it does not allow that, or an empty string. Only fields whose type depends on their
    path are added: the types of the others follow from their values. Raises ApiError and TransportError.
    """
    layers: dict[str, Any] = {}
    for field in own.fields:
        if field.kind in BY_PATH:
            layers.setdefault(field.layer, {"properties": {}})["properties"][field.key] = BY_PATH[field.kind]
    if not layers:
        return ""
    try:
        client.indices.put_mapping(
            index=PACKETS.pattern, properties={"layers": {"properties": layers}}, allow_no_indices=True
        )
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
    if has_lifecycle:  # the policy deletes old packets, but the record is to stay
        client.indices.put_settings(index=NAME, settings={"index.lifecycle.name": None})
