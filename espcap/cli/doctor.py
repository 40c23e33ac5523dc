"""The doctor command: what espcap needs, whether it is there, and what to do where it is not."""

from collections.abc import Callable
from functools import partial

import click

from espcap.cli.options import Connecting, open_named_store
from espcap.errors import EspcapError
from espcap.fields import open_registry, registry_path
from espcap.sources import printable
from espcap.tshark.program import Program, find_program
from espcap.tshark.rights import capture_right


def doctor(options: Connecting) -> int:
    """Runs the command; returns the exit code, 1 where something is missing."""
    try:
        program = find_program(options.tshark)
    except EspcapError as error:
        _tell_missing("tshark", error)
        return 1
    click.echo(f"ok       tshark: {program.banner}, {program.path}")
    results = [_passes("capture", partial(capture_right, program)), _passes("cache", partial(_cache, program))]
    if options.node:
        results.append(_passes("node", partial(_node, options, program)))
    return 0 if all(results) else 1


def _tell_missing(name: str, error: EspcapError) -> None:
    click.echo(printable(f"missing  {name}: {error.message}" + (f" ({error.hint})" if error.hint else "")))


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
        return store.describe()
    finally:
        store.close()
