"""Options of commands that open a store, write to it, or delete from it."""

from dataclasses import dataclass
from pathlib import Path

import click

from espcap.cli.options.declaring import FILES, Whole, argument, option, shared_option


@dataclass(frozen=True)
class StoreOptions:
    """Options of all commands: the store, the connection to it, and the path of tshark."""

    node: tuple[str, ...] = shared_option(
        "--node",
        metavar="NODE",
        help="The store: host:port or URL of Elasticsearch (repeat for more nodes), local, or local:DIR.",
    )
    ca_cert: Path | None = shared_option(
        "--ca-cert", metavar="FILE", help="Certificate of the authority that signed the server's certificate, PEM."
    )
    fingerprint: str | None = shared_option(
        "--fingerprint", metavar="SHA256", help="SHA-256 fingerprint of the server's certificate."
    )
    no_verify: bool = shared_option(
        "--no-verify", help="Do not verify the server's certificate; any server could impersonate it."
    )
    user: str | None = shared_option(
        "--user", metavar="NAME", help="User name at the server; the password is read from ESPCAP_PASSWORD."
    )
    password_file: Path | None = shared_option(
        "--password-file", metavar="FILE", help="File that contains the password."
    )
    api_key_file: Path | None = shared_option(
        "--api-key-file", metavar="FILE", help="File that contains an API key; or set ESPCAP_API_KEY."
    )
    tshark: str = shared_option(
        "--tshark",
        default="",
        metavar="PATH",
        shell_complete=FILES,
        help="Path of tshark.  [default: the one on the PATH]",
    )


@dataclass(frozen=True)
class DeliveryOptions(StoreOptions):
    """Options of commands that write documents to a store."""

    chunk: int = option(
        "--chunk",
        default=1000,
        show_default=True,
        metavar="N",
        type=Whole(1),
        help="Number of documents in each bulk request.",
    )
    give_up_after: float | None = option(
        "--give-up-after",
        metavar="SECONDS",
        type=click.FloatRange(0),
        help="How long to wait for an Elasticsearch that is down or busy before the run fails; inf is no limit. "
        "If this is given, files also wait for a server that is down at the start.  [default: 300 for files, inf for "
        "live captures and pipes]",
    )
    dead_letters: Path | None = option(
        "--dead-letters",
        metavar="FILE",
        help="Append documents that the store rejects to this file.  [default: a new file in "
        "~/.local/state/espcap/dead-letters]",
    )
    json_report: Path | None = option("--json-report", metavar="FILE", help="Write the summary to this file, as JSON.")


@dataclass(frozen=True)
class RetryOptions(DeliveryOptions):
    """Options of espcap retry."""

    file: str = argument(metavar="FILE", shell_complete=FILES)


@dataclass(frozen=True)
class SetupOptions(StoreOptions):
    """Options of espcap setup."""

    print_template: bool = option("--print", help="Print the index template instead of sending it.")
    keep: str = option(
        "--keep",
        default="",
        metavar="AGE",
        help="Let the server delete indices of this age (30d, 4w), if it supports this.",
    )
    kibana: str = option(
        "--kibana",
        default="",
        metavar="URL",
        help="Import data views and dashboards into this Kibana: host:port or a URL, which can contain /s/SPACE.",
    )


@dataclass(frozen=True)
class PruneOptions(StoreOptions):
    """Options of espcap prune."""

    keep: str = option(
        "--keep",
        default="",
        metavar="AGE",
        help="Delete days older than this, by the times of the packets: 30d, 4w.",
    )
    max_size: str = option(
        "--max-size",
        default="",
        metavar="SIZE",
        help="Delete the oldest days until the others together are not larger than this: 10GB.",
    )
    loaded_before: str = option(
        "--loaded-before",
        default="",
        metavar="AGE",
        help="Delete days into which no packets were loaded for this long: 30d, 4w. Elasticsearch counts from the "
        "first loading.",
    )
    dry_run: bool = option("--dry-run", help="Only print what would be deleted.")
    yes: bool = option("--yes", help="Do not ask.")


@dataclass(frozen=True)
class ForgetOptions(StoreOptions):
    """Options of espcap forget."""

    capture: str = argument(metavar="CAPTURE")
