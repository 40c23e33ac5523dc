"""The setup command: prints or sends the index template, and imports data views and dashboards into Kibana."""

import json

import click

from espcap.base.errors import StoreError, UsageError
from espcap.base.paths import is_local
from espcap.cli.opening import credentials, open_named_store
from espcap.cli.options.storing import SetupOptions, StoreOptions
from espcap.searches.summary import time_span
from espcap.stores import Store
from espcap.stores.retention import parse_age
from espcap.tshark.program import find_program
from espcap.tshark.registry import open_registry


def setup(options: SetupOptions) -> None:
    """Runs the command."""
    kibana = options.kibana
    days = parse_age(options.keep) if options.keep else 0
    if kibana and is_local(options.node):
        raise UsageError("Kibana cannot read a local index", "name an Elasticsearch, or use espcap serve instead")
    if options.print_template:
        from espcap.stores.elasticsearch.template import build_template

        registry = open_registry(find_program(options.tshark))
        click.echo(json.dumps(build_template(registry), indent=2))
        return
    span = None
    if options.node or days or not kibana:
        store = _prepared_store(options, days)
        span = _span(store) if kibana else None
        store.close()
    if kibana:
        _import_objects(options, kibana, span)


def _prepared_store(options: StoreOptions, days: int) -> Store:
    store = open_named_store(options, open_registry(find_program(options.tshark)))
    store.prepare()
    if days:
        store.keep(days)
        click.echo(f"Indices of packets are deleted {days} days after they were made.", err=True)
    click.echo("The node is ready for packets.", err=True)
    return store


def _span(store: Store) -> tuple[str, str] | None:
    """Returns the first and the last time of packets; None if the user has no right to search."""
    try:
        return time_span(store)
    except StoreError:
        return None


def _import_objects(options: StoreOptions, kibana: str, span: tuple[str, str] | None) -> None:
    """Imports the objects and prints where the dashboards are. `--fingerprint` is Kibana's only if no node is named."""
    from espcap.stores.elasticsearch.kibana import at_times, import_objects, kibana_connection

    if options.no_verify:
        click.echo("Warning: Kibana's certificate is not verified; any server could impersonate it.", err=True)
    values = credentials(options) | ({"fingerprint": None} if options.node else {})
    imported = import_objects(kibana_connection(kibana, **values))
    addresses = " and ".join(at_times(each, span) for each in imported.dashboards)
    click.echo(f"Kibana has {', '.join(imported.titles)}: {addresses}", err=True)
