"""The paths of the documents of transactions, and the kinds of their values. They follow from the declarations."""

import tomllib
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from espcap.documents.types import FLOWS, PACKETS, DocumentType
from espcap.fields.field import PATHS, Kind
from espcap.fields.registry import Registry
from espcap.flows.paths import COMMON, FLOW_KINDS
from espcap.transactions.declaration import has_side
from espcap.transactions.loading import declaration_files

_TEXTS = ("type", "method", "resource", "query", "path", "status", "error.message", "request.id", "response.id")
_OWN: dict[str, Kind] = {
    **COMMON,
    **dict.fromkeys(_TEXTS, Kind.STRING),
    "event.first_response": Kind.INTEGER,
    **{f"{half}.frame": Kind.INTEGER for half in ("request", "response")},
    **dict.fromkeys(["response.first_frame", "request.last_frame"], Kind.INTEGER),
    "event.id": Kind.STRING,
    **{f"{end}.{key}": Kind.INTEGER for end in ("client", "server") for key in ("port", "bytes")},
    **{f"{end}.{key}": kind for end in ("client", "server") for key, kind in (("ip", Kind.IP), ("mac", Kind.STRING))},
    **dict.fromkeys(["email.from.address", "email.to.address", "smtp.rejected"], Kind.STRING),
    **dict.fromkeys([f"rtp.{name}" for name in ("packets", "lost", "out_of_order", "duration")], Kind.INTEGER),
    **dict.fromkeys([f"rtp.jitter.{name}" for name in ("last", "mean", "max")], Kind.INTEGER),
    **dict.fromkeys(["mongodb.error_code", "grpc.status_code"], Kind.INTEGER),
}
"""Paths of all transactions, and those of hooks."""


def kinds_of(of: DocumentType, registry: Registry, folders: Sequence[str] = ()) -> dict[str, Kind]:
    """Returns the paths of a type of documents, and the kinds of their values."""
    if of is PACKETS:
        return PATHS
    if of is FLOWS:
        return FLOW_KINDS
    declared = dict(path for file in declaration_files(folders) for path in _declared(file, registry))
    return declared | _OWN


def _declared(file: Path, registry: Registry) -> Iterator[tuple[str, Kind]]:
    found = _read(file)
    for path, text in found.get("fields", {}).items():
        name = text.partition(":")[2] if has_side(text) else text
        field = registry.field(name) if "{" not in name else None
        yield path, field.kind if field and field.kind is not Kind.BYTES else Kind.STRING
    for path in found.get("count", {}):
        yield path, Kind.INTEGER
    for record in found.get("records", ()):
        for member, names in record["members"].items():
            field = registry.field(names if isinstance(names, str) else names[0])
            one_kind = isinstance(names, str) and field is not None
            yield f"{record['path']}.{member}", field.kind if field and one_kind else Kind.STRING


@cache
def _read(file: Path) -> dict[str, Any]:
    return tomllib.loads(file.read_text())
