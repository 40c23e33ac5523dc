"""The prune command: deletes days of packets that are too old, or that take too much space."""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import click

from espcap.base.errors import EspcapError, UsageError
from espcap.base.sizes import parse_size
from espcap.base.text import printable
from espcap.cli.opening import open_existing_store
from espcap.cli.options.storing import PruneOptions
from espcap.documents.types import day_of
from espcap.ingest.ledger import Ledger, LedgerError, ledger_path
from espcap.stores import Store, StoredDay
from espcap.stores.retention import beyond_size, loaded_before, older_than, parse_age
from espcap.tshark.program import find_program
from espcap.tshark.registry import open_registry


@dataclass(frozen=True)
class _Limits:
    """The limits beyond which days are deleted. A limit is None if its option is not given."""

    age: int | None
    """In days, of the packets."""
    size: int | None
    """In bytes, of all days that stay."""
    loaded: int | None
    """In days, since packets were last loaded."""

    @staticmethod
    def parse(options: PruneOptions) -> "_Limits":
        """Returns the limits that the options name. Raises UsageError if they name none, or one is invalid."""
        if not (options.keep or options.max_size or options.loaded_before):
            raise UsageError("no limit is given", "name --keep 30d, --max-size 10GB or --loaded-before 30d")
        return _Limits(
            parse_age(options.keep) if options.keep else None,
            parse_size(options.max_size) if options.max_size else None,
            parse_age(options.loaded_before) if options.loaded_before else None,
        )

    def exceeded_by(self, days: list[StoredDay]) -> list[StoredDay]:
        """Returns the days to delete."""
        chosen = [] if self.age is None else older_than(days, self.age, datetime.now(UTC).date())
        if self.loaded is not None:
            chosen += [day for day in loaded_before(days, self.loaded, time.time()) if day not in chosen]
        if self.size is not None:
            chosen += beyond_size([day for day in days if day not in chosen], self.size)
        return chosen


def prune(options: PruneOptions) -> None:
    """Runs the command."""
    limits = _Limits.parse(options)
    store = open_existing_store(options, open_registry(find_program(options.tshark)))
    try:
        days = store.days()
        chosen = limits.exceeded_by(days)
        if not (options.dry_run or options.yes):
            _ask(days, chosen)
        for day in chosen:
            if not options.dry_run:
                _delete(day, store, options.node)
            click.echo(f"{printable(day.name)}  {day.documents:,} packets  {day.bytes:,} bytes")
        _report_rest(days, chosen, limits.size, options.dry_run)
    finally:
        store.close()


def _ask(days: list[StoredDay], chosen: list[StoredDay]) -> None:
    """Asks on a terminal before more than half of all packets are deleted. Scripts are not asked."""
    packets, all_packets = (sum(day.documents for day in some) for some in (chosen, days))
    if 2 * packets <= all_packets or not sys.stdin.isatty():
        return
    question = f"Delete {packets:,} of {all_packets:,} packets, {len(chosen):,} of {len(days):,} indices?"
    if not click.confirm(question, err=True):
        raise EspcapError("nothing was deleted", "--yes does not ask; --dry-run prints what would be deleted")


def _delete(day: StoredDay, store: Store, nodes: Sequence[str]) -> None:
    """Notes the deletion in the ledger, then deletes: a deleted day without a note would be loaded again."""
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


def _report_rest(days: list[StoredDay], chosen: list[StoredDay], most: int | None, dry_run: bool) -> None:
    rest = [day for day in days if day not in chosen]
    for day in rest:
        if day_of(day.name) is None:
            name = printable(day.name)
            click.echo(f"Note: {name} is not deleted: it is not for one day ({day.documents:,} packets)", err=True)
    size = sum(day.bytes for day in rest)
    deleted, remain = ("would be deleted", "would remain") if dry_run else ("deleted", "remain")
    click.echo(f"{len(chosen):,} of {len(days):,} indices {deleted}; {size:,} bytes {remain}", err=True)
    if most is not None and size > most:
        click.echo(f"Note: more than {most:,} bytes remain, and no day is left to delete", err=True)
