"""The setup command: the index template, printed or sent."""

import json

import click

from espcap.cli.options import Connecting, open_named_store
from espcap.fields import open_registry
from espcap.tshark.program import find_program


def setup(options: Connecting, print_template: bool) -> None:
    """Runs the command."""
    registry = open_registry(find_program(options.tshark))
    if print_template:
        from espcap.stores.elasticsearch.template import build_template

        click.echo(json.dumps(build_template(registry), indent=2))
        return
    store = open_named_store(options, registry)
    store.prepare()
    store.close()
    click.echo("The node is ready for packets.", err=True)
