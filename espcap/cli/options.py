"""The options of the commands, in groups, and their values as the commands get them."""

import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

from espcap.base.errors import UsageError
from espcap.base.sizes import parse_size
from espcap.cli.slips import Whole
from espcap.live.spool import SMALLEST_SPOOL

if TYPE_CHECKING:
    from espcap.fields.registry import Registry
    from espcap.ingest.dead_letters import DeadLetters
    from espcap.stores import Store

_Command = TypeVar("_Command", bound=Callable[..., Any])


class _Texts(click.types.StringParamType):
    """Values of an option that repeats. In the environment each has a line of its own: a name may have blanks."""

    def split_envvar_value(self, rv: str) -> list[str]:
        return [line for line in rv.splitlines() if line.strip()]


@dataclass(frozen=True)
class StoreOptions:
    """Values of `connection`."""

    node: tuple[str, ...]
    ca_cert: Path | None
    fingerprint: str | None
    no_verify: bool
    user: str | None
    password_file: Path | None
    api_key_file: Path | None
    tshark: str


@dataclass(frozen=True)
class DeliveryOptions(StoreOptions):
    """Values of `delivering`."""

    chunk: int
    give_up_after: float | None
    dead_letters: Path | None
    json_report: Path | None


@dataclass(frozen=True)
class ReadOptions(DeliveryOptions):
    """Values of `reading` and `storing`."""

    file: tuple[str, ...]
    dir: tuple[str, ...]
    nic: tuple[str, ...]
    bpf: str
    count: int
    list: bool
    display_filter: str
    decode_as: tuple[str, ...]
    preference: tuple[str, ...]
    profile_dir: str
    protocols: str
    payload: bool
    pretty: bool
    jobs: int | None
    stall_timeout: float
    spool: Path | None
    spool_size: int
    keep_captures: int | None
    keep_captures_for: float
    stats_interval: float
    again: bool
    watch: bool
    settle: float


@dataclass(frozen=True)
class ShowOptions(StoreOptions):
    """Values of `connection` and `showing`."""

    packet: str
    frame: int | None
    dir: tuple[str, ...]
    decode_as: tuple[str, ...]
    preference: tuple[str, ...]
    profile_dir: str
    json: bool


@dataclass(frozen=True)
class ServeOptions(StoreOptions):
    """Values of `connection` and `serving`."""

    listen: str
    certificate: Path | None
    key: Path | None
    without_tls: bool
    dir: tuple[str, ...]
    decode_as: tuple[str, ...]
    preference: tuple[str, ...]
    profile_dir: str


@dataclass(frozen=True)
class QueryOptions(StoreOptions):
    """Values of `connection` and `narrowing`."""

    query: str
    display_filter: str
    since: str
    until: str
    captures: bool
    dir: tuple[str, ...]
    decode_as: tuple[str, ...]
    preference: tuple[str, ...]
    profile_dir: str


@dataclass(frozen=True)
class ExtractOptions(QueryOptions):
    """Values of `extracting`."""

    write: str
    force: bool
    flow: bool


@dataclass(frozen=True)
class StatsOptions(QueryOptions):
    """Values of `summarizing`."""

    size: int
    json: bool


@dataclass(frozen=True)
class SearchOptions(QueryOptions):
    """Values of `searching`."""

    agg: str
    sort: str
    size: int
    start: int


def parse_disk_space(text: str) -> int:
    """Returns the bytes of a size that a folder of packets may take: `500MB`, `20GB`.

    Raises click.BadParameter if the text is not a size, or if it is smaller than the smallest spool.
    """
    try:
        size = parse_size(text)
    except UsageError:
        size = 0
    if size < SMALLEST_SPOOL:
        raise click.BadParameter(f"{text!r} is not a size of at least {SMALLEST_SPOOL:,} bytes, such as 500MB or 20GB")
    return size


def parse_duration(text: str) -> float:
    """Seconds of `90s`, `30m`, `12h`, `7d` or `4w`. Raises click.BadParameter."""
    match = re.fullmatch(r"(\d{1,6})([smhdw])", text)
    if not match or not int(match[1]):
        raise click.BadParameter(f"{text!r} is not a duration such as 30m, 12h, 7d or 4w")
    return int(match[1]) * {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}[match[2]]


