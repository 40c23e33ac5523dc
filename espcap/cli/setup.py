"""The setup command: the index template, printed or sent, and what Kibana shows packets with."""

import json

import click

from espcap.base.errors import StoreError, UsageError
from espcap.base.paths import is_local
from espcap.cli.options import StoreOptions, credentials, open_named_store
from espcap.searches.summary import time_span
from espcap.stores import Store
from espcap.stores.retention import parse_age
from espcap.tshark.program import find_program
from espcap.tshark.registry import open_registry


def setup(options: StoreOptions, print_template: bool, keep: str, kibana: str) -> None:
    """Runs the command."""
    days = parse_age(keep) if keep else 0
    if kibana and is_local(options.node):
        raise UsageError("Kibana does not see a local index", "name an Elasticsearch, or look with: espcap serve")
    if print_template:
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
    """Those who may send templates need not have the right to search."""
    try:
        return time_span(store)
    except StoreError:
        return None


def _import_objects(options: StoreOptions, kibana: str, span: tuple[str, str] | None) -> None:
    """A fingerprint is that of the node's certificate, and of Kibana's only where no node is named."""
    from espcap.stores.elasticsearch.kibana import at_times, import_objects, kibana_connection

    if options.no_verify:
        click.echo("Warning: Kibana's certificate is not checked; anybody can be Kibana.", err=True)
    values = credentials(options) | ({"fingerprint": None} if options.node else {})
    imported = import_objects(kibana_connection(kibana, **values))
    click.echo(f"Kibana has {', '.join(imported.titles)}: {at_times(imported.dashboard, span)}", err=True)
