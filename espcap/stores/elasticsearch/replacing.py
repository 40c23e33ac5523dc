"""Looks up documents whose identifiers are in the index already: they may have been made with other settings."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from elasticsearch import ApiError, Elasticsearch

from espcap.documents.packets import Document
from espcap.sinks import Outcome

_ANSWER = "docs._id,docs.found,docs._seq_no,docs._primary_term,docs.error.type,docs._source.settings_id"
_FORBIDDEN = frozenset([401, 403])


class Version(NamedTuple):
    """The version of a document in an index. A request that names it fails if the document has changed since."""

    seq_no: int
    primary_term: int


@dataclass
class Resend:
    """Documents that are to be sent again."""

    to_create: list[Document] = field(default_factory=list)
    """Documents whose identifiers are not in the index any more, or that the cluster could not look up."""
    to_replace: list[tuple[Document, Version]] = field(default_factory=list)
    """Documents to replace one with other settings, each with the version to be replaced."""


def look_up(client: Elasticsearch, documents: Sequence[Document], outcome: Outcome) -> Resend:
    """Counts the documents that are stored with the same settings in `outcome`, and returns the others.

    Without the right to read the index, all count as already there. Raises ApiError and TransportError.
    """
    taken = Resend()
    asked = [document for document in documents if document.settings_id]
    answers = _found(client, asked)
    outcome.already_there += len(documents) - len(asked)
    for document, found in zip(asked, answers, strict=True):
        if "_seq_no" in found and _settings_id(found) != document.settings_id:
            taken.to_replace.append((document, Version(found["_seq_no"], found["_primary_term"])))
        elif "_seq_no" in found or _kind(found) == "security_exception":
            outcome.already_there += 1
        else:
            taken.to_create.append(document)
    return taken


def _found(client: Elasticsearch, documents: Sequence[Document]) -> list[dict[str, Any]]:
    if not documents:
        return []
    wanted = [{"_index": document.index, "_id": document.id} for document in documents]
    try:
        answer = client.mget(docs=wanted, source_includes=["settings_id"], filter_path=_ANSWER).body
    except ApiError as error:
        if error.status_code in _FORBIDDEN:
            return [{"error": {"type": "security_exception"}}] * len(documents)
        raise
    found = answer.get("docs", []) if isinstance(answer, dict) else []
    if [each.get("_id") for each in found] != [document.id for document in documents]:
        return [{}] * len(documents)
    return list(found)


def _settings_id(found: dict[str, Any]) -> str:
    return str(found.get("_source", {}).get("settings_id", ""))


def _kind(found: dict[str, Any]) -> str:
    return str(found.get("error", {}).get("type", ""))
