"""Opens the store and the file of dead letters that the options name."""

import os
from pathlib import Path
from typing import Any

import click

from espcap.base.errors import UsageError
from espcap.cli.options.storing import DeliveryOptions, StoreOptions
from espcap.fields.registry import Registry
from espcap.ingest.dead_letters import DeadLetters
from espcap.stores import Store, existing, open_store


def open_named_store(options: StoreOptions, registry: Registry, default: str = "", **waiting: Any) -> Store:
    """Returns the store that `--node` names, or `default` without `--node`.

    `waiting` are the arguments of `open_store` for a server that is down. Raises UsageError if no store is named.
    """
    nodes = options.node or ((default,) if default else ())
    if not nodes:
        raise UsageError("no node is named", "--node host:9200, or --node local")
    if options.no_verify:
        click.echo(
            "Warning: the server's certificate is not verified; any server could impersonate it.",
            err=True,
        )
    return open_store(nodes, registry, **credentials(options), **waiting)


def open_existing_store(options: StoreOptions, registry: Registry) -> Store:
    """Returns the store that `--node` names. If it waits, it prints a note. Raises StoreError if it does not exist."""
    from espcap.cli.progress import Progress

    return existing(open_named_store(options, registry, on_note=Progress.note))


def open_store_for_writing(options: DeliveryOptions, registry: Registry, endless: bool) -> Store:
    """Returns the store to write to. It waits for a server that is down for as long as `--give-up-after` says.

    An endless run, whose packets cannot be read again, waits without end by default, also at the start.
    """
    from espcap.cli.progress import Progress  # only commands that read need tqdm

    explicit = options.give_up_after is not None
    seconds = options.give_up_after if options.give_up_after is not None else float("inf") if endless else 300.0
    return open_named_store(
        options, registry, give_up_after=seconds, wait_from_start=explicit or endless, on_note=Progress.note
    )


def open_dead_letters(options: DeliveryOptions) -> DeadLetters:
    """Returns the file that `--dead-letters` names. Raises UsageError if its folder does not exist."""
    if options.dead_letters and not options.dead_letters.parent.is_dir():
        raise UsageError(f"{options.dead_letters.parent} is not a folder", "make it, or name another --dead-letters")
    return DeadLetters(options.dead_letters)


def credentials(options: StoreOptions) -> dict[str, Any]:
    """Returns the arguments of `Connection` for the login and for the server's certificate.

    Raises UsageError if a file with a secret cannot be read.
    """
    return {
        "ca_cert": options.ca_cert,
        "fingerprint": options.fingerprint,
        "verify": not options.no_verify,
        "user": options.user,
        "password": _read_secret(options.password_file, "ESPCAP_PASSWORD"),
        "api_key": _read_secret(options.api_key_file, "ESPCAP_API_KEY"),
    }


def _read_secret(file: Path | None, variable: str) -> str | None:
    """Returns the secret in the file, or in the environment variable if no file is named."""
    if file is None:
        return os.environ.get(variable)
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"cannot read {file}: {error.__class__.__name__}", "name a file that contains the secret"
        ) from error
