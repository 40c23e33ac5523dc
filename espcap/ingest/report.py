"""The report of a run: the numbers of packets read and stored, the problems, and the exit code."""

import time
from dataclasses import asdict, dataclass, field
from enum import IntEnum
from typing import Any

from espcap.base.errors import EspcapError, with_hint
from espcap.base.text import shell_word
from espcap.base.times import timestamp
from espcap.documents.columns import PacketColumns
from espcap.documents.packets import Document
from espcap.documents.types import DocumentType
from espcap.sinks import Outcome, Rejection


class Severity(IntEnum):
    """How severe a problem is."""

    NOTE = 0
    PARTIAL = 1
    """Some packets or values are not stored; the others are."""
    FAILED = 2


@dataclass(frozen=True)
class Problem:
    """Something that the user should know: a message of one line, and a hint with the next step."""

    severity: Severity
    message: str
    hint: str = ""

    def __str__(self) -> str:
        return with_hint(self.message, self.hint)


_FOLLOWED = {
    "unanswered": "requests without an answer",
    "unasked": "answers without a request",
    "evicted": "requests evicted",
    "flows_evicted": "flows evicted",
}
"""Numbers of `Report.followed` that the summary has if they are not 0, and their names there."""


@dataclass
class Report:
    """The counts of a run, in packets if not said otherwise, and its problems.

    `read` is the sum of `stored`, `replaced`, `already_there`, `refused` and `not_stored`. If flows and transactions
    are made, these five count their documents (`derived`) too, and not packets without documents (`only_followed`).
    Dropped packets were not read.
    """

    files: int = 0
    read: int = 0
    stored: int = 0
    replaced: int = 0
    """Packets whose documents replaced documents that were made with other settings."""
    already_there: int = 0
    refused: int = 0
    """Packets whose documents the store rejected."""
    dry_run: bool = False
    """Whether documents are only counted. Then they count as `counted` instead of in the five numbers above."""
    counted: int = 0
    derived: dict[str, int] = field(default_factory=dict)
    """Documents of flows and transactions that were made, by type. They count in the five numbers above too."""
    followed: dict[str, int] = field(default_factory=dict)
    """Numbers of flows and transactions; see `Follower.counts` and `espcap.transactions.engine.Counts`."""
    only_followed: int = 0
    """Packets that were read for flows and transactions only: they have no documents."""
    dropped: int = 0
    """Packets that the kernel, an interface or dumpcap dropped during a live capture."""
    spool_dropped: int = 0
    """Packets of a live capture that were lost before dissection: overwritten in a full spool, or the disk was full."""
    done_before: int = 0
    """Files that an earlier run stored in full and that were not dissected again."""
    done_before_packets: int = 0
    """Packets of these files; they count as `read` and as `already_there`."""
    unparsed: int = 0
    """Values that do not fit their field's type; the documents have them under `unparsed`."""
    values_left_out: int = 0
    """Values that are not in the documents, because their packet has too many values."""
    bad_utf8: int = 0
    """Packets for which tshark printed text that is not valid UTF-8."""
    earliest: int | None = None
    """Time of the earliest packet, in nanoseconds since 1970."""
    latest: int | None = None
    """Time of the latest packet, in nanoseconds since 1970."""
    signal: int = 0
    """Number of the signal that ended the run early; 0 without a signal."""
    problems: list[Problem] = field(default_factory=list)
    reasons: dict[str, int] = field(default_factory=dict)
    """Why documents were rejected: the first ten reasons, each with its number of documents."""
    dead_letters: str = ""
    """The file with the rejected documents; empty if no document was rejected."""
    started: float = field(default_factory=time.monotonic)
    """When the run began, as seconds of `time.monotonic`."""

    def add_document(self, document: Document) -> None:
        """Counts a packet that was read."""
        self.read += 1
        if (moment := document.nanoseconds) is not None:
            self._add_time(moment)
        if document.notes:
            self._add_notes(document.notes)

    def add_columns(self, packets: PacketColumns) -> None:
        """Counts packets that were read."""
        self.read += len(packets.frames)
        self._add_time(int(packets.nanoseconds.min()))
        self._add_time(int(packets.nanoseconds.max()))

    def add_derived(self, of: DocumentType) -> None:
        """Counts a document that is made from several packets."""
        self.derived[of.name] = self.derived.get(of.name, 0) + 1

    def add_counts(self, counts: dict[str, int]) -> None:
        """Adds numbers of flows and transactions."""
        for name, count in counts.items():
            self.followed[name] = self.followed.get(name, 0) + count

    def add_followed(self, packets: int) -> None:
        """Counts packets that were read without making documents of them."""
        self.read += packets
        self.only_followed += packets

    def _add_time(self, moment: int) -> None:
        if self.latest is None or moment > self.latest:
            self.latest = moment
        if self.earliest is None or moment < self.earliest:
            self.earliest = moment

    def _add_notes(self, notes: dict[str, Any]) -> None:
        self.values_left_out += notes.get("espcap", {}).get("left_out", 0)
        for keys in notes.get("unparsed", {}).values():
            self.unparsed += sum(len(value) if isinstance(value, list) else 1 for value in keys.values())

    @property
    def first(self) -> str:
        """`@timestamp` of the earliest packet; empty without packets."""
        return "" if self.earliest is None else timestamp(self.earliest)

    @property
    def last(self) -> str:
        """`@timestamp` of the latest packet; empty without packets."""
        return "" if self.latest is None else timestamp(self.latest)

    def add_done_before(self, packets: int) -> None:
        """Counts a file that an earlier run has stored in full, with its number of packets."""
        self.files += 1
        self.done_before += 1
        self.done_before_packets += packets
        self.read += packets
        self.already_there += packets

    def add_outcome(self, outcome: Outcome) -> None:
        """Adds the outcome of a batch."""
        self.counted += outcome.counted
        self.stored += outcome.stored
        self.replaced += outcome.replaced
        self.already_there += outcome.already_there
        self.refused += len(outcome.rejected)
        for rejection in outcome.rejected:
            self._add_reason(rejection)

    def subtract(self, outcome: Outcome) -> None:
        """Subtracts the outcome of documents that the store has lost: they count as not stored."""
        self.stored -= outcome.stored
        self.replaced -= outcome.replaced
        self.already_there -= outcome.already_there

    def _add_reason(self, rejection: Rejection) -> None:
        if rejection.reason in self.reasons or len(self.reasons) < 10:
            self.reasons[rejection.reason] = self.reasons.get(rejection.reason, 0) + 1

    def add_problem(self, severity: Severity, message: str, hint: str = "") -> Problem:
        """Adds a problem, and returns it. Of notes, only the first thousand are kept."""
        problem = Problem(severity, message, hint)
        if severity or len(self.problems) < 1000:
            self.problems.append(problem)
        return problem

    @property
    def not_stored(self) -> int:
        """Packets, and documents of flows and transactions, that the store has not answered for."""
        documents = self.read - self.only_followed + sum(self.derived.values())
        return documents - self.stored - self.replaced - self.already_there - self.refused - self.counted

    @property
    def left_out(self) -> tuple[int, int]:
        """(packets, problems): packets that were read and are not in the store, and problems that are not notes."""
        severe = sum(1 for problem in self.problems if problem.severity)
        return self.not_stored + self.refused, severe

    @property
    def exit_code(self) -> int:
        """0 (all stored), 1 (failed) or 3 (some packets left out); 130 or 143 after a signal."""
        worst = max((problem.severity for problem in self.problems), default=Severity.NOTE)
        if worst is Severity.FAILED or self.not_stored:
            return 1
        if self.signal:
            return 128 + self.signal
        return 3 if worst is Severity.PARTIAL or self.refused else 0

    def _rate(self, seconds: float) -> float:
        """Returns the packets that were dissected per second."""
        return (self.read - self.done_before_packets) / max(seconds, 1e-9)

    def summary(self, is_over: bool = True) -> str:
        """Returns the summary: the counts in one line. If the run is not over, packets may still wait for the store."""
        seconds = time.monotonic() - self.started
        counts = [
            f"{self.files:,} file{'' if self.files == 1 else 's'}",
            f"{self.read:,} packets read",
            *(_counted(count, name) for name, count in sorted(self.derived.items())),
            *(_counted(self.followed[name], text) for name, text in _FOLLOWED.items() if self.followed.get(name)),
            *self._results(),
            f"{self.dropped:,} dropped",
        ]
        counts += [f"{self.spool_dropped:,} dropped by the spool"] if self.spool_dropped else []
        counts += [f"{self.not_stored:,} {'not stored' if is_over else 'waiting'}"] if self.not_stored else []
        done = f"{self.done_before:,} file{'' if self.done_before == 1 else 's'} done before"
        counts += [done] if self.done_before else []
        counts += [f"{self.unparsed:,} values unparsed"] if self.unparsed else []
        span = [f"{self.first} to {self.last}"] if self.first else []
        return ", ".join([*counts, *span, f"{seconds:.1f} s", f"{self._rate(seconds):,.0f} packets/s"])

    def _results(self) -> list[str]:
        """Returns the texts of the summary on what became of the documents."""
        if self.dry_run:
            return ["nothing stored (dry run)"]
        return [
            f"{self.stored:,} stored",
            *([f"{self.replaced:,} replaced"] if self.replaced else []),
            f"{self.already_there:,} already there",
            f"{self.refused:,} rejected",
        ]

    def as_json(self) -> dict[str, Any]:
        """Returns all members and derived values for `--json-report`."""
        seconds = time.monotonic() - self.started
        values = asdict(self) | {"first": self.first, "last": self.last, "not_stored": self.not_stored}
        for name in ("started", "signal", "earliest", "latest"):
            del values[name]
        values["problems"] = [
            {"severity": problem.severity.name.lower(), "message": problem.message, "hint": problem.hint}
            for problem in self.problems
        ]
        rate = round(self._rate(seconds), 1)
        return values | {"seconds": round(seconds, 3), "packets_per_second": rate, "exit_code": self.exit_code}


def _counted(count: int, names: str) -> str:
    """Returns a number and what it counts; `names` begins with a word in the plural."""
    first, blank, rest = names.partition(" ")
    return f"{count:,} {first.removesuffix('s') if count == 1 else first}{blank}{rest}"


class IncompleteError(EspcapError):
    """Some packets were left out, rejected or not stored. `report` has the counts and all problems.

    `message` is that of the most severe problem, or the summary.
    """

    def __init__(self, report: Report) -> None:
        worst = max(report.problems, key=lambda problem: problem.severity, default=None)
        if worst and worst.severity:
            others = sum(1 for problem in report.problems if problem.severity) - 1
            super().__init__(f"{worst.message} (and {others:,} more)" if others else worst.message, worst.hint)
        else:
            retry = f"espcap retry {shell_word(report.dead_letters)}" if report.dead_letters else ""
            super().__init__(report.summary(), retry)
        self.report = report

    def __reduce__(self) -> tuple[type["IncompleteError"], tuple[Report]]:
        """Makes the error picklable, for pools of processes."""
        return IncompleteError, (self.report,)
