"""The retry command: sends the documents of a file of dead letters again."""

import os
import signal
from itertools import islice
from pathlib import Path

from espcap.cli.options import Delivering, open_dead_letters, open_patient_store
from espcap.cli.progress import Progress
from espcap.cli.read import problem_line, tell_account
from espcap.dead_letters import DeadLetters, deliver, read_dead_letters
from espcap.errors import StoreError, UsageError
from espcap.fields import open_registry
from espcap.report import Report, Severity
from espcap.sources import printable
from espcap.stores import Store
from espcap.tshark.program import find_program


def retry(options: Delivering, file: str) -> int:
    """Runs the command and returns its exit code."""
    path, target = Path(file), options.dead_letters
    if target and target.exists() and path.exists() and os.path.samefile(path, target):
        raise UsageError("--dead-letters is the file that is read", "name another one")
    dead_letters = open_dead_letters(options)
    store = open_patient_store(options, open_registry(find_program(options.tshark)), endless=False)
    report = Report()
    try:
        store.prepare()
        _send(path, options.chunk, store, dead_letters, report)
        store.close()
    except StoreError as error:
        Progress.message(problem_line(report.add_problem(Severity.FAILED, error.message, error.hint)))
    except KeyboardInterrupt:
        report.signal = signal.SIGINT
    tell_account(report, options)
    return report.exit_code


def _send(path: Path, chunk: int, store: Store, dead_letters: DeadLetters, report: Report) -> None:
    damaged: list[int] = []
    documents = read_dead_letters(path, damaged.append)
    while batch := list(islice(documents, chunk)):
        report.read += len(batch)
        deliver(batch, store, dead_letters, report)
    report.files = 1
    if damaged:
        message = f"{printable(str(path))}: {len(damaged):,} damaged, passed over; the first is line {damaged[0]:,}"
        hint = "its writer may have been killed; read the capture again"
        Progress.message(problem_line(report.add_problem(Severity.PARTIAL, message, hint)))
