"""The command line: options, messages, the progress bar and exit codes. The only room that knows click and tqdm.

Rooms with much to import are imported by the commands that need them, so that `espcap --help` answers at once.
"""

import errno
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any

import click
from click.shell_completion import CompletionItem

import espcap
from espcap.base.errors import EspcapError, UsageError, shortened, with_hint
from espcap.cli import options, slips

_FULL = frozenset([errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
"""What ends printing into a file."""


@contextmanager
def failures_told() -> Iterator[None]:
    """Turns what can go wrong for a user's reason into one line and its exit code."""
    try:
        yield
    except EspcapError as error:
        from espcap.base.text import printable

        click.echo(printable(f"Error: {with_hint(error.message, error.hint)}"), err=True)
        sys.exit(2 if isinstance(error, UsageError) else 1)
    except BrokenPipeError:
        options.forget_standard_output()
        sys.exit(128 + 13)  # as if SIGPIPE had ended us: `espcap … | head` is no failure worth words
    except OSError as error:
        if error.filename or error.errno not in _FULL:
            raise
        options.forget_standard_output()
        click.echo(f"Error: cannot print: {error.strerror} (make room, or print elsewhere)", err=True)
        sys.exit(1)
    except KeyboardInterrupt:  # of a command that has nothing to finish
        sys.exit(128 + signal.SIGINT)


class _Group(click.Group):
    """Runs every command with its failures told. A file or folder in the place of a command is read; `-` is one."""

    command_class = slips.Command

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        """What follows the name of a file or folder are options again, as if `--file` or `--dir` stood before it."""
        try:
            return super().parse_args(context, self._with_options(context, args))
        except click.NoSuchOption as error:
            raise slips.explained(error, "main") from error

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
        """Raises UsageError with the nearest command if there is none of this name."""
        name = args[0]
        if name not in self.commands:
            nearest = get_close_matches(name, self.commands, n=1)
            hint = f"did you mean espcap {nearest[0]}?" if nearest else "espcap --help lists the commands"
            raise UsageError(f"{shortened(name)!r} is not a command, and there is no file or folder of this name", hint)
        return super().resolve_command(context, args)

    def shell_complete(self, context: click.Context, incomplete: str) -> list[CompletionItem]:
        """Commands and options that begin like this, or else files."""
        return super().shell_complete(context, incomplete) or [CompletionItem(incomplete, type="file")]

    def invoke(self, context: click.Context) -> Any:
        with failures_told():
            return super().invoke(context)


def _show_version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if not wanted or context.resilient_parsing:
        return
    from espcap.tshark.program import find_program

    click.echo(f"espcap {espcap.__version__}")
    try:
        click.echo(find_program().banner)
    except EspcapError as error:
        click.echo(error.message)
    context.exit()


@click.group(
    cls=_Group,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "ESPCAP", "max_content_width": 100},
)
@options.reading
@options.storing
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version, help="Print versions."
)
@click.pass_context
def main(context: click.Context, /, **values: Any) -> None:
    """Reads packets, dissects them with Wireshark's dissectors, and stores or prints each as one JSON document.

    Reads capture files (pcap and pcapng, also inside gzip, zstd or lz4), directories of them, standard input
    (--file -) or live interfaces. Prints to standard output, or stores with --node: host:port or a URL of an
    Elasticsearch, `local` for an index on this machine, or `local:DIR`.

    Every option can also be given in the environment: ESPCAP_NODE, ESPCAP_CHUNK, … Values of an option that repeats
    have a line each.
    """
    if context.invoked_subcommand is None:
        from espcap.cli.read import read

        context.exit(read(options.ReadOptions(**values)))


@main.command()
@slips.query
@options.connection
@options.searching
def search(**values: Any) -> None:
    """Finds packets: a table on a terminal, their documents as NDJSON in a pipe.

    QUERY is in Elasticsearch's query string syntax: `ip.src:10.0.0.4 AND protocol:http`, `source.port:[1 TO 1023]`,
    `dns.qry.name:*.example.com`, `_exists_:tls`, `NOT protocol:tcp`. Fields go by their name in display filters or by
    their path in documents (`layers.dns.qry_name`). A word without a field is looked for in protocols, addresses and
    ports, and by words in the texts of packets: Info, hosts, URIs, user agents, names, users, mail, files.

    FILTER is a Wireshark display filter: `ip.addr == 10.0.0.0/8 && tcp.flags.syn == 1`, `!(http.host contains
    "example")`. Packets must meet both it and QUERY. Its times are UTC unless they say otherwise. Given as QUERY, it is
    taken as one.
    """
    from espcap.cli.search import search as run

    sys.exit(run(options.SearchOptions(**values)))


