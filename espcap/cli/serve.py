"""The serve command: serves the web page of one store."""

from functools import partial
from pathlib import Path

import click

from espcap.base.errors import UsageError
from espcap.base.paths import data_folder, is_local, local_folder
from espcap.captures.sources import CaptureFile
from espcap.cli.dissecting import dissecting_settings
from espcap.cli.opening import open_named_store
from espcap.cli.options.querying import ServeOptions
from espcap.cli.search import open_searcher
from espcap.documents.types import TYPES
from espcap.ingest.job import Listener, check_filters, close_job, open_job
from espcap.ingest.report import Report
from espcap.ingest.run import Resuming, Run
from espcap.searches.searcher import Searcher
from espcap.tshark.decode_as import decoded_as
from espcap.tshark.output import hand_over_files
from espcap.tshark.program import Program, dissecting_user, find_program
from espcap.web.application import build
from espcap.web.dissector import Dissector
from espcap.web.parts import Parts
from espcap.web.searchers import SearcherPool
from espcap.web.server import ListenAddress, is_loopback
from espcap.web.server import serve as serve_application
from espcap.web.uploads import Uploads


def serve(options: ServeOptions) -> None:
    """Runs the command."""
    host, port = _host_and_port(options.listen)
    if not (is_loopback(host) or options.certificate or options.without_tls):
        raise UsageError(
            f"{host} is not loopback: others could read the traffic", "name a --certificate, or give --without-tls"
        )
    program, nodes = find_program(options.tshark), options.node or ("local",)
    node = _describe(open_searcher(options))
    user = dissecting_user(program)
    settings = hand_over_files(dissecting_settings(options), user)
    if settings.decode_as:
        check_filters(program, settings, user)
    with decoded_as(program, settings) as known:
        parts = Parts(
            node=node,
            searchers=SearcherPool(lambda: open_searcher(options)),
            slow_searchers=SearcherPool(lambda: open_searcher(options), threads=1),
            dissector=Dissector(program, user, known, options.dir),
            uploads=Uploads(_captures_folder(nodes), partial(_Indexer, options, nodes, program)),
            user=user,
            folders=options.dir,
        )
        try:
            serve_application(build(parts), ListenAddress(host, port, options.certificate, options.key), click.echo)
        finally:
            parts.close()


def _captures_folder(nodes: tuple[str, ...]) -> Path:
    """Returns the folder for captures that are dropped on the page."""
    return (local_folder(nodes[0]) if is_local(nodes) else data_folder()).absolute() / "captures"


class _Indexer:
    """Indexes one capture as `espcap --file` does with all types of documents, and with the same ledger."""

    def __init__(self, options: ServeOptions, nodes: tuple[str, ...], program: Program, listener: Listener) -> None:
        self._nodes = nodes
        self._job = open_job(program, dissecting_settings(options), nodes, types=TYPES)
        try:
            self._store = open_named_store(options, self._job.registry, default="local")
        except BaseException:
            close_job(self._job)
            raise
        self._run = Run(self._job, self._store, listener)

    @property
    def report(self) -> Report:
        return self._run.report

    def read(self, capture: CaptureFile) -> None:
        try:
            self._run.read(lambda is_known: [capture], Resuming(self._store, self._nodes))
        finally:
            close_job(self._job)
        if self._run.failure:
            raise self._run.failure

    def interrupt(self, signal: int) -> None:
        self._run.interrupt(signal)


def _describe(searcher: Searcher) -> str:
    """Returns the kind and address of the store. Its failures are reported here, before the page is served."""
    try:
        return searcher.store.describe()
    finally:
        searcher.store.close()


def _host_and_port(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise UsageError(f"{text!r} is not an address to listen on", "write HOST:PORT, such as 127.0.0.1:8477")
    return host, int(port)
