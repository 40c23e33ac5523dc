"""Imports the data views, lists and dashboards of packets, flows and transactions into Kibana."""

import json
import re
import uuid
from pathlib import Path
from typing import Any, NamedTuple, NoReturn
from urllib.parse import quote

from elastic_transport import HttpHeaders, Urllib3HttpNode

from espcap.base.errors import StoreError
from espcap.stores.elasticsearch.connection import PRODUCT_HEADER, Connection, as_store_error, open_node, redact

PORT = 5601
OLDEST = (8, 12)
"""The oldest version of Kibana that accepts the saved objects."""

_SHOWN_ERRORS = 3
_LONGEST = 300
_SPACE = re.compile(r"/s/([a-z0-9_-]+)/?$")
_CHECK_ADDRESS = "check the address given with --kibana, with its base path and its space (/s/NAME) if it has them"

SavedObject = dict[str, Any]


class _Answer(NamedTuple):
    status: int
    headers: HttpHeaders
    body: dict[str, Any]
    """The JSON object of the answer; empty if the answer is not a JSON object."""


class Imported(NamedTuple):
    """The objects that were imported."""

    titles: list[str]
    """Type and title of each object, as shown in Kibana: `dashboard Packets (espcap)`."""
    dashboards: list[str]
    """The URL of each dashboard."""


def kibana_connection(address: str, **credentials: Any) -> Connection:
    """Returns the connection to the Kibana at an address.

    The address is `host:port`, or a URL with base path and space (`/s/NAME`). The defaults are http and port 5601.
    """
    return Connection((address,), product="Kibana", option="--kibana", port=PORT, **credentials)


def objects_file() -> Path:
    """Returns the file with the saved objects, one on each line: in the installed package or in the checkout."""
    installed = Path(__file__).parents[2] / "kibana"
    return (installed if installed.is_dir() else Path(__file__).parents[3] / "kibana") / "espcap.ndjson"


def import_objects(connection: Connection) -> Imported:
    """Imports our saved objects into Kibana, where they replace those of an earlier import.

    Raises StoreError if Kibana cannot be reached, is too old, or does not import all objects, and UsageError if the
    address is not valid.
    """
    lines = objects_file().read_bytes()
    objects = [json.loads(line) for line in lines.splitlines()]
    node = open_node(connection)
    try:
        with as_store_error(connection):
            _check_product(connection, _ask(node, "GET", "/api/status"))
            _check_space(connection, node)
            return _judge(connection, _send(node, lines), objects)
    finally:
        node.close()


def _ask(node: Urllib3HttpNode, method: str, target: str, body: bytes | None = None, mimetype: str = "") -> _Answer:
    headers = HttpHeaders({"kbn-xsrf": "true"})  # Kibana rejects changes without this header
    if mimetype:
        headers["content-type"] = mimetype
    meta, data = node.perform_request(method, target, body=body, headers=headers)
    try:
        parsed = json.loads(data)
    except (ValueError, RecursionError):
        parsed = None
    return _Answer(meta.status, meta.headers, parsed if isinstance(parsed, dict) else {})


def at_times(dashboard: str, span: tuple[str, str] | None) -> str:
    """Returns the URL that opens a dashboard at a time range instead of the one saved with it.

    `span` has the first and the last time in Kibana's syntax (`now-1d`, `now`); None for the saved range.
    """
    return f"{dashboard}?_g=(time:(from:'{span[0]}',to:'{span[1]}'))" if span else dashboard


def _send(node: Urllib3HttpNode, lines: bytes) -> _Answer:
    """Sends the objects as a form with one file, whose name must end in `.ndjson`."""
    boundary = uuid.uuid4().hex
    head = (
        f"--{boundary}\r\n"
        'Content-Disposition: form-data; name="file"; filename="espcap.ndjson"\r\n'
        "Content-Type: application/ndjson\r\n\r\n"
    )
    body = head.encode() + lines + f"\r\n--{boundary}--\r\n".encode()
    target = "/api/saved_objects/_import?overwrite=true"
    return _ask(node, "POST", target, body, f"multipart/form-data; boundary={boundary}")


def _check_product(connection: Connection, answer: _Answer) -> None:
    """Raises StoreError if the answer is not that of a Kibana that is new enough. It may hide its version."""
    if PRODUCT_HEADER in answer.headers:
        hint = "name it with --node, and Kibana, which often has port 5601, with --kibana"
        raise StoreError(f"{connection.addresses} is an Elasticsearch, not a Kibana", hint)
    if answer.status == 503:
        hint = "it takes a minute to start; else see its log, or /api/status below its address"
        raise StoreError(f"{connection.addresses} is not ready (503)", hint)
    if answer.status != 200:
        _fail(connection, answer)
    if "status" not in answer.body and "version" not in answer.body:
        raise StoreError(f"{connection.addresses} answers, but not as Kibana does", _CHECK_ADDRESS)
    version = _version(answer.body)
    if version and version < OLDEST:
        raise StoreError(
            f"{connection.addresses} is Kibana {version[0]}.{version[1]}, too old for the dashboard",
            f"update it to {OLDEST[0]}.{OLDEST[1]} or later; packets can be stored and searched without it",
        )


