"""The command line: options, messages, the progress bar and exit codes. The only room that uses click and tqdm.

Each command imports the rooms that it needs when it runs, so that `espcap --help` is fast.
"""

import sys

import click

import espcap
from espcap.base.errors import EspcapError
from espcap.cli.group import Group
from espcap.cli.options.creating import NewProtocolOptions
from espcap.cli.options.declaring import with_options
from espcap.cli.options.querying import (
    AskOptions,
    ExportOptions,
    ExtractOptions,
    ListOptions,
    SearchOptions,
    ServeOptions,
    ShowOptions,
    StatsOptions,
)
from espcap.cli.options.reading import ReadOptions
from espcap.cli.options.storing import ForgetOptions, PruneOptions, RetryOptions, SetupOptions, StoreOptions


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
    cls=Group,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "ESPCAP", "max_content_width": 100},
)
@with_options(ReadOptions)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version, help="Print versions."
)
def main(options: ReadOptions) -> None:
    """Reads packets, dissects them with Wireshark's dissectors, and stores or prints each as one JSON document.

    Reads capture files (pcap and pcapng, also compressed with gzip, zstd or lz4), directories of them, standard input
    (--file -) or live interfaces. Prints documents to standard output, or stores them with --node: host:port or a URL
    of Elasticsearch, `local` for an index on this machine, or `local:DIR`.

    Every option can also be set by an environment variable: ESPCAP_NODE, ESPCAP_CHUNK, … Several values of a repeatable
    option are separated by line breaks.
    """
    context = click.get_current_context()
    if context.invoked_subcommand is None:
        from espcap.cli.read import read

        context.exit(read(options))


@main.command()
@with_options(SearchOptions)
def search(options: SearchOptions) -> None:
    """Finds packets and prints them: a table on a terminal, documents as NDJSON in a pipe.

    QUERY is in Elasticsearch's query string syntax: `ip.src:10.0.0.4 AND protocol:http`, `source.port:[1 TO 1023]`,
    `dns.qry.name:*.example.com`, `_exists_:tls`, `NOT protocol:tcp`. A field is named as in display filters or by its
    path in documents (`layers.dns.qry_name`). A word without a field is searched in protocols, addresses and ports, and
    in the words of texts: Info, hosts, URIs, user agents, names, users, mail, files.

    FILTER is a Wireshark display filter: `ip.addr == 10.0.0.0/8 && tcp.flags.syn == 1`, `!(http.host contains
    "example")`. Packets must match both FILTER and QUERY. Times in FILTER are UTC unless they name another zone. QUERY
    can also be a display filter.
    """
    from espcap.cli.search import search as run

    sys.exit(run(options))


@main.command()
@with_options(ListOptions)
def flows(options: ListOptions) -> None:
    """Finds flows and prints them, as espcap search does. They are made with --types packets,flows.

    A field of QUERY and FILTER is named by its path: `source.ip`, `tcp.state`, `network.bytes`.
    """
    from espcap.cli.search import search_type
    from espcap.documents.types import FLOWS

    sys.exit(search_type(options, FLOWS))


@main.command()
@with_options(ListOptions)
def transactions(options: ListOptions) -> None:
    """Finds requests with their answers and prints them, as espcap search does.

    They are made with --types packets,transactions. A field of QUERY and FILTER is named by its path: `type`, `status`,
    `event.duration`, `http.response.status_code`.
    """
    from espcap.cli.search import search_type
    from espcap.documents.types import TRANSACTIONS

    sys.exit(search_type(options, TRANSACTIONS))


@main.command()
@with_options(AskOptions)
def ask(options: AskOptions) -> None:
    """Answers a named question, or lists all questions.

    Questions are queries with columns: credentials in clear text, files, failed logins, errors, slow requests, resets.
    Most of them need flows or transactions (--types).
    """
    from espcap.cli.ask import ask as run

    run(options)


@main.command()
@with_options(ShowOptions)
def show(options: ShowOptions) -> None:
    """Shows one packet as Wireshark does: the dissection tree and the bytes, from its capture.

    PACKET is FILE#NUMBER, as in the table of espcap search: captures/a.pcap#12. Or it is the identifier of a document,
    capture_id and frame number: 4334bc937ba5d73351df2c626773ffad-12. Or it is a capture file, and FRAME is the number
    of a packet in it.
    """
    from espcap.cli.show import show as run

    run(options)


