"""What to do about documents whose identifiers are taken: the same ones, or those that other settings have made."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from elasticsearch import ApiError, Elasticsearch

from espcap.documents.packets import Document
from espcap.sinks import Outcome

_ANSWER = "docs._id,docs.found,docs._seq_no,docs._primary_term,docs.error.type,docs._source.settings_id"
_FORBIDDEN = frozenset([401, 403])


class Version(NamedTuple):
    """A document as it is in an index at a moment: only this one is replaced."""

    seq_no: int
    primary_term: int


@dataclass
class Resend:
    """Documents that are to be sent again."""

    to_create: list[Document] = field(default_factory=list)
    """Those whose identifiers are free by now, or of which the cluster could not tell."""
    to_replace: list[tuple[Document, Version]] = field(default_factory=list)


def look_up(client: Elasticsearch, documents: Sequence[Document], outcome: Outcome) -> Resend:
    """Counts those that are already there with their settings, and returns the others.

    Who may not read the index cannot replace what is there either. Raises ApiError and TransportError.
    """
    taken = Resend()
    asked = [document for document in documents if document.settings_id]
    answers = _found(client, asked)
    outcome.already_there += len(documents) - len(asked)
    for document, found in zip(asked, answers, strict=True):
        if "_seq_no" in found and _settings(found) != document.settings_id:
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


def _settings(found: dict[str, Any]) -> str:
    return str(found.get("_source", {}).get("settings_id", ""))


def _kind(found: dict[str, Any]) -> str:
    return str(found.get("error", {}).get("type", ""))
