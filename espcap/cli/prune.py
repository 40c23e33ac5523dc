"""The prune command: deletes whole days of packets that are too old, or too much."""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import click

from espcap.base.errors import EspcapError, UsageError
from espcap.base.sizes import parse_size
from espcap.base.text import printable
from espcap.cli.options import StoreOptions, open_existing_store
from espcap.ingest.ledger import Ledger, LedgerError, ledger_path
from espcap.stores import Store, StoredDay
from espcap.stores.retention import beyond_size, day_of, loaded_before, older_than, parse_age
from espcap.tshark.program import find_program
from espcap.tshark.registry import open_registry


@dataclass(frozen=True)
class Choice:
    """Which days are to be deleted; None where the user did not say."""

    age: int | None
    largest: int | None
    loaded: int | None
    """Days since the last loading."""

    @staticmethod
    def parse(keep: str, max_size: str, loaded: str) -> "Choice":
        """From the words of the options. Raises UsageError."""
        if not (keep or max_size or loaded):
            raise UsageError("nothing says what to delete", "name --keep 30d, --max-size 10GB or --loaded-before 30d")
        return Choice(
            parse_age(keep) if keep else None,
            parse_size(max_size) if max_size else None,
            parse_age(loaded) if loaded else None,
        )

    def of(self, days: list[StoredDay]) -> list[StoredDay]:
        """Those of the days."""
        chosen = [] if self.age is None else older_than(days, self.age, datetime.now(UTC).date())
        if self.loaded is not None:
            chosen += [day for day in loaded_before(days, self.loaded, time.time()) if day not in chosen]
        if self.largest is not None:
            chosen += beyond_size([day for day in days if day not in chosen], self.largest)
        return chosen


def prune(options: StoreOptions, choice: Choice, dry_run: bool, yes: bool) -> None:
    """Runs the command."""
    store = open_existing_store(options, open_registry(find_program(options.tshark)))
    try:
        days = store.days()
        chosen = choice.of(days)
        if not (dry_run or yes):
            _ask(days, chosen)
        for day in chosen:
            if not dry_run:
                _delete(day, store, options.node)
            click.echo(f"{printable(day.name)}  {day.documents:,} packets  {day.bytes:,} bytes")
        _tell_rest(days, chosen, choice.largest, dry_run)
    finally:
        store.close()


def _ask(days: list[StoredDay], chosen: list[StoredDay]) -> None:
    """On a terminal, where it is much. A script cannot answer, and has said what it wants."""
    packets, all_packets = (sum(day.documents for day in some) for some in (chosen, days))
    if 2 * packets <= all_packets or not sys.stdin.isatty():
        return
    question = f"Delete {packets:,} of {all_packets:,} packets, {len(chosen):,} of {len(days):,} indices?"
    if not click.confirm(question, err=True):
        raise EspcapError("nothing was deleted", "--yes does not ask; --dry-run says what would be deleted")


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