def _completing(kind: str) -> Callable[[click.Context, click.Parameter, str], list[CompletionItem]]:
    """Has the shell complete names of files (`file`) or folders (`dir`)."""
    return lambda context, option, typed: [CompletionItem(typed, type=kind)]


FILES, _FOLDERS = _completing("file"), _completing("dir")


def _all_of(*decorators: Callable[[_Command], _Command]) -> Callable[[_Command], _Command]:
    def decorate(command: _Command) -> _Command:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


_FILE = click.Path(path_type=Path)


def _shared(name: str, **attributes: Any) -> Callable[[_Command], _Command]:
    """An option of all commands: click would look for ESPCAP_SEARCH_NODE where users set ESPCAP_NODE."""
    return click.option(name, envvar=f"ESPCAP_{name[2:].upper().replace('-', '_')}", **attributes)


connection = _all_of(
    _shared(
        "--node",
        multiple=True,
        type=_Texts(),
        metavar="NODE",
        help="Where documents are: host:port or URL of an Elasticsearch (repeat for more), local, or local:DIR.",
    ),
    _shared("--ca-cert", type=_FILE, metavar="FILE", help="Certificate authority of the node, PEM."),
    _shared("--fingerprint", metavar="SHA256", help="Fingerprint of the node's certificate."),
    _shared("--no-verify", is_flag=True, help="Do not check the node's certificate. Anybody can then be the node."),
    _shared("--user", metavar="NAME", help="User of the node; the password is read from ESPCAP_PASSWORD."),
    _shared("--password-file", type=_FILE, metavar="FILE", help="File that holds the password."),
    _shared("--api-key-file", type=_FILE, metavar="FILE", help="File that holds an API key; or set ESPCAP_API_KEY."),
    _shared(
        "--tshark",
        default="",
        metavar="PATH",
        shell_complete=FILES,
        help="The tshark to use.  [default: the one on the PATH]",
    ),
)

_display_filter = click.option(
    "-Y", "--display-filter", default="", metavar="FILTER", help="Only packets that pass this display filter."
)
_decode_as = click.option(
    "-d",
    "--decode-as",
    multiple=True,
    type=_Texts(),
    metavar="RULE",
    help="Decode as, in tshark's words: tcp.port==88,http.",
)
_preferences = _all_of(
    click.option(
        "-o",
        "--preference",
        multiple=True,
        type=_Texts(),
        metavar="NAME:VALUE",
        help="Wireshark preference, e.g. tls.keylog_file:keys.",
    ),
    click.option(
        "--profile-dir",
        default="",
        metavar="DIR",
        callback=lambda context, option, folder: os.path.abspath(folder) if folder else "",
        shell_complete=_FOLDERS,
        help="Wireshark configuration folder, with your dissectors in its folder plugins. By default tshark sees none.",
    ),
)

