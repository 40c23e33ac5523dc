"""The extract command: the packets that match, from their captures, as one capture."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import click

from espcap.cli.options import Extracting, forget_standard_output
from espcap.cli.search import open_reader, tell_why_nothing, wanted
from espcap.errors import EspcapError, UsageError
from espcap.extraction import Extraction, Missing
from espcap.originals import Originals
from espcap.selection import Selection, select
from espcap.sources import printable
from espcap.tshark.program import dissecting_user, find_program

PARTIAL = 3
"""The exit code where packets are missing."""


def extract(options: Extracting) -> int:
    """Runs the command and returns its exit code."""
    if options.write == "-" and sys.stdout.isatty():
        raise UsageError("a capture is nothing for a terminal", "name a file with -w, or pipe it on: | tshark -r -")
    program = find_program(options.tshark)
    missing: list[Missing] = []
    extraction = Extraction(program, dissecting_user(program), lambda one: _tell(one, missing))
    selections = _select(options)
    extraction.find(selections, Originals(options.dir), options.write)
    with _opened(options.write) as file:
        written = extraction.write(file)
    gone = sum(one.packets for one in missing)
    click.echo(f"{written:,} packets of {len(selections):,} captures extracted, {gone:,} missing", err=True)
    return PARTIAL if gone else 0


def _select(options: Extracting) -> list[Selection]:
    reader = open_reader(options)
    try:
        query = wanted(options, reader)
        selections = select(reader.store, query, options.flow)
        tell_why_nothing(reader, query, len(selections))
        return selections
    finally:
        reader.store.close()


def _tell(one: Missing, missing: list[Missing]) -> None:
    missing.append(one)
    click.echo(f"Error: {one.packets:,} packets are missing: {one.reason}", err=True)


@contextmanager
def _opened(name: str) -> Iterator[BinaryIO]:
    """The output; a regular file is there with all of its packets, or as it was before."""
    try:
        if name == "-":
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
        elif os.path.exists(name) and not os.path.isfile(name):
            with open(name, "wb") as file:
                yield file
        else:
            yield from _replaced(os.path.realpath(name))
    except BrokenPipeError:
        raise
    except OSError as error:
        if name == "-":
            forget_standard_output()
        raise EspcapError(
            f"cannot write {printable(name)}: {error.strerror}", "make room or name another -w"
        ) from error


def _replaced(path: str) -> Iterator[BinaryIO]:
    descriptor, unfinished = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".espcap-")
    try:
        with open(descriptor, "wb") as file:
            yield file
        os.replace(unfinished, path)
    except BaseException:
        os.unlink(unfinished)
        raise
