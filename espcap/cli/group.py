"""The command group: finds the command and its options on the command line."""

import os
from difflib import get_close_matches
from typing import Any

import click
from click.shell_completion import CompletionItem

from espcap.base.errors import UsageError, shortened
from espcap.cli import foreign_options
from espcap.cli.failures import failures_reported


class Group(click.Group):
    """The commands of espcap. A file, a folder or `-` (standard input) instead of a command is read.

    A failure is reported in one line.
    """

    command_class = foreign_options.Command

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        """Puts `--file` or `--dir` before each file or folder. Raises NoSuchOption with the option to use instead."""
        try:
            return super().parse_args(context, self._with_options(context, args))
        except click.NoSuchOption as error:
            raise foreign_options.explained(error, "main") from error

    def _with_options(self, context: click.Context, args: list[str]) -> list[str]:
        while not context.resilient_parsing:
            _, rest, _ = self.make_parser(context).parse_args(list(args))
            if not rest or rest[0] in self.commands or not (rest[0] == "-" or os.path.lexists(rest[0])):
                break
            before = [each for each in args[: len(args) - len(rest)] if each != "--"]
            args = [*before, "--dir" if os.path.isdir(rest[0]) else "--file", *rest]
        return args

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Raises UsageError, which names the most similar command, if there is no command of this name."""
        name = args[0]
        if name not in self.commands:
            nearest = get_close_matches(name, self.commands, n=1)
            hint = f"did you mean espcap {nearest[0]}?" if nearest else "espcap --help lists the commands"
            raise UsageError(f"{shortened(name)!r} is not a command, and there is no file or folder of this name", hint)
        return super().resolve_command(context, args)

    def shell_complete(self, context: click.Context, incomplete: str) -> list[CompletionItem]:
        """Completes commands and options, or files if none begins like this."""
        return super().shell_complete(context, incomplete) or [CompletionItem(incomplete, type="file")]

    def invoke(self, context: click.Context) -> Any:
        """Runs the command and reports its failure."""
        with failures_reported():
            return super().invoke(context)
