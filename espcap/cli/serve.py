"""The serve command: a web page for one store."""

from dataclasses import replace
from pathlib import Path

import click

from espcap.checkpoints import open_checkpoints, settings_digest
from espcap.cli.options import Serving, open_named_store
from espcap.documents import HEAD
from espcap.errors import UsageError
from espcap.fields import open_registry
from espcap.folders import data_folder
from espcap.ledger import ledger_path
from espcap.pipeline import Job, Listener, Pipeline
from espcap.protocols import read_list
from espcap.stores import is_local, local_folder
from espcap.tshark.arguments import Settings
from espcap.tshark.output import hand_over_files
from espcap.tshark.plugin import open_plugin
from espcap.tshark.program import Program, dissecting_user, find_program
from espcap.web.application import build
from espcap.web.dissector import Dissector
from espcap.web.parts import Parts
from espcap.web.readers import Reader, Readers
from espcap.web.server import Place, is_loopback
from espcap.web.server import serve as answer
from espcap.web.uploads import Run, Uploads


def serve(options: Serving) -> None:
    """Runs the command."""
    host, port = _host_and_port(options.listen)
    if not (is_loopback(host) or options.certificate or options.without_tls):
        raise UsageError(
            f"{host} is not loopback: others could read along", "name a --certificate, or say --without-tls"
        )
    program, nodes = find_program(options.tshark), options.node or ("local",)

    def open_reader() -> Reader:
        registry = open_registry(program)
        return Reader(program, registry, open_named_store(options, registry, default="local"))

    node = _describe(open_reader())
    user = dissecting_user(program)
    settings = hand_over_files(_settings(options), user)
    parts = Parts(
        node=node,
        readers=Readers(open_reader),
        slow_readers=Readers(open_reader, threads=1),
        dissector=Dissector(program, user, settings, options.dir),
        uploads=Uploads(_captures_folder(nodes), lambda listener: _open_run(options, nodes, program, listener)),
        user=user,
        folders=options.dir,
    )
    try:
        answer(build(parts), Place(host, port, options.certificate, options.key), click.echo)
    finally:
        parts.close()


def _settings(options: Serving) -> Settings:
    return Settings(preferences=options.preference, profile_folder=options.profile_dir)


def _captures_folder(nodes: tuple[str, ...]) -> Path:
    """Where captures that are dropped on the page are kept."""
    return (local_folder(nodes[0]) if is_local(nodes) else data_folder()).absolute() / "captures"


def _open_run(options: Serving, nodes: tuple[str, ...], program: Program, listener: Listener) -> Run:
    """What indexes a capture as `espcap --file` does, with the same ledger."""
    user, given = dissecting_user(program), _settings(options)
    settings = hand_over_files(given, user)
    registry = open_registry(program, settings.profile_folder)
    plugin = open_plugin(program, registry, user, HEAD, False)
    settings = replace(settings, plugin=plugin and replace(plugin, terms=is_local(nodes)))
    store = open_named_store(options, registry, default="local")
    pipeline = Pipeline(Job(program, registry, read_list(""), settings, user), store, listener)
    checkpoints = open_checkpoints(ledger_path(nodes), settings_digest(given, False), pipeline.note)
    return Run(pipeline, store, checkpoints)


def _describe(reader: Reader) -> str:
    """What the store is and where; what is wrong with it is told now."""
    try:
        return reader.store.describe()
    finally:
        reader.store.close()


def _host_and_port(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise UsageError(f"{text!r} is no place to listen at", "write HOST:PORT, such as 127.0.0.1:8477")
    return host, int(port)
