"""Options of other programs, such as tshark, that users try, with the options of espcap to use instead."""

import click

_READING = {
    "-X": "--profile-dir names a folder whose folder plugins contains your Lua scripts; or use --protocol-dir",
    "-w": "documents go to standard output, or to --node; espcap extract -w writes packets",
    "-T": "documents are printed as JSON lines",
    "-e": "documents contain all fields",
    "-V": "espcap show prints the tree of a packet",
    "-x": "espcap show prints the bytes of a packet",
    "-n": "names of addresses are never looked up",
    "-R": "-Y is the display filter",
    "-C": "--profile-dir names a folder with a configuration",
}
_QUERYING = {
    "-X": _READING["-X"],
    "-f": "stored packets are found by -Y, a display filter",
    "-e": "documents contain all fields; --agg FIELD counts the values of one",
}
_LIMIT = "--size N is the number of packets to print"
_SEARCH = _QUERYING | {
    **dict.fromkeys(("-c", "-n", "--count", "--limit"), _LIMIT),
    **dict.fromkeys(("--columns", "--fields"), _QUERYING["-e"]),
    "-w": "espcap extract -w writes the packets",
}
_EXPORT = _QUERYING | {
    "--sort": "packets are exported in the order of time; espcap search --sort prints them in another order",
    **dict.fromkeys(("-c", "-n", "--count", "--limit", "--size"), "all packets that match are exported"),
    **dict.fromkeys(("-e", "--fields"), "--columns names the fields"),
}
_INSTEAD = {
    "main": _READING,
    "search": _SEARCH,
    "stats": _QUERYING,
    "extract": _QUERYING,
    "export": _EXPORT,
    "show": _QUERYING,
}


class Command(click.Command):
    """A command whose error messages name the option to use instead of one of another program."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        """Parses as click does. Raises NoSuchOption with the option to use instead."""
        try:
            return super().parse_args(context, args)
        except click.NoSuchOption as error:
            raise explained(error, str(self.name)) from error


def explained(error: click.NoSuchOption, command: str) -> click.NoSuchOption:
    """Returns the error with the option to use instead, or the error unchanged if espcap has no such option."""
    if instead := _INSTEAD.get(command, {}).get(error.option_name):
        message = f"No such option '{error.option_name}': {instead}."
        return click.NoSuchOption(error.option_name, message, ctx=error.ctx)
    return error
