"""Bulk requests: their size, their lines, and how the answer of each document is judged. Needs no server."""

from typing import Any

import orjson
import pytest

from espcap.base.errors import StoreError
from espcap.documents.packets import Document
from espcap.sinks import Outcome
from espcap.stores.elasticsearch.bulk import UntrustedAnswerError, encode, judge, split_by_size
from espcap.stores.elasticsearch.replacing import Version
from tests.support.documents import make

SENT = [make(number) for number in range(1, 5)]
CREATED = {"status": 201}
BUSY = {"status": 429, "error": {"type": "es_rejected_execution_exception", "reason": "queue is full"}}
TAKEN = {"status": 409, "error": {"type": "version_conflict_engine_exception", "reason": "document already exists"}}
WRONG = {"status": 400, "error": {"type": "document_parsing_exception", "reason": "failed to parse"}}
FULL = {"status": 429, "error": {"type": "cluster_block_exception", "reason": "disk usage exceeded"}}
CLOSED = {"status": 400, "error": {"type": "index_closed_exception", "reason": "closed"}}


def answer(*results: dict[str, Any], sent: list[Document] = SENT) -> dict[str, Any]:
    return {"items": [{"create": {"_id": each.id, **result}} for each, result in zip(sent, results, strict=True)]}


def test_each_document_is_judged() -> None:
    outcome = Outcome()
    unfinished = judge(SENT, answer(CREATED, TAKEN, WRONG, BUSY), outcome)
    assert (outcome.stored, outcome.already_there, outcome.replaced) == (1, 0, 0)
    assert [rejection.document for rejection in outcome.rejected] == [SENT[2]]
    assert "failed to parse" in outcome.rejected[0].reason
    assert (unfinished.taken, unfinished.documents, unfinished.disk_is_full) == ([SENT[1]], [SENT[3]], False)
    assert "queue is full" in unfinished.reason


def test_a_full_disk() -> None:
    unfinished = judge(SENT, answer(CREATED, FULL, CREATED, BUSY), Outcome())
    assert unfinished.documents == [SENT[1], SENT[3]]
    assert unfinished.disk_is_full


def test_documents_that_replace_others() -> None:
    outcome = Outcome()
    judge(SENT[:1], answer({"status": 200}, sent=SENT[:1]), outcome, {SENT[0].id: Version(3, 1)})
    assert (outcome.stored, outcome.replaced) == (0, 1)


def test_an_index_that_accepts_no_documents() -> None:
    """The other documents of the request count all the same."""
    outcome = Outcome()
    with pytest.raises(StoreError, match=r"index packets-2015-07-30 accepts no documents: .*closed"):
        judge(SENT, answer(CREATED, CLOSED, CREATED, WRONG), outcome)
    assert (outcome.stored, len(outcome.rejected)) == (2, 1)


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        [],
        {},
        {"items": None},
        {"items": [1, 2, 3, 4]},
        {"items": [{"create": {"_id": each.id}} for each in SENT]},
        {"items": [{"create": {"_id": each.id, "status": "201"}} for each in SENT]},
        {"items": [{"create": {"_id": each.id, "status": 201}} for each in SENT[:3]]},
        {"items": [{"create": {"_id": each.id, "status": 201}} for each in reversed(SENT)]},
    ],
)
def test_answers_that_do_not_fit(wrong: Any) -> None:
    outcome = Outcome()
    with pytest.raises(UntrustedAnswerError):
        judge(SENT, wrong, outcome)
    assert outcome == Outcome()


def test_lines_of_a_document() -> None:
    document = make(1, info="GET /index.html")
    action, source = map(orjson.loads, encode(document).splitlines())
    assert action == {"create": {"_index": document.index, "_id": document.id}}
    added = source.keys() - document.source.keys()
    assert len(added) == 1
    assert "index" in source[added.pop()]
    action, _ = map(orjson.loads, encode(document, Version(3, 1)).splitlines())
    place = {"_index": document.index, "_id": document.id, "if_seq_no": 3, "if_primary_term": 1}
    assert action == {"index": place}


def test_requests_have_a_size() -> None:
    documents = [make(number) for number in range(1, 21)]
    largest = 3 * len(encode(documents[0]) + b" " * 40)
    parts = list(split_by_size(documents, largest))
    assert [each for part in parts for each in part] == documents
    assert 1 < len(parts) < 20
    assert all(len(b"".join(map(encode, part))) <= largest for part in parts)


def test_a_document_that_is_too_large_goes_alone() -> None:
    huge = make(2, http={"file_data": "x" * 5000})
    assert list(split_by_size([SENT[0], huge, SENT[2]], 1000)) == [[SENT[0]], [huge], [SENT[2]]]
