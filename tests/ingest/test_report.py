import time
from typing import Any

import pytest

from espcap.documents.packets import Document
from espcap.ingest.report import IncompleteError, Problem, Report, Severity
from espcap.sinks import Outcome, Rejection


def document(notes: dict[str, Any] | None = None, nanoseconds: int | None = None) -> Document:
    return Document("packets-2024-05-01", "c0ffee-1", notes or {}, b"{}", nanoseconds)


def report(*severities: Severity, **counts: Any) -> Report:
    made = Report(**counts)
    for severity in severities:
        made.add_problem(severity, "message", "hint")
    return made


@pytest.mark.parametrize(
    ("made", "exit_code"),
    [
        (report(), 0),
        (report(read=3, stored=3), 0),
        (report(read=3, stored=1, already_there=2), 0),
        (report(Severity.NOTE, read=3, stored=3), 0),
        (report(read=3, stored=3, dropped=5, unparsed=7, bad_utf8=9), 0),
        (report(read=3, stored=2, refused=1), 3),
        (report(Severity.PARTIAL, read=3, stored=3), 3),
        (report(Severity.PARTIAL, Severity.NOTE), 3),
        (report(Severity.PARTIAL, read=3, stored=2, refused=1), 3),
        (report(Severity.FAILED, read=3, stored=3), 1),
        (report(Severity.FAILED, Severity.PARTIAL, read=3, stored=2, refused=1), 1),
        (report(read=3, stored=2), 1),
        (report(read=3, stored=4), 1),
        (report(read=3, refused=2), 1),
        (report(read=3, stored=3, signal=2), 130),
        (report(read=3, stored=3, signal=15), 143),
        (report(Severity.NOTE, read=3, stored=3, signal=2), 130),
        (report(Severity.PARTIAL, read=3, stored=3, signal=2), 130),
        (report(read=3, stored=2, refused=1, signal=2), 130),
        (report(Severity.FAILED, read=3, stored=3, signal=2), 1),
        (report(read=3, stored=2, signal=2), 1),
    ],
)
def test_exit_code(made: Report, exit_code: int) -> None:
    assert made.exit_code == exit_code


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        (
            {},
            "0 files, 0 packets read, 0 stored, 0 already there, 0 rejected, 0 dropped, 2.0 s, 0 packets/s",
        ),
        (
            {"files": 1, "read": 1234567, "stored": 1234000, "already_there": 500, "refused": 67, "dropped": 8000},
            "1 file, 1,234,567 packets read, 1,234,000 stored, 500 already there, 67 rejected, 8,000 dropped, "
            "2.0 s, 617,284 packets/s",
        ),
        (
            {"files": 1, "read": 10, "stored": 4, "already_there": 1, "refused": 2},
            "1 file, 10 packets read, 4 stored, 1 already there, 2 rejected, 0 dropped, 3 not stored, "
            "2.0 s, 5 packets/s",
        ),
        (
            {
                "files": 1000,
                "read": 3,
                "replaced": 0,
                "stored": 3,
                "unparsed": 1200,
                "earliest": 1714557600000000000,
                "latest": 1714644000000000000,
            },
            "1,000 files, 3 packets read, 3 stored, 0 already there, 0 rejected, 0 dropped, 1,200 values unparsed, "
            "2024-05-01T10:00:00.000000000Z to 2024-05-02T10:00:00.000000000Z, 2.0 s, 2 packets/s",
        ),
    ],
)
def test_summary(counts: dict[str, Any], expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "monotonic", lambda: 102.0)
    assert Report(**counts, started=100.0).summary() == expected


def test_summary_of_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "monotonic", lambda: 100.0)
    assert Report(started=100.0).summary().endswith("0.0 s, 0 packets/s")


def test_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "monotonic", lambda: 103.0)
    made = Report(files=1, read=7, stored=5, dropped=1, unparsed=2, bad_utf8=3, started=100.0)
    made.earliest, made.latest = 1, 2
    made.add_outcome(Outcome(rejected=[Rejection(document(), "too odd")] * 2))
    made.add_problem(Severity.PARTIAL, "message", "hint")
    made.add_problem(Severity.NOTE, "note")
    assert made.as_json() == {
        "files": 1,
        "read": 7,
        "stored": 5,
        "replaced": 0,
        "already_there": 0,
        "refused": 2,
        "dry_run": False,
        "counted": 0,
        "derived": {},
        "followed": {},
        "only_followed": 0,
        "dropped": 1,
        "spool_dropped": 0,
        "done_before": 0,
        "done_before_packets": 0,
        "unparsed": 2,
        "values_left_out": 0,
        "bad_utf8": 3,
        "first": "1970-01-01T00:00:00.000000001Z",
        "last": "1970-01-01T00:00:00.000000002Z",
        "problems": [
            {"severity": "partial", "message": "message", "hint": "hint"},
            {"severity": "note", "message": "note", "hint": ""},
        ],
        "reasons": {"too odd": 2},
        "dead_letters": "",
        "not_stored": 0,
        "seconds": 3.0,
        "packets_per_second": 2.3,
        "exit_code": 3,
    }


def test_documents() -> None:
    made = Report()
    for second in (5, 9, 3):
        made.add_document(document(nanoseconds=1714557600_000000000 + second * 1_000_000_000))
    made.add_document(document({"unparsed": {"ip": {"src": "a", "ttl": ["b", "c"]}, "frame": {"time": "d"}}}))
    assert (made.read, made.unparsed) == (4, 4)
    assert (made.first, made.last) == ("2024-05-01T10:00:03.000000000Z", "2024-05-01T10:00:09.000000000Z")


def test_outcomes() -> None:
    made = Report()
    made.add_outcome(Outcome(stored=3, already_there=1))
    made.add_outcome(Outcome(stored=2, rejected=[Rejection(document(), f"reason {number}") for number in range(12)]))
    made.add_outcome(Outcome(rejected=[Rejection(document(), "reason 0"), Rejection(document(), "reason 11")]))
    assert (made.stored, made.already_there, made.refused) == (5, 1, 14)
    assert made.reasons == {"reason 0": 2} | {f"reason {number}": 1 for number in range(1, 10)}


def test_problems() -> None:
    made = Report()
    assert made.add_problem(Severity.PARTIAL, "message", "hint") == Problem(Severity.PARTIAL, "message", "hint")
    assert str(Problem(Severity.PARTIAL, "message", "hint")) == "message (hint)"
    assert str(Problem(Severity.NOTE, "message")) == "message"


def test_of_notes_only_so_many_are_kept() -> None:
    made = Report()
    for _ in range(1500):
        made.add_problem(Severity.NOTE, "note")
    made.add_problem(Severity.FAILED, "error")
    assert len(made.problems) == 1001
    assert made.exit_code == 1


def test_error_for_rejected_documents() -> None:
    """They are no problem of the run's: the summary says it."""
    error = IncompleteError(Report(read=3, stored=2, refused=1, dead_letters="/letters.ndjson"))
    assert "3 packets read, 2 stored, 0 already there, 1 rejected" in error.message
    assert error.hint == "espcap retry /letters.ndjson"


def test_the_gravest_error_is_raised() -> None:
    report = Report()
    report.add_problem(Severity.NOTE, "by the way")
    report.add_problem(Severity.PARTIAL, "some is missing", "look")
    assert (IncompleteError(report).message, IncompleteError(report).hint) == ("some is missing", "look")
    report.add_problem(Severity.FAILED, "nothing goes", "mend it")
    assert IncompleteError(report).message == "nothing goes (and 1 more)"
    assert IncompleteError(report).report is report
