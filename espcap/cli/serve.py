"""The serve command: a web page for one store."""

from pathlib import Path

import click

from espcap.checkpoints import open_checkpoints
from espcap.cli.options import Serving, open_named_store
from espcap.cli.search import open_reader
from espcap.errors import UsageError
from espcap.folders import data_folder, is_local, local_folder
from espcap.ledger import ledger_path
from espcap.opening import check_words, close_job, open_job
from espcap.pipeline import Listener, Pipeline
from espcap.reader import Reader
from espcap.tshark.arguments import Settings
from espcap.tshark.decode_as import decoded_as
from espcap.tshark.output import hand_over_files
from espcap.tshark.program import Program, dissecting_user, find_program
from espcap.web.application import build
from espcap.web.dissector import Dissector
from espcap.web.parts import Parts
from espcap.web.readers import Readers
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

    node = _describe(open_reader(options))
    user = dissecting_user(program)
    settings = hand_over_files(_settings(options), user)
    if settings.decode_as:
        check_words(program, settings, user)
    with decoded_as(program, settings) as known:
        parts = Parts(
            node=node,
            readers=Readers(lambda: open_reader(options)),
            slow_readers=Readers(lambda: open_reader(options), threads=1),
            dissector=Dissector(program, user, known, options.dir),
            uploads=Uploads(_captures_folder(nodes), lambda listener: _open_run(options, nodes, program, listener)),
            user=user,
            folders=options.dir,
        )
        try:
            answer(build(parts), Place(host, port, options.certificate, options.key), click.echo)
        finally:
            parts.close()


def _settings(options: Serving) -> Settings:
    return Settings(decode_as=options.decode_as, preferences=options.preference, profile_folder=options.profile_dir)


def _captures_folder(nodes: tuple[str, ...]) -> Path:
    """Where captures that are dropped on the page are kept."""
    return (local_folder(nodes[0]) if is_local(nodes) else data_folder()).absolute() / "captures"


def _open_run(options: Serving, nodes: tuple[str, ...], program: Program, listener: Listener) -> Run:
    """What indexes a capture as `espcap --file` does, with the same ledger."""
    job = open_job(program, _settings(options), nodes)
    try:
        store = open_named_store(options, job.registry, default="local")
        pipeline = Pipeline(job, store, listener)
        checkpoints = open_checkpoints(ledger_path(nodes), job.digests, pipeline.note)
    except BaseException:
        close_job(job)
        raise
    return Run(pipeline, store, checkpoints, lambda: close_job(job))


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
        raise UsageError(f"{text!r} is not a place to listen at", "write HOST:PORT, such as 127.0.0.1:8477")
    return host, int(port)