def _version(status: dict[str, Any]) -> tuple[int, int] | None:
    version = status.get("version")
    number = version.get("number") if isinstance(version, dict) else version
    match = re.match(r"(\d{1,6})\.(\d{1,6})", str(number))
    return (int(match[1]), int(match[2])) if match else None


def _check_space(connection: Connection, node: Urllib3HttpNode) -> None:
    """Raises StoreError if the space does not exist: Kibana would import into it, and nobody could see the objects."""
    space = _SPACE.search(node.config.path_prefix)
    if space and _ask(node, "GET", f"/api/spaces/space/{space[1]}").status == 404:
        raise StoreError(
            f"{connection.addresses}: the space {space[1]} does not exist", "make it in Kibana, or name another"
        )


def _judge(connection: Connection, answer: _Answer, objects: list[SavedObject]) -> Imported:
    """Returns the imported objects. Raises StoreError if not all of them were imported."""
    if answer.status != 200:
        _fail(connection, answer)
    errors, taken = _dicts(answer.body, "errors"), answer.body.get("successCount")
    if answer.body.get("success") is not True or errors or taken != len(objects):
        reasons = "; ".join(_object_error(error) for error in errors[:_SHOWN_ERRORS]) or "no reason is given"
        more = f"; and {len(errors) - _SHOWN_ERRORS} more" if len(errors) > _SHOWN_ERRORS else ""
        count = f"imported {taken if isinstance(taken, int) else 0} of {len(objects)} saved objects"
        text = redact(f"{count}: {reasons}{more}", connection)
        raise StoreError(
            f"{connection.addresses} {text}", "see Kibana's log; correct the cause and run the command again"
        )
    titles = [f"{_KINDS[item['type']]} {_title(item)}" for item in objects]
    return Imported(titles, _dashboard_urls(connection, answer.body, objects))


_KINDS = {"index-pattern": "data view", "search": "list", "dashboard": "dashboard"}


def _title(item: SavedObject) -> str:
    attributes = item["attributes"]
    return str(attributes.get("name") or attributes["title"])


def _dashboard_urls(connection: Connection, answer: dict[str, Any], objects: list[SavedObject]) -> list[str]:
    """Returns the dashboards' URLs. Kibana changes an identifier if another space has an object with the same one."""
    found = {item["id"]: item["id"] for item in objects if item["type"] == "dashboard"}
    for item in _dicts(answer, "successResults"):
        if item.get("type") == "dashboard" and item.get("id") in found:
            found[item["id"]] = str(item.get("destinationId") or item["id"])
    return [f"{connection.addresses}/app/dashboards#/view/{quote(name, safe='')}" for name in found.values()]


def _object_error(item: dict[str, Any]) -> str:
    """Returns an error as text, such as `dashboard espcap-packets: missing_references (index-pattern x)`."""
    error = item.get("error")
    error = error if isinstance(error, dict) else {}
    missing = [f"{one.get('type')} {one.get('id')}" for one in _dicts(error, "references")]
    details = ", ".join(missing) or error.get("message")
    reason = f"{error.get('type')}" + (f" ({details})" if details else "")
    return " ".join(f"{item.get('type')} {item.get('id')}: {reason}".split())[:_LONGEST]


def _dicts(holder: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """Returns the JSON objects in the list at this key; an empty list if there is no such list."""
    items = holder.get(key)
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _fail(connection: Connection, answer: _Answer) -> NoReturn:
    """Raises StoreError for an answer with an error status."""
    status = answer.status
    message = " ".join(str(answer.body.get("message") or "").split())[:_LONGEST]
    reason = f": {redact(message, connection)}" if message else ""
    if status == 401:
        cause, hint = "rejects the credentials (401)", "give --api-key-file, or --user and --password-file"
    elif status == 403:
        cause, hint = f"forbids this (403){reason}", "use a key or user with all rights on Kibana's saved objects"
    elif status == 413:
        cause, hint = (
            "does not accept a file of this size (413)",
            "raise savedObjects.maxImportPayloadBytes, or a proxy's limit",
        )
    elif status == 404 or (status < 500 and "kbn-name" not in answer.headers):
        cause, hint = f"answers, but not as Kibana does (status {status})", _CHECK_ADDRESS
    else:
        cause, hint = f"failed with status {status}{reason}", "see Kibana's log"
    raise StoreError(f"{connection.addresses} {cause}", hint)
