"""Options of commands that search a store or show its packets."""

from dataclasses import dataclass
from pathlib import Path

import click

from espcap.cli.options.declaring import FILES, FOLDERS, Whole, argument, joined_words, option
from espcap.cli.options.dissecting import DissectingOptions, FilterOptions, OriginalsOptions
from espcap.cli.options.storing import StoreOptions
from espcap.documents.types import TYPES


@dataclass(frozen=True)
class ConditionOptions(FilterOptions):
    """Conditions on stored packets. A packet must meet all of them."""

    query: str = argument(nargs=-1, metavar="[QUERY]", callback=joined_words)
    since: str = option(
        "--since",
        default="",
        metavar="TIME",
        help="Packets from this time on: 2024-05-01, 2024-05-01T10:30 (UTC, or with +02:00), 1h, 7d, now-30m, today, "
        "yesterday.",
    )
    until: str = option("--until", default="", metavar="TIME", help="Packets before this time.")
    captures: bool = option(
        "--captures",
        help="Let tshark also filter the captures, for filters that need more than documents contain: frame contains, "
        "slices, functions.",
    )


@dataclass(frozen=True)
class QueryOptions(DissectingOptions, OriginalsOptions, ConditionOptions, StoreOptions):
    """Options of all commands that search a store."""


@dataclass(frozen=True)
class TypeOptions:
    """The type of the documents that a command asks for."""

    type: str = option(
        "--type",
        default="packets",
        show_default=True,
        type=click.Choice([each.name for each in TYPES]),
        help="Documents to search.",
    )


@dataclass(frozen=True)
class ListOptions(QueryOptions):
    """Options of commands that print documents."""

    agg: str | None = option(
        "--agg",
        metavar="FIELD",
        help="Count documents by the values of this field instead of printing them.",
    )
    sort: str = option(
        "--sort",
        default="@timestamp",
        show_default=True,
        metavar="FIELD",
        help="Sort by this field; -FIELD sorts in descending order.",
    )
    size: int = option(
        "--size",
        default=10,
        show_default=True,
        metavar="N",
        type=Whole(0),
        help="Number of documents to print, or of values with --agg.",
    )
    start: int = option(
        "--from", default=0, show_default=True, metavar="N", type=Whole(0), help="Skip the first N documents."
    )


@dataclass(frozen=True)
class SearchOptions(TypeOptions, ListOptions):
    """Options of espcap search."""


@dataclass(frozen=True)
class AskOptions(StoreOptions):
    """Options of espcap ask."""

    name: str = argument(metavar="[QUESTION]", default="", required=False)
    questions: tuple[str, ...] = option(
        "--questions", metavar="DIR", shell_complete=FOLDERS, help="Folder with further questions. Repeatable."
    )
    since: str = option("--since", default="", metavar="TIME", help="Documents from this time on.")
    until: str = option("--until", default="", metavar="TIME", help="Documents before this time.")
    size: int = option(
        "--size", default=20, show_default=True, metavar="N", type=Whole(1), help="Number of documents to print."
    )


def _file_to_write(text: str) -> str:
    """Returns the option for a file to write, with this help text."""
    declared: str = option("-w", "--write", required=True, metavar="FILE", shell_complete=FILES, help=text)
    return declared


@dataclass(frozen=True)
class ExtractOptions(QueryOptions):
    """Options of espcap extract."""

    write: str = _file_to_write("File to write the packets to, as pcapng; - is standard output.")
    force: bool = option("--force", help="Overwrite an existing file.")
    flow: bool = option(
        "--flow",
        help="Extract all packets of the conversations found: those with the same community IDs, and their fragments.",
    )
    flow_id: str = option(
        "--flow-id",
        default="",
        metavar="ID",
        help="Extract the packets of a stored flow, by its flow.id. QUERY and filters cannot be used with it.",
    )
    transaction: str = option(
        "--transaction",
        default="",
        metavar="ID",
        help="Extract the packets of a stored transaction, by its event.id: those of the request and of the answer, "
        "and those from which they were reassembled. With --flow, all packets of its conversation.",
    )


@dataclass(frozen=True)
class ExportOptions(TypeOptions, QueryOptions):
    """Options of espcap export."""

    write: str = _file_to_write(
        "File to write; its ending is the format: .parquet, .csv or .ndjson. - is standard output."
    )
    format: str | None = option(
        "--format",
        type=click.Choice(["parquet", "csv", "ndjson"]),
        help="Format of the file.  [default: its ending; ndjson for standard output]",
    )
    columns: str = option(
        "--columns",
        default="",
        metavar="FIELDS",
        help="Fields to write to Parquet or CSV, separated by commas.  [default: those of the packet list]",
    )
    force: bool = option("--force", help="Overwrite an existing file.")


@dataclass(frozen=True)
class StatsOptions(TypeOptions, QueryOptions):
    """Options of espcap stats."""

    size: int = option(
        "--size",
        default=10,
        show_default=True,
        metavar="N",
        type=Whole(1, 1000),
        help="Number of lines in each table.",
    )
    field: str = option(
        "--field",
        default="",
        metavar="FIELD",
        help="Measure the numbers of this field instead: count, minimum, mean, percentiles (50, 95, 99) and maximum.",
    )
    by: str = option("--by", default="", metavar="FIELD", help="With --field, measure by the values of this field.")
    csv: bool = option("--csv", help="With --field, print CSV.")
    json: bool = option("--json", help="Print one JSON object, also on a terminal.")


@dataclass(frozen=True)
class ShowOptions(DissectingOptions, OriginalsOptions, StoreOptions):
    """Options of espcap show."""

    packet: str = argument(metavar="PACKET", shell_complete=FILES)
    frame: int | None = argument(metavar="[FRAME]", required=False, type=Whole(1, 2**32 - 1))
    json: bool = option("--json", help="Print the tree and the bytes as one JSON object.")


@dataclass(frozen=True)
class ServeOptions(DissectingOptions, OriginalsOptions, StoreOptions):
    """Options of espcap serve."""

    listen: str = option(
        "--listen",
        default="127.0.0.1:8477",
        show_default=True,
        metavar="HOST:PORT",
        help="Address to listen on; port 0 is any free port.",
    )
    certificate: Path | None = option("--certificate", metavar="FILE", help="Serve HTTPS with this certificate, PEM.")
    key: Path | None = option(
        "--key", metavar="FILE", help="Private key of the certificate, if the certificate's file does not contain it."
    )
    without_tls: bool = option(
        "--without-tls", help="Allow other addresses than loopback without TLS; others could read the traffic."
    )
