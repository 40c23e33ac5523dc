"""espcap without a command: reads packets from sources, with a progress bar, and prints the summary at the end."""

import json
import signal
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import cast

import click

from espcap.base.errors import EspcapError, UsageError, with_hint
from espcap.base.paths import spool_folder
from espcap.base.text import printable, shell_word
from espcap.captures.sources import CaptureFile, Source, StandardInput, capture_file, interfaces, walk
from espcap.captures.watch import watch
from espcap.cli.dissecting import dissecting_settings
from espcap.cli.failures import discard_standard_output, require_standard_output
from espcap.cli.opening import open_dead_letters, open_store_for_writing
from espcap.cli.options.reading import ReadOptions
from espcap.cli.options.storing import DeliveryOptions
from espcap.cli.progress import Progress
from espcap.cli.statistics import Statistics
from espcap.cli.table import PacketRows
from espcap.documents.packets import Document
from espcap.documents.types import PACKETS
from espcap.fields.registry import Registry
from espcap.ingest.job import Job, Listener, open_job
from espcap.ingest.report import Report, Severity
from espcap.ingest.run import IsKnown, Resuming, Run
from espcap.live.spool import Keeping, SpoolSettings
from espcap.sinks import Sink
from espcap.sinks.counting import CountingSink
from espcap.sinks.lines import LinesSink, as_line, indented
from espcap.stores import Store
from espcap.tshark.program import Program, User, find_program
from espcap.tshark.rights import print_interfaces

SECONDS_TO_FINISH = 10
"""How long an interrupted run may take to store the packets read, or a live capture to store more of its spool."""

UNPARSED = "Note: {:,} values do not fit the type of their field and are kept as text under `unparsed`"
NOTHING_PASSES = "no packet matches the display filter"

INTERRUPTED = "Interrupted before all packets were stored."


def read(options: ReadOptions) -> int:
    """Runs the command and returns its exit code."""
    program = find_program(options.tshark)
    if options.list:
        click.echo(print_interfaces(program))
        return 0
    _check_usage(options)
    job = open_job(
        program,
        dissecting_settings(options, options.display_filter, options.count),
        () if options.dry_run else options.node,
        options.payload,
        options.protocols,
        types=options.types,
        chunk=options.chunk,
        jobs=options.jobs,
        stall_timeout=options.stall_timeout,
        spool=_spool(options),
    )
    return _run(job, options)


def _check_usage(options: ReadOptions) -> None:
    if not (options.file or options.dir or options.nic):
        raise UsageError("nothing to read", "name --file, --dir or --nic; espcap --help shows more")
    if options.bpf and not options.nic:
        raise UsageError("--bpf is for interfaces", "filter files with -Y, a display filter")
    if (options.keep_captures or options.keep_captures_for) and not options.nic:
        raise UsageError("--keep-captures is for interfaces", "files that are read stay unchanged")
    if options.keep_captures_for and not options.keep_captures:
        raise UsageError(
            "--keep-captures-for needs --keep-captures", "name the largest size, such as --keep-captures 20GB"
        )
    if options.watch and (options.nic or not options.dir):
        raise UsageError("--watch reads only directories", "name them with --dir, without --nic")
    if options.nic and PACKETS not in options.types:
        raise UsageError("--types of a live capture must have packets", "write --types packets,flows,transactions")
    if options.pretty and options.node:
        raise UsageError("--pretty is for printed documents", "leave out --node")
    if options.dry_run:
        _check_dry_run(options)


def _check_dry_run(options: ReadOptions) -> None:
    """Raises UsageError for options that have no meaning if nothing is written."""
    if options.nic:
        raise UsageError("--dry-run is for files: a live capture writes packets to its spool", "leave out --nic")
    for name in ("watch", "again", "pretty", "dead_letters"):
        if getattr(options, name):
            written = f"--{name.replace('_', '-')}"
            raise UsageError(f"--dry-run stores and prints no documents, so {written} has no effect", "leave it out")


def _spool(options: ReadOptions) -> SpoolSettings:
    keep = Keeping(options.keep_captures, options.keep_captures_for) if options.keep_captures else None
    return SpoolSettings((options.spool or spool_folder()).absolute(), options.spool_size, keep)


def _sink(options: ReadOptions, registry: Registry) -> Sink:
    if options.dry_run:
        return CountingSink()
    if options.node:
        return open_store_for_writing(options, registry, endless=_is_endless(options))
    require_standard_output()
    return LinesSink(sys.stdout.buffer, _form(options.pretty))


def _form(pretty: bool) -> Callable[[Document], bytes]:
    """Returns the function that formats a document: indented JSON, a row of a table, or a line of JSON."""
    if pretty:
        return indented
    return PacketRows() if sys.stdout.isatty() else as_line


