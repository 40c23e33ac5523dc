"""Asks on the terminal for the choices of a new protocol that no option has."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import click

from espcap.cli.options.creating import NewProtocolOptions


def ask(options: NewProtocolOptions) -> NewProtocolOptions:
    """Returns the options, with an answer of the user in place of each one that has no value."""
    for name, question, attributes in _questions():
        if getattr(options, name) in (None, ()) and _is_needed(name, options):
            options = replace(options, **{name: _answer(name, question, attributes)})
    return options


def _questions() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yields the name of an option, the question, and how to ask it."""
    yield "transport", "Transport", {"type": click.Choice(["tcp", "udp"]), "default": "tcp"}
    yield "port", "Port of the server", {"type": click.IntRange(1, 65_535)}
    yield "framing", "Where a message ends", {"type": click.Choice(["line", "length", "fixed"]), "default": "line"}
    yield "length_offset", "Byte at which the length begins", {"type": click.IntRange(0, 1000), "default": 0}
    yield "length_size", "Bytes of the length", {"type": click.Choice(["1", "2", "4"]), "default": "2"}
    yield "length_counts", "What the length counts", {"type": click.Choice(["rest", "all"]), "default": "rest"}
    yield "size", "Bytes of each message", {"type": click.IntRange(1, 65_000)}
    yield "endian", "Byte order of numbers", {"type": click.Choice(["big", "little"]), "default": "big"}
    yield "field", "Fields, NAME:TYPE, with spaces between them", {"default": "text:string"}
    yield "request", "Requests: a first character, FIELD=VALUE, or nothing for those to the server", _MAY_BE_EMPTY
    yield "response", "Answers: the same, or nothing for all others", _MAY_BE_EMPTY
    yield "error", "Answers that report an error: the same, or nothing for none", _MAY_BE_EMPTY
    yield "match", "A field with the same value in a request and its answer, or order", {"default": "order"}


_MAY_BE_EMPTY = {"default": "", "show_default": False}
_ONLY_WITH = {"length_offset": ["length"], "length_size": ["length"], "length_counts": ["length"], "size": ["fixed"]}
_ONLY_WITH["endian"] = ["length", "fixed"]


def _is_needed(name: str, options: NewProtocolOptions) -> bool:
    return name not in _ONLY_WITH or options.framing in _ONLY_WITH[name]


def _answer(name: str, question: str, attributes: dict[str, Any]) -> Any:
    answer = click.prompt(question, err=True, **attributes)
    if name == "field":
        return tuple(answer.split())
    return (answer,) if name == "port" else answer