@main.command()
@with_options(ExtractOptions)
def extract(options: ExtractOptions) -> None:
    """Writes the packets that match, unchanged, from their captures to one capture.

    QUERY and FILTER are those of espcap search. Packets of one capture keep their order; several captures are merged by
    time. If a capture is missing or has changed, its packets are counted and reported, and the exit code is 3.
    """
    from espcap.cli.extract import extract as run

    sys.exit(run(options))


@main.command()
@with_options(ExportOptions)
def export(options: ExportOptions) -> None:
    """Writes the packets that match as a table, Parquet or CSV, or as documents, NDJSON.

    QUERY and FILTER are those of espcap search. Packets are in the order of time. In Parquet, columns have the types of
    their fields, and a field that a packet has several times is a list. In CSV, several values are separated by commas,
    and a text that a spreadsheet would run as a formula begins with a quote.
    """
    from espcap.cli.export import export as run

    sys.exit(run(options))


@main.command()
@with_options(StatsOptions)
def stats(options: StatsOptions) -> None:
    """Summarizes packets: protocols, conversations, top talkers, names, and packets and bytes over time.

    QUERY and FILTER are those of espcap search. Prints tables on a terminal, and one JSON object in a pipe. With --type
    transactions: services with their errors and response times, the slowest requests, and the most frequent failures.
    With --type flows: the largest flows.
    """
    from espcap.cli.stats import stats as run

    sys.exit(run(options))


@main.command()
@with_options(ServeOptions)
def serve(options: ServeOptions) -> None:
    """Serves a web page to search, look at packets, and index captures that are dropped on it.

    Prints the address of the page, which contains the token that the page requires. To listen on other addresses than
    loopback, give --certificate or --without-tls.
    """
    from espcap.cli.serve import serve as run

    run(options)


@main.command()
@with_options(RetryOptions)
def retry(options: RetryOptions) -> None:
    """Sends again the documents of FILE, which a store rejected before (see --dead-letters).

    FILE is not changed. Documents that are rejected again are written to a new file.
    """
    from espcap.cli.retry import retry as run

    sys.exit(run(options))


@main.command()
@with_options(SetupOptions)
def setup(options: SetupOptions) -> None:
    """Prepares a store: sends the index template to Elasticsearch, or makes the folder of a local index."""
    from espcap.cli.setup import setup as run

    run(options)


@main.command()
@with_options(PruneOptions)
def prune(options: PruneOptions) -> None:
    """Deletes whole days of packets, the oldest first, and prints their names.

    A packet belongs to the day of its own time: --keep 30d deletes a capture of last year that was loaded yesterday.
    --loaded-before uses the time of loading. Captures of deleted days are not loaded again by the next --dir, unless
    --again is given. On a terminal, the command asks before it deletes more than half of all packets; in a script, for
    example from cron, it does not ask.
    """
    from espcap.cli.prune import prune as run

    run(options)


@main.command()
@with_options(ForgetOptions)
def forget(options: ForgetOptions) -> None:
    """Deletes all packets of one capture, so that it can be loaded again.

    CAPTURE is a file, recognized by its content, or the capture_id of its documents.
    """
    from espcap.cli.forget import forget as run

    run(options)


@main.command()
@with_options(NewProtocolOptions)
def new_protocol(options: NewProtocolOptions) -> None:
    """Makes a folder for a protocol of your own: a dissector, a client and a server, and what belongs to them.

    The folder has a dissector for Wireshark in Lua, a declaration of requests and answers, a client and a server in
    Python, a capture of them, tests that pass, and a page on what to edit. --protocol-dir DIR of the commands that
    read captures uses it. On a terminal, the command asks for what no option says.
    """
    from espcap.cli.new_protocol import new_protocol as run

    run(options)


@main.command()
@with_options(StoreOptions)
def doctor(options: StoreOptions) -> None:
    """Checks what espcap needs: tshark, the right to capture, the cache, and the node if one is named."""
    from espcap.cli.doctor import doctor as run

    sys.exit(run(options))
