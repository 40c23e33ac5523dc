"""Fields of dataclasses that are options of commands: each option is declared once, as a field."""

import os
import re
from collections.abc import Callable
from dataclasses import field, fields
from functools import partial, wraps
from pathlib import Path
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from espcap.base.errors import UsageError
from espcap.base.sizes import parse_size
from espcap.documents.types import DocumentType, types_named
from espcap.live.spool import SMALLEST_SPOOL

_Options = TypeVar("_Options")
_Result = TypeVar("_Result")


class _Lines(click.types.StringParamType):
    """Values of a repeatable option. In an environment variable each is on its own line, as names may have blanks."""

    def split_envvar_value(self, rv: str) -> list[str]:
        return [line for line in rv.splitlines() if line.strip()]


class Whole(click.IntRange):
    """A whole number. Messages and the help call it so, not "integer"."""

    name = "whole number"


_OF_TYPES: dict[Any, dict[str, Any]] = {
    bool: {"is_flag": True},
    tuple[str, ...]: {"multiple": True, "type": _Lines()},
    Path | None: {"type": click.Path(path_type=Path)},
}
"""Attributes of click.option that follow from the type of the field."""


def option(*names: str, **attributes: Any) -> Any:
    """Returns a dataclass field that `with_options` makes an option of a command.

    `names` are those on the command line, `attributes` those of click.option that do not follow from the field's type.
    """
    return field(metadata={"declare": partial(click.option, *names, **attributes)})


def shared_option(name: str, **attributes: Any) -> Any:
    """As `option`, with one environment variable for all commands.

    By itself, click reads ESPCAP_SEARCH_NODE for `espcap search --node`; users set ESPCAP_NODE.
    """
    return option(name, envvar=f"ESPCAP_{name[2:].upper().replace('-', '_')}", **attributes)


def argument(**attributes: Any) -> Any:
    """Returns a dataclass field that `with_options` makes an argument; `attributes` are those of click.argument."""
    return field(metadata={"declare": partial(click.argument, **attributes)})


def with_options(options_class: type[_Options]) -> Callable[[Callable[[_Options], _Result]], Callable[..., _Result]]:
    """Declares the fields of a dataclass as the options and arguments of a command, which gets an instance of it.

    The help lists them in the order of the fields. Fields of base classes come first, those of the last base before
    those of the others.
    """

    def decorate(command: Callable[[_Options], _Result]) -> Callable[..., _Result]:
        @wraps(command)
        def with_values(**values: Any) -> _Result:
            return command(options_class(**values))

        declared: Callable[..., _Result] = with_values
        for each in reversed(fields(options_class)):  # type: ignore[arg-type]  # any dataclass
            declared = each.metadata["declare"](each.name, **_OF_TYPES.get(each.type, {}))(declared)
        return declared

    return decorate


def _completing(kind: str) -> Callable[[click.Context, click.Parameter, str], list[CompletionItem]]:
    """Returns a completion of names by the shell: of files (`file`) or folders (`dir`)."""
    return lambda context, parameter, typed: [CompletionItem(typed, type=kind)]


FILES, FOLDERS = _completing("file"), _completing("dir")


def absolute_path(context: click.Context, parameter: click.Parameter, folder: str) -> str:
    """Returns the absolute path of a folder; empty if the option is not given."""
    return os.path.abspath(folder) if folder else ""


def joined_words(context: click.Context, parameter: click.Parameter, words: tuple[str, ...]) -> str:
    """Returns the words of an argument that the shell has split, such as `tcp.port == 80`, as one text."""
    return " ".join(words)


def disk_space(context: click.Context, parameter: click.Parameter, text: str | None) -> int | None:
    """Returns the bytes of `500MB` or `20GB`; None without a value.

    Raises click.BadParameter if the text is not a size, or if it is smaller than the smallest spool.
    """
    if not text:
        return None
    try:
        size = parse_size(text)
    except UsageError:
        size = 0
    if size < SMALLEST_SPOOL:
        raise click.BadParameter(f"{text!r} is not a size of at least {SMALLEST_SPOOL:,} bytes, such as 500MB or 20GB")
    return size


def duration(context: click.Context, parameter: click.Parameter, text: str | None) -> float:
    """Returns the seconds of `90s`, `30m`, `12h`, `7d` or `4w`; 0 without a value.

    Raises click.BadParameter if the text is not a duration.
    """
    if not text:
        return 0.0
    match = re.fullmatch(r"(\d{1,6})([smhdw])", text)
    if not match or not int(match[1]):
        raise click.BadParameter(f"{text!r} is not a duration such as 30m, 12h, 7d or 4w")
    return int(match[1]) * {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}[match[2]]


def document_types(context: click.Context, parameter: click.Parameter, text: str) -> tuple[DocumentType, ...]:
    """Returns the types of `packets,flows,transactions`. Raises UsageError if one does not exist, or without names."""
    return types_named(text.split(","))
