"""The ask command: answers named questions, or lists them."""

import sys
from difflib import get_close_matches
from typing import Any

import click
import orjson

from espcap.base.errors import UsageError
from espcap.base.text import printable, without_controls
from espcap.cli.options.querying import AskOptions
from espcap.cli.search import open_searcher
from espcap.cli.table import show_table
from espcap.query import Query
from espcap.query.time_range import read_time_range
from espcap.searches.no_packets import explain_no_packets
from espcap.searches.questions import Question, questions
from espcap.searches.searcher import Searcher


def ask(options: AskOptions) -> None:
    """Runs the command."""
    known = questions(options.questions)
    if not options.name:
        _list(known)
        return
    if options.name not in known:
        nearest = get_close_matches(options.name, known, n=1)
        hint = f"did you mean {nearest[0]}?" if nearest else "espcap ask lists them"
        raise UsageError(f"there is no question {printable(options.name)}", hint)
    _answer(known[options.name], options)


def _list(known: dict[str, Question]) -> None:
    if sys.stdout.isatty():
        show_table(["question", "documents", "about"], [[name, each.type, each.about] for name, each in known.items()])
    else:
        for name, each in known.items():
            click.echo(orjson.dumps({"question": name, "type": each.type, "about": each.about}))


def _answer(question: Question, options: AskOptions) -> None:
    searcher = open_searcher(options, question.of)
    try:
        times = read_time_range(options.since, options.until)
        rows, total = question.answer(searcher, times, options.size)
        if not rows:
            click.echo(f"Note: {printable(_why_nothing(searcher, question, times))}", err=True)
    finally:
        searcher.store.close()
    if sys.stdout.isatty():
        show_table(question.columns, [[_text(cell) for cell in row] for row in rows])
        click.echo(f"{len(rows):,} of {total:,} {question.answers}", err=True)
    else:
        for row in rows:
            click.echo(without_controls(orjson.dumps(dict(zip(question.columns, row, strict=True)))))


def _why_nothing(searcher: Searcher, question: Question, times: Query) -> str:
    if question.group and searcher.store.search(times, size=0).total:
        return f"no {question.answers} are at regular intervals"
    return explain_no_packets(searcher.store, times, question.of)


def _text(cell: Any) -> str:
    return ", ".join(map(str, cell)) if isinstance(cell, list) else "" if cell is None else str(cell)
