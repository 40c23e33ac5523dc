"""The retry command: sends the documents of a file of dead letters again."""

import os
import signal
from collections.abc import Sequence
from pathlib import Path

from espcap.base.errors import StoreError, UsageError
from espcap.base.text import printable
from espcap.cli.opening import open_dead_letters, open_store_for_writing
from espcap.cli.options.storing import RetryOptions
from espcap.cli.progress import Progress
from espcap.cli.read import INTERRUPTED, end_in_order, more_time, print_summary, problem_line
from espcap.documents.packets import Document
from espcap.documents.types import PACKETS, type_of
from espcap.ingest.batches import Batches
from espcap.ingest.dead_letters import read_dead_letters
from espcap.ingest.report import Report, Severity
from espcap.tshark.program import find_program
from espcap.tshark.registry import open_registry


def retry(options: RetryOptions) -> int:
    """Runs the command and returns its exit code."""
    path, target = Path(options.file), options.dead_letters
    if target and target.exists() and path.exists() and os.path.samefile(path, target):
        raise UsageError("--dead-letters is the file that is read", "name another one")
    dead_letters = open_dead_letters(options)
    store = open_store_for_writing(options, open_registry(find_program(options.tshark)), endless=False)
    report, signals = Report(), list[int]()
    end_in_order(signals.append)
    try:
        store.prepare()
        with Batches(store, dead_letters, report, options.chunk) as batches:
            batches.on_stored = lambda frame: more_time()
            _send(path, batches, report, signals)
        store.close()
    except StoreError as error:
        Progress.message(problem_line(report.add_problem(Severity.FAILED, error.message, error.hint)))
    except KeyboardInterrupt:
        Progress.message(INTERRUPTED)
        report.signal = signals[0]
    signal.alarm(0)
    report.subtract(store.not_durable())
    print_summary(report, options)
    return report.exit_code


def _send(path: Path, batches: Batches, report: Report, signals: Sequence[int]) -> None:
    """Sends all documents, or those read before a signal."""
    damaged: list[int] = []
    for document in read_dead_letters(path, damaged.append):
        if signals:
            report.signal = signals[0]
            break
        _count(document, report)
        batches.add(document)
        batches.write_if_due()
    batches.finish()
    report.files = 1
    if damaged:
        message = f"{printable(str(path))}: damaged lines skipped: {len(damaged):,}; the first is line {damaged[0]:,}"
        hint = "espcap may have been killed while it wrote the file; read the capture again"
        Progress.message(problem_line(report.add_problem(Severity.PARTIAL, message, hint)))


def _count(document: Document, report: Report) -> None:
    of = type_of(document.index)
    if of is PACKETS:
        report.read += 1
    else:
        report.add_derived(of)
