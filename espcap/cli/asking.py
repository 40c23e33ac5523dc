"""Asks on the terminal for the choices of a new protocol that no option has."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import click

from espcap.base.errors import UsageError, with_hint
from espcap.cli.options.creating import NewProtocolOptions
from espcap.new_protocol.choices import ROLES, Field, parse_condition, parse_field


def ask(options: NewProtocolOptions) -> NewProtocolOptions:
    """Returns the options, with an answer of the user in place of each one that has no value.

    Raises UsageError if a field of the options is not a field.
    """
    fields_of(options.field, options)
    for name, question, attributes in _questions():
        if getattr(options, name) in (None, ()) and _is_needed(name, options):
            options = replace(options, **{name: _answer(name, question, attributes, options)})
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


def _answer(name: str, question: str, attributes: dict[str, Any], options: NewProtocolOptions) -> Any:
    """Asks until the answer can be used."""
    if name == "field" or name in ROLES:
        attributes = attributes | {"value_proc": partial(_check, name, options)}
    answer = click.prompt(question, err=True, **attributes)
    if name == "field":
        return tuple(answer.split())
    return (answer,) if name == "port" else answer


def _check(name: str, options: NewProtocolOptions, answer: str) -> str:
    """Returns the answer. Raises click.UsageError, after which click asks again, if it cannot be used."""
    try:
        if name == "field":
            fields_of(answer.split(), options)
        elif answer:
            parse_condition(answer, fields_of(options.field, options))
    except UsageError as error:
        raise click.UsageError(with_hint(error.message, error.hint)) from error
    return answer


def fields_of(texts: Iterable[str], options: NewProtocolOptions) -> tuple[Field, ...]:
    """Returns the fields of these texts. Raises UsageError if one is not a field."""
    return tuple(parse_field(text, options.framing or "line") for text in texts)