reading = _all_of(
    click.option(
        "-r",
        "--file",
        multiple=True,
        type=_Texts(),
        metavar="FILE",
        shell_complete=FILES,
        help="Capture file; - is standard input. Repeatable.",
    ),
    click.option(
        "--dir",
        multiple=True,
        type=_Texts(),
        metavar="DIR",
        shell_complete=_FOLDERS,
        help="Directory of capture files, with all below. Repeatable.",
    ),
    click.option("--watch", is_flag=True, help="Keep following the directories of --dir until SIGINT or SIGTERM."),
    click.option(
        "--settle",
        default=5.0,
        show_default=True,
        metavar="SECONDS",
        type=click.FloatRange(0),
        help="With --watch: read a file when it has not changed for this long.",
    ),
    click.option(
        "-i", "--nic", multiple=True, type=_Texts(), metavar="NAME", help="Interface to capture on. Repeatable."
    ),
    click.option("-f", "--bpf", default="", metavar="FILTER", help="Capture filter for interfaces (man pcap-filter)."),
    click.option(
        "-c", "--count", default=0, metavar="N", type=Whole(0), help="Stop after N packets of each source; 0 reads all."
    ),
    click.option("-D", "--list", is_flag=True, help="List the interfaces and exit."),
    _display_filter,
    _decode_as,
    _preferences,
    click.option(
        "--protocols",
        default="",
        metavar="FILE",
        shell_complete=FILES,
        help="List of the protocols that name a packet.",
    ),
    click.option("--payload", is_flag=True, help="Keep byte fields longer than 64 bytes and reassembled data."),
    click.option(
        "--jobs",
        metavar="N",
        type=Whole(1, 64),
        help="How many files of a directory are dissected at once.  [default: one for each core]",
    ),
    click.option(
        "--stall-timeout",
        default=60.0,
        show_default=True,
        metavar="SECONDS",
        type=click.FloatRange(0),
        help="Give up a file when tshark prints nothing for this long; 0 is never.",
    ),
    click.option(
        "--spool",
        type=_FILE,
        shell_complete=_FOLDERS,
        metavar="DIR",
        help="Where live packets wait for the store.  [default: ~/.local/state/espcap/spool]",
    ),
    click.option(
        "--spool-size",
        default="1GB",
        show_default=True,
        metavar="SIZE",
        callback=lambda context, option, value: parse_disk_space(value),
        help="How much the spool may hold of one capture: 500MB, 20GB.",
    ),
    click.option(
        "--keep-captures",
        metavar="SIZE",
        callback=lambda context, option, value: parse_disk_space(value) if value else None,
        help="Keep captured packets in files, for show, extract and the page. When all files together are larger than "
        "this, the oldest are deleted.",
    ),
    click.option(
        "--keep-captures-for",
        metavar="DURATION",
        callback=lambda context, option, value: parse_duration(value) if value else 0.0,
        help="With --keep-captures: delete files also when their packets are older than this: 12h, 7d.",
    ),
    click.option(
        "--stats-interval",
        default=60.0,
        show_default=True,
        metavar="SECONDS",
        type=click.FloatRange(0),
        help="How often the counts of a live capture are printed; 0 is never.",
    ),
)

delivering = _all_of(
    connection,
    click.option(
        "--chunk",
        default=1000,
        show_default=True,
        metavar="N",
        type=Whole(1),
        help="Documents stored at a time.",
    ),
    click.option(
        "--give-up-after",
        metavar="SECONDS",
        type=click.FloatRange(0),
        help="How long to wait for an Elasticsearch that is down or busy before the run fails; inf is without end. If "
        "this is given, files also wait for a node that is down at the start.  [default: 300 for files, inf for live "
        "captures and pipes]",
    ),
    click.option(
        "--dead-letters",
        type=_FILE,
        metavar="FILE",
        help="Append documents that the store refuses to this file.  [default: a new file in "
        "~/.local/state/espcap/dead-letters]",
    ),
    click.option("--json-report", type=_FILE, metavar="FILE", help="Write the account as JSON."),
)

storing = _all_of(
    delivering,
    click.option(
        "--again", is_flag=True, help="Read also files that the node already has in full. No packet is stored twice."
    ),
    click.option("--pretty", is_flag=True, help="Print documents as indented JSON, also on a terminal."),
)

originals = click.option(
    "--dir",
    multiple=True,
    type=_Texts(),
    metavar="DIR",
    shell_complete=_FOLDERS,
    help="Directory that has the captures now, when they have moved; they are known by their content. Repeatable.",
)

dissecting = _all_of(
    originals,
    _decode_as,
    _preferences,
)

showing = _all_of(
    dissecting,
    click.option("--json", is_flag=True, help="Print the tree and the bytes as one JSON object."),
)

serving = _all_of(
    click.option(
        "--listen",
        default="127.0.0.1:8477",
        show_default=True,
        metavar="HOST:PORT",
        help="Where to listen; port 0 is any that is free.",
    ),
    click.option("--certificate", type=_FILE, metavar="FILE", help="Serve by TLS, with this certificate, PEM."),
    click.option("--key", type=_FILE, metavar="FILE", help="Its key, if the certificate's file has none."),
    click.option(
        "--without-tls", is_flag=True, help="Listen elsewhere than on loopback in the clear: all can read along."
    ),
    dissecting,
)

narrowing = _all_of(
    _display_filter,
    click.option(
        "--since",
        default="",
        metavar="TIME",
        help="Packets from this time on: 2024-05-01, 2024-05-01T10:30 (UTC, or with +02:00), 1h, 7d, now-30m, today, "
        "yesterday.",
    ),
    click.option("--until", default="", metavar="TIME", help="Packets before this time."),
    click.option(
        "--captures",
        is_flag=True,
        help="Have tshark filter the captures too, for what documents cannot tell: frame contains, slices, functions.",
    ),
    dissecting,
)

