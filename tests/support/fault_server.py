"""A server that speaks enough of Elasticsearch's bulk API to be wrong in every way that a real one can be."""

import gzip
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import PROTOCOL_TLS_SERVER, SSLContext
from typing import Any, NamedTuple

from tests.support.serving import serving


class Answer(NamedTuple):
    status: int
    body: bytes
    product: bool = True
    mimetype: str = "application/json"


class Server(ThreadingHTTPServer):
    """Answers bulk requests from `faults` first, one each; then stores documents as Elasticsearch would."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.documents: dict[str, bytes] = {}
        self.requests: list[str] = []
        self.sizes: list[int] = []
        self.headers: list[dict[str, str]] = []
        self.faults: list[Callable[[list[str]], Answer | None]] = []
        self.always: Answer | None = None
        self.largest = 1 << 30
        self.scheme = "http"
        self.warning = ""
        """A deprecation that it tells with each answer."""

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_port}"

    def answer(self, method: str, path: str, body: bytes) -> Answer | None:
        """None closes the connection without a word."""
        self.requests.append(f"{method} {path.partition('?')[0]}")
        if self.always:
            return self.always
        if "_bulk" in path:
            return self._bulk(body)
        asks_for_all = "*" in path or path.partition("?")[0] == "/_index_template"
        return Answer(404, b"{}") if method == "GET" and not asks_for_all else Answer(200, b"{}")

    def _bulk(self, body: bytes) -> Answer | None:
        self.sizes.append(len(body))
        if len(body) > self.largest:
            return Answer(413, b"<html>too large</html>", product=False, mimetype="text/html")
        lines = body.splitlines()
        sent = {
            json.loads(action)["create"]["_id"]: source for action, source in zip(lines[::2], lines[1::2], strict=True)
        }
        if self.faults:
            return self.faults.pop(0)(list(sent))
        statuses = {id: 409 if id in self.documents else 201 for id in sent}
        self.documents = sent | self.documents
        return items(statuses)


def items(statuses: dict[str, int], **error: str) -> Answer:
    """An answer to a bulk request that gives each document its status."""
    results = [
        {"create": {"_id": id, "status": status} | ({"error": error} if status >= 400 and error else {})}
        for id, status in statuses.items()
    ]
    return Answer(200, json.dumps({"items": results}).encode())


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.headers.append({name.lower(): value for name, value in self.headers.items()})
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        answer = self.server.answer(self.command, self.path, body)
        if answer is None:
            self.close_connection = True
            return
        self.send_response(answer.status)
        if answer.product:
            self.send_header("X-Elastic-Product", "Elasticsearch")
        self.send_header("Content-Type", answer.mimetype)
        if self.server.warning:
            self.send_header("Warning", self.server.warning)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    do_GET = do_POST = do_PUT = do_HEAD = _serve  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


@contextmanager
def fault_server(context: SSLContext | None = None) -> Iterator[Server]:
    """Runs a Server until the block ends, with TLS where a context is given."""
    with serving(Server(), context) as server:
        if context:
            server.scheme = "https"
        yield server


def tls_context(certificate: str, key: str) -> SSLContext:
    """The server's side of TLS."""
    context = SSLContext(PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context
