"""The doctor command: checks the programs, rights and folders that espcap needs, and says how to get missing ones."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click

from espcap.base.errors import EspcapError, with_hint
from espcap.base.paths import data_folder
from espcap.base.text import printable
from espcap.cli.opening import open_named_store
from espcap.cli.options.storing import StoreOptions
from espcap.documents.packets import HEAD
from espcap.tshark.arguments import Settings
from espcap.tshark.output import dissect
from espcap.tshark.plugin import home_folder, open_required_plugin
from espcap.tshark.process import NO_INPUT
from espcap.tshark.program import NEWEST, Program, dissecting_user, find_program, find_wireshark_program
from espcap.tshark.registry import open_registry, registry_path
from espcap.tshark.rights import check_capture_right


def doctor(options: StoreOptions) -> int:
    """Runs the command and returns its exit code: 1 if something is missing."""
    try:
        program = find_program(options.tshark)
    except EspcapError as error:
        _report_missing("tshark", error)
        return 1
    _report_tshark(program)
    _report_sharkd(program)
    results = [_passes("capture", partial(check_capture_right, program)), _passes("cache", partial(_cache, program))]
    if results[-1]:
        _report_reader(program)
    _report_local()
    if options.node:
        results.append(_passes("node", partial(_node, options, program)))
    return 0 if all(results) else 1


def _report_tshark(program: Program) -> None:
    """Prints the version. A newer one than espcap was tested with is only a note: most of its output is the same."""
    click.echo(printable(f"ok       tshark: {program.banner.rstrip('.')}, {program.path}"))
    if program.is_newer_than_known:
        click.echo(f"note     tshark: espcap is tested with versions up to {NEWEST} (look for a newer espcap)")


def _report_sharkd(program: Program) -> None:
    """Prints the path of sharkd, which only shows packets."""
    _report_if_there(
        "sharkd", lambda: find_wireshark_program(program, "sharkd"), "espcap show and the page cannot show packets"
    )


def _report_reader(program: Program) -> None:
    """Prints which reader of tshark's output is used, and how to get the native one. The slower one is only a note."""
    _report_if_there("reader", lambda: f"native, {_loaded_reader(program)}", "tshark's JSON, several times slower")


def _report_local() -> None:
    """Prints the folder of the default local index, and whether it exists."""
    folder = data_folder()
    state = "" if folder.is_dir() else ", made when packets are stored there"
    click.echo(printable(f"ok       local index: {folder}, for --node local{state}"))


def _report_if_there(name: str, find: Callable[[], str], without: str) -> None:
    """Prints what `find` returns, or `without` and the reason if it raises EspcapError."""
    try:
        click.echo(printable(f"ok       {name}: {find()}"))
    except EspcapError as error:
        click.echo(printable(f"note     {name}: {without}: {with_hint(error.message, error.hint)}"))


def _loaded_reader(program: Program) -> Path:
    """Returns the folder of the native reader. Raises EspcapError if tshark does not load it."""
    if os.environ.get("ESPCAP_READER") == "json":
        raise EspcapError("ESPCAP_READER is json", "unset it")
    user = dissecting_user(program)
    plugin = open_required_plugin(program, open_registry(program), user, HEAD)
    process = dissect(program, Settings(plugin=plugin), NO_INPUT, user, live=False)
    process.stop()
    process.wait()
    return home_folder(program)


def _report_missing(name: str, error: EspcapError) -> None:
    click.echo(printable(f"missing  {name}: {with_hint(error.message, error.hint)}"))


def _passes(name: str, check: Callable[[], str]) -> bool:
    try:
        click.echo(printable(f"ok       {name}: {check()}"))
    except EspcapError as error:
        _report_missing(name, error)
        return False
    return True


def _cache(program: Program) -> str:
    known = "kept" if registry_path(program).exists() else "made now"
    open_registry(program)
    return f"{registry_path(program)}, {known}"


def _node(options: StoreOptions, program: Program) -> str:
    store = open_named_store(options, open_registry(program))
    try:
        described = store.describe()
        store.check()
        return described
    finally:
        store.close()
