"""The doctor command: what espcap needs, whether it is there, and what to do where it is not."""

import os
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click

from espcap.allocator import LIBRARY, find_library
from espcap.cli.options import Connecting, open_named_store
from espcap.documents import HEAD
from espcap.errors import EspcapError, with_hint
from espcap.fields import open_registry, registry_path
from espcap.sources import printable
from espcap.tshark.arguments import Settings
from espcap.tshark.output import dissect
from espcap.tshark.plugin import home_folder, open_required_plugin
from espcap.tshark.program import NEWEST, Program, beside, dissecting_user, find_program
from espcap.tshark.rights import capture_right


def doctor(options: Connecting) -> int:
    """Runs the command; returns the exit code, 1 where something is missing."""
    try:
        program = find_program(options.tshark)
    except EspcapError as error:
        _tell_missing("tshark", error)
        return 1
    _tell_tshark(program)
    _tell_sharkd(program)
    results = [_passes("capture", partial(capture_right, program)), _passes("cache", partial(_cache, program))]
    if results[-1]:
        _tell_reader(program)
    _tell_allocator()
    if options.node:
        results.append(_passes("node", partial(_node, options, program)))
    return 0 if all(results) else 1


def _tell_tshark(program: Program) -> None:
    """Which it is. A newer one than espcap knows is no fault: most of what it prints is as before."""
    click.echo(printable(f"ok       tshark: {program.banner.rstrip('.')}, {program.path}"))
    if program.is_newer_than_known:
        click.echo(f"note     tshark: espcap is tested with versions up to {NEWEST} (look for a newer espcap)")


def _tell_sharkd(program: Program) -> None:
    """What shows packets; all else works without it."""
    _tell_if_there("sharkd", lambda: beside(program, "sharkd"), "espcap show and the page cannot show packets")


def _tell_reader(program: Program) -> None:
    """Which reader is in use, and how to get the other; the slower one is no fault."""
    _tell_if_there("reader", lambda: f"native, {_loaded_reader(program)}", "tshark's JSON, several times slower")


def _tell_if_there(name: str, find: Callable[[], str], without: str) -> None:
    """A line for what `find` finds, or else for how it is without it, and why."""
    try:
        click.echo(printable(f"ok       {name}: {find()}"))
    except EspcapError as error:
        click.echo(printable(f"note     {name}: {without}: {with_hint(error.message, error.hint)}"))


def _tell_allocator() -> None:
    """What a local index gets its memory from; glibc's is no fault."""
    if library := find_library():
        click.echo(f"ok       memory: jemalloc, {library}")
    else:
        click.echo(
            f"note     memory: glibc's, slower with a local index: there is no {LIBRARY} (apt install libjemalloc2)"
        )


def _loaded_reader(program: Program) -> Path:
    """Where it is. Raises EspcapError unless tshark loads it."""
    if os.environ.get("ESPCAP_READER") == "json":
        raise EspcapError("ESPCAP_READER is json", "unset it")
    user = dissecting_user(program)
    plugin = open_required_plugin(program, open_registry(program), user, HEAD)
    process = dissect(program, Settings(plugin=plugin), subprocess.DEVNULL, user, live=False)
    process.stop()
    process.wait()
    return home_folder(program)


def _tell_missing(name: str, error: EspcapError) -> None:
    click.echo(printable(f"missing  {name}: {with_hint(error.message, error.hint)}"))


def _passes(name: str, check: Callable[[], str]) -> bool:
    try:
        click.echo(printable(f"ok       {name}: {check()}"))
    except EspcapError as error:
        _tell_missing(name, error)
        return False
    return True


def _cache(program: Program) -> str:
    known = "kept" if registry_path(program).exists() else "made now"
    open_registry(program)
    return f"{registry_path(program)}, {known}"


def _node(options: Connecting, program: Program) -> str:
    store = open_named_store(options, open_registry(program))
    try:
        described = store.describe()
        store.check()
        return described
    finally:
        store.close()