@main.command()
@click.argument("packet", metavar="PACKET", shell_complete=options.FILES)
@click.argument("frame", metavar="[FRAME]", required=False, type=slips.Whole(1, 2**32 - 1))
@options.connection
@options.showing
def show(**values: Any) -> None:
    """Shows one packet as Wireshark does: the dissection tree and the bytes, from its capture.

    PACKET is FILE#NUMBER, as the table of espcap search has it: captures/a.pcap#12. Or it is the identifier of a
    document, capture_id and frame number: 4334bc937ba5d73351df2c626773ffad-12. Or it is a capture file, and FRAME the
    number of a packet there.
    """
    from espcap.cli.show import show as run

    run(options.ShowOptions(**values))


@main.command()
@slips.query
@options.connection
@options.extracting
def extract(**values: Any) -> None:
    """Writes the packets that match, as they are in their captures, to one capture.

    QUERY and FILTER are those of espcap search. Packets of one capture keep their order; several captures are merged by
    time. Packets whose capture is gone or has changed are counted and named, and the exit code is 3.
    """
    from espcap.cli.extract import extract as run

    sys.exit(run(options.ExtractOptions(**values)))


@main.command()
@slips.query
@options.connection
@options.summarizing
def stats(**values: Any) -> None:
    """Sums packets up: protocols, conversations, top talkers, names, and packets and bytes over time.

    QUERY and FILTER are those of espcap search. A terminal gets tables, a pipe one JSON object.
    """
    from espcap.cli.stats import stats as run

    sys.exit(run(options.StatsOptions(**values)))


@main.command()
@options.connection
@options.serving
def serve(**values: Any) -> None:
    """Serves a web page to search, look at packets, and index captures that are dropped on it.

    Prints the address of the page, with the token that it asks for. Elsewhere than on loopback it needs a certificate.
    """
    from espcap.cli.serve import serve as run

    run(options.ServeOptions(**values))


@main.command()
@click.argument("file", metavar="FILE", shell_complete=options.FILES)
@options.delivering
def retry(file: str, **values: Any) -> None:
    """Sends the documents of FILE again, which a store refused before (see --dead-letters).

    FILE stays as it is; what is refused again goes to a new file.
    """
    from espcap.cli.retry import retry as run

    sys.exit(run(options.DeliveryOptions(**values), file))


@main.command()
@options.connection
@click.option("--print", "print_template", is_flag=True, help="Print the index template instead of sending it.")
@click.option(
    "--keep", default="", metavar="AGE", help="Have the server delete indices of this age (30d, 4w), where it can."
)
@click.option(
    "--kibana",
    default="",
    metavar="URL",
    help="Import a data view and a dashboard of packets into this Kibana: host:port or a URL, /s/SPACE included.",
)
def setup(print_template: bool, keep: str, kibana: str, **values: Any) -> None:
    """Prepares a store: sends the index template to Elasticsearch, or makes the folder of a local index."""
    from espcap.cli.setup import setup as run

    run(options.StoreOptions(**values), print_template, keep, kibana)


@main.command()
@options.connection
@click.option(
    "--keep", default="", metavar="AGE", help="Delete days older than this, by the time in the packets: 30d, 4w."
)
@click.option(
    "--max-size", default="", metavar="SIZE", help="Delete the oldest days until the rest is no larger: 10GB."
)
@click.option(
    "--loaded-before",
    default="",
    metavar="AGE",
    help="Delete days into which nothing was loaded for this long: 30d, 4w. Elasticsearch counts from the first "
    "loading.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would be deleted.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def prune(keep: str, max_size: str, loaded_before: str, dry_run: bool, yes: bool, **values: Any) -> None:
    """Deletes whole days of packets, the oldest first, and prints their names.

    A day is that of the packets: --keep 30d deletes a capture of last year that was loaded yesterday. --loaded-before
    goes by the time of loading. Deleted days do not come back with the next --dir; --again loads them. On a terminal it
    asks before it deletes more than half of all packets; in a script, such as one of cron, it deletes what the options
    say.
    """
    from espcap.cli.prune import Choice
    from espcap.cli.prune import prune as run

    run(options.StoreOptions(**values), Choice.parse(keep, max_size, loaded_before), dry_run, yes)


@main.command()
@click.argument("capture", metavar="CAPTURE")
@options.connection
def forget(capture: str, **values: Any) -> None:
    """Deletes all packets of one capture, so that it can be loaded again.

    CAPTURE is a file, known by its content, or the capture_id of its documents.
    """
    from espcap.cli.forget import forget as run

    run(options.StoreOptions(**values), capture)


@main.command()
@options.connection
def doctor(**values: Any) -> None:
    """Checks what espcap needs: tshark, the right to capture, the cache, and the node if one is named."""
    from espcap.cli.doctor import doctor as run

    sys.exit(run(options.StoreOptions(**values)))
