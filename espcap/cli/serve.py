"""The serve command: a web page for one store."""

import click

from espcap.cli.options import Serving, open_named_store
from espcap.errors import UsageError
from espcap.fields import open_registry
from espcap.tshark.program import find_program
from espcap.web.application import build
from espcap.web.readers import Reader, Readers
from espcap.web.server import Place, is_loopback
from espcap.web.server import serve as answer


def serve(options: Serving) -> None:
    """Runs the command."""
    host, port = _host_and_port(options.listen)
    if not (is_loopback(host) or options.certificate or options.without_tls):
        raise UsageError(
            f"{host} is not loopback: others could read along", "name a --certificate, or say --without-tls"
        )
    program = find_program(options.tshark)

    def open_reader() -> Reader:
        registry = open_registry(program)
        return Reader(program, registry, open_named_store(options, registry, default="local"))

    open_reader().store.close()  # what is wrong with the node is told now
    readers = Readers(open_reader)
    try:
        application = build(readers, ", ".join(options.node) or "local")
        answer(application, Place(host, port, options.certificate, options.key), click.echo)
    finally:
        readers.close()


def _host_and_port(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise UsageError(f"{text!r} is no place to listen at", "write HOST:PORT, such as 127.0.0.1:8477")
    return host, int(port)
