"""The main command: sources to documents, with progress, and the account at the end."""

import json
import signal
import sys
from collections.abc import Callable, Iterator
from types import FrameType

import click

from espcap.checkpoints import Checkpoints
from espcap.cli.options import Delivering, Reading, forget_standard_output, open_dead_letters, open_patient_store
from espcap.cli.progress import Progress
from espcap.cli.statistics import Statistics
from espcap.cli.table import PacketRows
from espcap.digests import Digests
from espcap.documents import Document
from espcap.errors import EspcapError, StoreError, UsageError, with_hint
from espcap.fields import Registry
from espcap.opening import open_job, open_verified_checkpoints
from espcap.pipeline import Job, Listener, Pipeline
from espcap.report import Report, Severity
from espcap.sources import CaptureFile, Source, StandardInput, capture_file, interfaces, printable, walk
from espcap.spool import Keeping, SpoolSettings, default_folder
from espcap.stores import Store
from espcap.stores.lines import LinesStore, as_line, indented
from espcap.tshark.arguments import Settings
from espcap.tshark.program import Program, User, find_program
from espcap.tshark.rights import print_interfaces
from espcap.watch import watch

SECONDS_TO_FINISH = 10
"""How long an interrupted run may take to store what it has read; a live capture, to store more of its spool."""

UNPARSED = "Note: {:,} values do not fit the type of their field, and are kept as text under `unparsed`"
NOTHING_PASSES = "no packet passes the display filter"

INTERRUPTED = "Interrupted before all was stored."


def read(options: Reading) -> int:
    """Runs the command and returns its exit code."""
    program = find_program(options.tshark)
    if options.list:
        click.echo(print_interfaces(program))
        return 0
    _check_usage(options)
    job = open_job(
        program,
        _settings(options),
        options.node,
        options.payload,
        options.protocols,
        chunk=options.chunk,
        jobs=options.jobs,
        stall_timeout=options.stall_timeout,
        spool=_spool(options),
    )
    return _run(job, _store(options, job.registry), options)


def _check_usage(options: Reading) -> None:
    if not (options.file or options.dir or options.nic):
        raise UsageError("nothing to read", "name --file, --dir or --nic; espcap --help shows more")
    if options.bpf and not options.nic:
        raise UsageError("--bpf is for interfaces", "filter files with -Y, a display filter")
    if (options.keep_captures or options.keep_captures_for) and not options.nic:
        raise UsageError("--keep-captures is for interfaces", "files stay where they are")
    if options.keep_captures_for and not options.keep_captures:
        raise UsageError("--keep-captures-for needs --keep-captures", "say how much of the disk it may take")
    if options.watch and (options.nic or not options.dir):
        raise UsageError("--watch follows directories and nothing else", "name them with --dir, and no --nic")
    if options.pretty and options.node:
        raise UsageError("--pretty is for printed documents", "leave out --node")


def _settings(options: Reading) -> Settings:
    return Settings(
        display_filter=options.display_filter,
        decode_as=options.decode_as,
        preferences=options.preference,
        count=options.count,
        profile_folder=options.profile_dir,
    )


def _spool(options: Reading) -> SpoolSettings:
    keep = Keeping(options.keep_captures, options.keep_captures_for) if options.keep_captures else None
    return SpoolSettings((options.spool or default_folder()).absolute(), options.spool_size, keep)


def _store(options: Reading, registry: Registry) -> Store:
    if options.node:
        return open_patient_store(options, registry, endless=_is_endless(options))
    return LinesStore(sys.stdout.buffer, _form(options.pretty))


def _form(pretty: bool) -> Callable[[Document], bytes]:
    """How documents are printed: as JSON, or for people in a table."""
    if pretty:
        return indented
    return PacketRows() if sys.stdout.isatty() else as_line


def _is_endless(options: Reading) -> bool:
    """Whether packets come from where they would be lost, not from files that can be read again."""
    piped = "-" in options.file and isinstance(capture_file("-"), StandardInput)
    return bool(options.nic) or piped


def _open_checkpoints(options: Reading, digests: Digests, pipeline: Pipeline, store: Store) -> Checkpoints | None:
    """What earlier runs have stored; None where no file is stored, or the ledger fails."""
    if not options.node or not (options.file or options.dir):
        return None
    return open_verified_checkpoints(pipeline, store, options.node, digests, options.again)


def _sources(options: Reading, checkpoints: Checkpoints | None) -> Iterator[Source | EspcapError]:
    for path in options.file:
        try:
            yield capture_file(path)
        except EspcapError as error:
            yield error
    for folder in () if options.watch else options.dir:
        try:
            yield from walk(folder, checkpoints.is_known) if checkpoints else walk(folder)
        except EspcapError as error:
            yield error
    if options.nic:
        yield interfaces(options.nic, options.bpf)


