"""Options of other programs, such as tshark, and what espcap has instead."""

from typing import Any, TypeVar

import click

_Command = TypeVar("_Command", bound=click.Command)

_OF_READING = {
    "-X": "--profile-dir names a folder whose plugins has your Lua scripts",
    "-w": "documents go to standard output, or to --node; espcap extract -w writes packets",
    "-T": "documents are printed as JSON lines",
    "-e": "documents have all fields",
    "-V": "espcap show prints the tree of a packet",
    "-x": "espcap show prints the bytes of a packet",
    "-n": "names of addresses are never looked up",
    "-R": "-Y is the display filter",
    "-C": "--profile-dir names a folder with a configuration",
}
_OF_ASKING = {
    "-X": _OF_READING["-X"],
    "-f": "stored packets are found by -Y, a display filter",
    "-e": "documents have all fields; --agg FIELD counts the values of one",
}
_LIMIT = "--size N is how many packets are printed"
_OF_SEARCH = _OF_ASKING | {
    **dict.fromkeys(("-c", "-n", "--count", "--limit"), _LIMIT),
    **dict.fromkeys(("--columns", "--fields"), _OF_ASKING["-e"]),
    "-w": "espcap extract -w writes the packets",
}
_INSTEAD = {"main": _OF_READING, "search": _OF_SEARCH, "stats": _OF_ASKING, "extract": _OF_ASKING, "show": _OF_ASKING}


class Command(click.Command):
    """A command that says what it has instead of an option of another program."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        """As click does. Raises NoSuchOption with the option to use."""
        try:
            return super().parse_args(context, args)
        except click.NoSuchOption as error:
            raise explained(error, str(self.name)) from error


def explained(error: click.NoSuchOption, command: str) -> click.NoSuchOption:
    """The same complaint with the option to use, if it is known."""
    if instead := _INSTEAD.get(command, {}).get(error.option_name):
        message = f"No such option '{error.option_name}': {instead}."
        return click.NoSuchOption(error.option_name, message, ctx=error.ctx)
    return error


class Whole(click.IntRange):
    """A whole number, called so in messages and in the help."""

    name = "whole number"


def in_one(context: click.Context, argument: click.Parameter, words: tuple[str, ...]) -> str:
    """Words that the shell has taken apart: `espcap search tcp.port == 80`."""
    return " ".join(words)


def query(command: Any) -> Any:
    """The argument QUERY, with quotes around it or without."""
    return click.argument("query", nargs=-1, metavar="[QUERY]", callback=in_one)(command)
