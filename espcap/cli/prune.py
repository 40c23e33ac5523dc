"""The prune command: deletes whole days of packets that are too old, or too much."""

from collections.abc import Sequence
from datetime import UTC, datetime

import click

from espcap.cli.options import Connecting, open_named_store
from espcap.errors import UsageError
from espcap.fields import open_registry
from espcap.ledger import Ledger, LedgerError, ledger_path
from espcap.retention import beyond_size, day_of, older_than, parse_age, parse_size
from espcap.sources import printable
from espcap.stores import Store, StoredDay
from espcap.tshark.program import find_program


def prune(options: Connecting, keep: str, max_size: str, dry_run: bool) -> None:
    """Runs the command."""
    if not (keep or max_size):
        raise UsageError("nothing says what to delete", "name --keep 30d or --max-size 10GB")
    age, largest = parse_age(keep) if keep else None, parse_size(max_size) if max_size else None
    store = open_named_store(options, open_registry(find_program(options.tshark)))
    try:
        days = store.days()
        chosen = _choose(days, age, largest)
        for day in chosen:
            if not dry_run:
                _delete(day, store, options.node)
            click.echo(f"{printable(day.name)}  {day.documents:,} packets  {day.bytes:,} bytes")
        _tell_rest(days, chosen, largest, dry_run)
    finally:
        store.close()


def _choose(days: list[StoredDay], age: int | None, largest: int | None) -> list[StoredDay]:
    chosen = [] if age is None else older_than(days, age, datetime.now(UTC).date())
    if largest is not None:
        chosen += beyond_size([day for day in days if day not in chosen], largest)
    return chosen


def _delete(day: StoredDay, store: Store, nodes: Sequence[str]) -> None:
    """The ledger is told first: a day that is deleted and not noted would be loaded again."""
    try:
        path = ledger_path(nodes)
        if path.exists():
            ledger = Ledger(path)
            ledger.prune(day.name)
            ledger.close()
    except LedgerError as error:
        click.echo(
            f"Note: {printable(error.message)}; {printable(day.name)} will be loaded again with its captures", err=True
        )
    store.delete(day.name)


def _tell_rest(days: list[StoredDay], chosen: list[StoredDay], largest: int | None, dry_run: bool) -> None:
    rest = [day for day in days if day not in chosen]
    for day in rest:
        if day_of(day.name) is None:
            name = printable(day.name)
            click.echo(f"Note: {name} is left alone: it is not for one day ({day.documents:,} packets)", err=True)
    size = sum(day.bytes for day in rest)
    done = "would be deleted; nothing was" if dry_run else "deleted"
    click.echo(f"{len(chosen):,} of {len(days):,} indices {done}; {size:,} bytes remain", err=True)
    if largest is not None and size > largest:
        click.echo(f"Note: more than {largest:,} bytes remain, and no day is left to delete", err=True)