def _is_endless(options: ReadOptions) -> bool:
    """Returns whether packets come from a live capture or a pipe: unlike those of files, they cannot be read again."""
    piped = "-" in options.file and isinstance(capture_file("-"), StandardInput)
    return bool(options.nic) or piped


def _resuming(options: ReadOptions, sink: Sink) -> Resuming | None:
    """Returns how captures that are already stored are recognized; None if no files are stored."""
    if options.dry_run or not options.node or not (options.file or options.dir) or PACKETS not in options.types:
        return None
    return Resuming(cast(Store, sink), options.node, options.again)


def _sources(options: ReadOptions, is_known: IsKnown) -> Iterator[Source | EspcapError]:
    for path in options.file:
        try:
            yield capture_file(path)
        except EspcapError as error:
            yield error
    for folder in () if options.watch else options.dir:
        try:
            yield from walk(folder, is_known)
        except EspcapError as error:
            yield error
    if options.nic:
        yield interfaces(options.nic, options.bpf)


def _all_sources(
    options: ReadOptions, is_known: IsKnown, is_ended: Callable[[], bool]
) -> Iterator[Source | EspcapError | None]:
    """Yields the sources that exist now, and with --watch new files as they appear."""
    yield from _sources(options, is_known)
    if options.watch:
        yield from watch(options.dir, options.settle, is_ended, is_known)


def _bytes_to_read(options: ReadOptions, is_known: IsKnown) -> int:
    """Returns the size of all files that are not yet stored."""
    files = (source for source in _sources(options, is_known) if isinstance(source, CaptureFile))
    return sum(file.size for file in files if not is_known(file))


def _note_of_user(user: User, program: Program) -> str:
    note = f"Note: started as root; tshark runs as {user.name}"
    if user.reads_all:
        note += f", which may read every file here, because other users cannot reach {printable(program.path)}"
    return note


def _run(job: Job, options: ReadOptions) -> int:
    shown = sys.stderr.isatty() and (bool(options.node) or options.dry_run or not sys.stdout.isatty())
    sink = _sink(options, job.registry)
    with Progress(shown) as progress:
        listener = Listener(progress.update, lambda problem: progress.message(problem_line(problem)), more_time)
        run = Run(job, sink, listener, open_dead_letters(options))
        if job.user:
            progress.message(_note_of_user(job.user, job.program))
        end_in_order(run.interrupt)
        run.report.dry_run = options.dry_run

        def sources(is_known: IsKnown) -> Iterator[Source | EspcapError | None]:
            progress.expect(_bytes_to_read(options, is_known) if shown and not options.watch else 0)
            return _all_sources(options, is_known, lambda: run.interrupted)

        try:
            with Statistics(run.report, options.stats_interval if options.nic else 0, progress.message):
                run.read(sources, _resuming(options, sink))
        except KeyboardInterrupt:
            progress.message(INTERRUPTED)
            run.report.signal = run.report.signal or signal.SIGINT
    signal.alarm(0)
    if run.failure and not options.node:
        discard_standard_output()
    if options.display_filter and not (run.report.read or run.report.exit_code):
        progress.message(problem_line(run.report.add_problem(Severity.NOTE, NOTHING_PASSES)))
    print_summary(run.report, options)
    return run.report.exit_code


def problem_line(problem: object) -> str:
    """Returns the line that reports a problem."""
    severity = getattr(problem, "severity", Severity.NOTE)
    return f"{'Error' if severity else 'Note'}: {problem}"


def end_in_order(interrupt: Callable[[int], None]) -> None:
    """Lets the first SIGINT or SIGTERM end the reading, after which the packets read are stored.

    `interrupt` gets the number of the first signal. A second one, or ten seconds, raises KeyboardInterrupt.
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
    """Starts the ten seconds after the first signal again, when documents were stored: a spool may take long."""
    if signal.alarm(0):
        signal.alarm(SECONDS_TO_FINISH)


def print_summary(report: Report, options: DeliveryOptions) -> None:
    """Prints the last lines of a run and writes the report. Raises EspcapError if it cannot be written."""
    for reason, times in report.reasons.items():
        click.echo(f"Rejected {times:,} times: {printable(reason)}", err=True)
    if report.dead_letters:
        name, word = printable(report.dead_letters), shell_word(report.dead_letters)
        click.echo(f"Rejected documents are in {name} (espcap retry {word} --node … sends them again)", err=True)
    if report.unparsed:
        hint = "espcap search _exists_:unparsed finds the packets" if options.node and not report.dry_run else ""
        click.echo(with_hint(UNPARSED.format(report.unparsed), hint), err=True)
    click.echo(report.summary(), err=True)
    if options.json_report:
        try:
            options.json_report.write_text(json.dumps(report.as_json(), indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            raise EspcapError(
                f"cannot write {options.json_report}: {error.strerror}", "name another --json-report"
            ) from error