searching = _all_of(
    narrowing,
    click.option("--agg", default="", metavar="FIELD", help="Count packets by the values of a field instead."),
    click.option(
        "--sort", default="@timestamp", show_default=True, metavar="FIELD", help="Sort by a field; -FIELD descends."
    ),
    click.option(
        "--size",
        default=10,
        show_default=True,
        metavar="N",
        type=Whole(0),
        help="How many packets are printed, or values with --agg.",
    ),
    click.option(
        "--from",
        "start",
        default=0,
        show_default=True,
        metavar="N",
        type=Whole(0),
        help="Leave out the first N packets.",
    ),
)


extracting = _all_of(
    narrowing,
    click.option(
        "-w",
        "--write",
        required=True,
        metavar="FILE",
        shell_complete=FILES,
        help="Where to write them, as pcapng; - is standard output.",
    ),
    click.option("--force", is_flag=True, help="Overwrite a file that exists."),
    click.option(
        "--flow",
        is_flag=True,
        help="All packets of their conversations: those with their community IDs, and the fragments they came in.",
    ),
)


summarizing = _all_of(
    narrowing,
    click.option(
        "--size", default=10, show_default=True, metavar="N", type=Whole(1, 1000), help="Lines of each table."
    ),
    click.option("--json", is_flag=True, help="Print one JSON object, as in a pipe."),
)


def read_secret(file: Path | None, variable: str) -> str | None:
    """A secret from a file or the environment. Raises UsageError where the file cannot be read."""
    if file is None:
        return os.environ.get(variable)
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"cannot read {file}: {error.__class__.__name__}", "name a file that holds the secret"
        ) from error


def open_named_store(values: StoreOptions, registry: "Registry", default: str = "", **waiting: Any) -> "Store":
    """The store that `--node` names. Raises UsageError where it names none and there is no default.

    `waiting` is what `open_store` has of it.
    """
    from espcap.stores import open_store

    nodes = values.node or ((default,) if default else ())
    if not nodes:
        raise UsageError("no node is named", "--node host:9200, or --node local")
    if values.no_verify:
        click.echo("Warning: the node's certificate is not checked; anybody can be the node.", err=True)
    return open_store(nodes, registry, **credentials(values), **waiting)


def open_existing_store(values: StoreOptions, registry: "Registry") -> "Store":
    """As `open_named_store`, for what only a store that is there can do. Raises StoreError where it is not."""
    from espcap.stores import existing

    return existing(open_named_store(values, registry))


def credentials(values: StoreOptions) -> dict[str, Any]:
    """Who we are and whom we trust, as `Connection` has them. Raises UsageError where a secret cannot be read."""
    return {
        "ca_cert": values.ca_cert,
        "fingerprint": values.fingerprint,
        "verify": not values.no_verify,
        "user": values.user,
        "password": read_secret(values.password_file, "ESPCAP_PASSWORD"),
        "api_key": read_secret(values.api_key_file, "ESPCAP_API_KEY"),
    }


def open_patient_store(values: DeliveryOptions, registry: "Registry", endless: bool) -> "Store":
    """The same for writing: it waits for a node as `--give-up-after` says, and in an endless run for ever."""
    from espcap.cli.progress import Progress

    explicit = values.give_up_after is not None
    seconds = values.give_up_after if values.give_up_after is not None else float("inf") if endless else 300.0
    return open_named_store(
        values, registry, give_up_after=seconds, wait_from_start=explicit or endless, on_note=Progress.note
    )


def open_dead_letters(values: DeliveryOptions) -> "DeadLetters":
    """The file that `--dead-letters` names. Raises UsageError where it cannot be made."""
    from espcap.ingest.dead_letters import DeadLetters

    if values.dead_letters and not values.dead_letters.parent.is_dir():
        raise UsageError(f"{values.dead_letters.parent} is not a folder", "make it, or name another --dead-letters")
    return DeadLetters(values.dead_letters)


def forget_standard_output() -> None:
    """Lets Python end quietly when the reader of our standard output has gone, or its disk is full."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
