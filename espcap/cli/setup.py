"""The setup command: the index template, printed or sent."""

import json

import click

from espcap.cli.options import Connecting, open_named_store
from espcap.fields import open_registry
from espcap.retention import parse_age
from espcap.tshark.program import find_program


def setup(options: Connecting, print_template: bool, keep: str) -> None:
    """Runs the command."""
    days = parse_age(keep) if keep else 0
    registry = open_registry(find_program(options.tshark))
    if print_template:
        from espcap.stores.elasticsearch.template import build_template

        click.echo(json.dumps(build_template(registry), indent=2))
        return
    store = open_named_store(options, registry)
    store.prepare()
    if days:
        store.keep(days)
        click.echo(f"Indices of packets are deleted {days} days after they were made.", err=True)
    store.close()
    click.echo("The node is ready for packets.", err=True)
