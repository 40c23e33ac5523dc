"""The doctor command: what espcap needs, whether it is there, and what to do where it is not."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click

from espcap.base.allocator import LIBRARY, find_library
from espcap.base.errors import EspcapError, with_hint
from espcap.base.text import printable
from espcap.cli.options import StoreOptions, open_named_store
from espcap.documents.packets import HEAD
from espcap.tshark.arguments import Settings
from espcap.tshark.output import dissect
from espcap.tshark.plugin import home_folder, open_required_plugin
from espcap.tshark.process import NO_INPUT
from espcap.tshark.program import NEWEST, Program, beside, dissecting_user, find_program
from espcap.tshark.registry import open_registry, registry_path
from espcap.tshark.rights import capture_right


def doctor(options: StoreOptions) -> int:
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
    try:
        click.echo(printable(f"ok       sharkd: {beside(program, 'sharkd')}"))
    except EspcapError as error:
        reason = with_hint(error.message, error.hint)
        click.echo(printable(f"note     sharkd: espcap show and the page cannot show packets: {reason}"))


def _tell_reader(program: Program) -> None:
    """Which reader is in use, and how to get the other; the slower one is no fault."""
    try:
        click.echo(printable(f"ok       reader: native, {_loaded_reader(program)}"))
    except EspcapError as error:
        reason = with_hint(error.message, error.hint)
        click.echo(printable(f"note     reader: tshark's JSON, several times slower: {reason}"))


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
    process = dissect(program, Settings(plugin=plugin), NO_INPUT, user, live=False)
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


def _node(options: StoreOptions, program: Program) -> str:
    store = open_named_store(options, open_registry(program))
    try:
        described = store.describe()
        store.check()
        return described
    finally:
        store.close()