def _all_sources(
    options: Reading, checkpoints: Checkpoints | None, is_ended: Callable[[], bool]
) -> Iterator[Source | EspcapError | None]:
    """Those that are there now, and with --watch those to come."""
    yield from _sources(options, checkpoints)
    if options.watch:
        is_known = checkpoints.is_known if checkpoints else lambda file: False
        yield from watch(options.dir, options.settle, is_ended, is_known)


def _bytes_to_read(options: Reading, checkpoints: Checkpoints | None) -> int:
    """Of all files that are not done yet."""
    files = (source for source in _sources(options, checkpoints) if isinstance(source, CaptureFile))
    return sum(file.size for file in files if not (checkpoints and checkpoints.is_known(file)))


def _who_dissects(user: User, program: Program) -> str:
    note = f"Note: started as root; tshark runs as {user.name}"
    if user.reads_all:
        note += f", who may read every file here, as {printable(program.path)} is out of reach for others"
    return note


def _run(job: Job, store: Store, options: Reading) -> int:
    shown = sys.stderr.isatty() and (bool(options.node) or not sys.stdout.isatty())
    dead_letters = open_dead_letters(options)
    checkpoints = None
    with Progress(shown) as progress:
        listener = Listener(progress.update, lambda problem: progress.message(problem_line(problem)), more_time)
        pipeline = Pipeline(job, store, listener, dead_letters)
        if job.user:
            progress.message(_who_dissects(job.user, job.program))
        end_in_order(pipeline.interrupt)
        try:
            store.prepare()
            checkpoints = _open_checkpoints(options, job.digests, pipeline, store)
            progress.expect(_bytes_to_read(options, checkpoints) if shown and not options.watch else 0)
            with Statistics(pipeline.report, options.stats_interval if options.nic else 0, progress.message):
                pipeline.run(_all_sources(options, checkpoints, lambda: pipeline.interrupted), checkpoints)
            store.close()
        except StoreError as error:
            if not options.node:
                forget_standard_output()
            progress.message(problem_line(pipeline.report.add_problem(Severity.FAILED, error.message, error.hint)))
        except KeyboardInterrupt:
            progress.message(INTERRUPTED)
            pipeline.report.signal = pipeline.report.signal or signal.SIGINT
    signal.alarm(0)
    pipeline.report.take_back(store.not_durable())
    if checkpoints:
        checkpoints.close()
    if options.display_filter and not (pipeline.report.read or pipeline.report.exit_code):
        progress.message(problem_line(pipeline.report.add_problem(Severity.NOTE, NOTHING_PASSES)))
    tell_account(pipeline.report, options)
    return pipeline.report.exit_code


def problem_line(problem: object) -> str:
    """A problem as the command tells it."""
    severity = getattr(problem, "severity", Severity.NOTE)
    return f"{'Error' if severity else 'Note'}: {problem}"


def end_in_order(interrupt: Callable[[int], None]) -> None:
    """The first SIGINT or SIGTERM ends the reading and stores what was read; the second, or ten seconds, ends all.

    `interrupt` is told the number of the first; the end of all is a KeyboardInterrupt.
    """

    def first(number: int, _: FrameType | None) -> None:
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM):
            signal.signal(each, again)
        signal.alarm(SECONDS_TO_FINISH)
        interrupt(number)

    def again(number: int, _: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, first)
    signal.signal(signal.SIGTERM, first)


def more_time() -> None:
    """What makes headway after the first signal gets its ten seconds anew: a spool may take long to be stored."""
    if signal.alarm(0):
        signal.alarm(SECONDS_TO_FINISH)


def tell_account(report: Report, options: Delivering) -> None:
    """The last lines of a run, and the report. Raises EspcapError where it cannot be written."""
    for reason, times in report.reasons.items():
        click.echo(f"Refused {times:,} times: {printable(reason)}", err=True)
    if report.dead_letters:
        name = printable(report.dead_letters)
        click.echo(f"Refused documents are in {name} (espcap retry {name} --node … sends them again)", err=True)
    if report.unparsed:
        hint = "espcap search _exists_:unparsed finds the packets" if options.node else ""
        click.echo(with_hint(UNPARSED.format(report.unparsed), hint), err=True)
    click.echo(report.account(), err=True)
    if options.json_report:
        try:
            options.json_report.write_text(json.dumps(report.as_json(), indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            raise EspcapError(
                f"cannot write {options.json_report}: {error.strerror}", "name another --json-report"
            ) from error
