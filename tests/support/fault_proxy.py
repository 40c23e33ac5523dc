"""A proxy in front of a real Elasticsearch that does to bulk requests what networks and servers do at their worst."""

import http.client
import json
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from tests.support.serving import serving


class Answer:
    """An answer of the node or of the proxy."""

    def __init__(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.status = status
        self.body = body
        self.headers = headers or {"Content-Type": "application/json", "X-Elastic-Product": "Elasticsearch"}
        self.missing = 0
        """Bytes that are promised and never sent."""


class FaultProxy(ThreadingHTTPServer):
    """Forwards all requests to `upstream`; bulk requests meet the `faults`, one each, None being no fault.

    `down` closes every connection without a word.
    """

    daemon_threads = True

    def __init__(self, upstream: str, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.upstream = upstream
        self.faults: list[Callable[[_Handler, bytes], Answer | None] | None] = []
        self.refused = ("", "", 0)
        """A method, how the paths start for which nobody may use it, and the status of the answer."""
        self.bulks = 0
        self.down = False
        self.down_after: int | None = None
        """Bulk requests after which the proxy goes down."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FaultProxy

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.close_connection = True
        answer = None if self.server.down else self._answer(body)
        if answer is None:
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body) + answer.missing))
        self.send_header("Connection", "close")  # or the client may send its next request into the closing connection
        self.end_headers()
        with suppress(OSError):  # the client may have lost its patience
            self.wfile.write(answer.body)

    def _answer(self, body: bytes) -> Answer | None:
        method, start, code = self.server.refused
        if self.command == method and self.path.startswith(start):
            return Answer(code, b'{"error":{"type":"some_exception","reason":"action is refused"}}')
        if "_bulk" not in self.path:
            return self.forward(body)
        self.server.bulks += 1
        if self.server.down_after is not None and self.server.bulks > self.server.down_after:
            self.server.down = True
            return None
        fault = self.server.faults.pop(0) if self.server.faults else None
        return fault(self, body) if fault else self.forward(body)

    def forward(self, body: bytes) -> Answer | None:
        """The node's answer; None where there is no node."""
        connection = http.client.HTTPConnection(urlsplit(self.server.upstream).netloc, timeout=100)
        headers = {
            name: value for name, value in self.headers.items() if name.lower() not in ("host", "content-length")
        }
        try:
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            return Answer(answer.status, answer.read(), dict(answer.getheaders()))
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = _serve  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


def drop(handler: _Handler, body: bytes) -> None:
    """The connection ends before the node has the request."""


def lose_answer(handler: _Handler, body: bytes) -> None:
    """The node has done its work, and nobody hears of it."""
    handler.forward(body)


def reset(handler: _Handler, body: bytes) -> None:
    """The connection is reset after the work is done."""
    handler.forward(body)
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()


def delay(seconds: float) -> Callable[[_Handler, bytes], Answer | None]:
    """The node's answer, later."""

    def late(handler: _Handler, body: bytes) -> Answer | None:
        answer = handler.forward(body)
        time.sleep(seconds)
        return answer

    return late


def status(code: int, body: bytes = b"<html>sorry</html>") -> Callable[[_Handler, bytes], Answer]:
    """What a proxy says on its own."""
    return lambda handler, request: Answer(code, body, {"Content-Type": "text/html"})


def garbage(handler: _Handler, body: bytes) -> Answer:
    """The work is done, and the answer is no JSON."""
    handler.forward(body)
    return Answer(200, b'{"items":[{"cre\xff\x00')


def cut(handler: _Handler, body: bytes) -> Answer | None:
    """The answer ends in the middle."""
    answer = handler.forward(body)
    if answer:
        answer.missing = len(answer.body) - len(answer.body) // 2
        answer.body = answer.body[: len(answer.body) // 2]
    return answer


def fewer_items(handler: _Handler, body: bytes) -> Answer | None:
    """The answer says nothing of the last document."""
    answer = handler.forward(body)
    if answer:
        answer.body = json.dumps({"items": json.loads(answer.body)["items"][:-1]}).encode()
    return answer


def too_large(limit: int) -> Callable[[_Handler, bytes], Answer | None]:
    """413 for bodies of more bytes than that."""
    return lambda handler, body: handler.forward(body) if len(body) <= limit else status(413)(handler, body)


def busy_items(code: int) -> Callable[[_Handler, bytes], Answer | None]:
    """Every second document is not even shown to the node."""

    def half(handler: _Handler, body: bytes) -> Answer | None:
        lines = body.splitlines(keepends=True)
        pairs = list(zip(lines[::2], lines[1::2], strict=True))
        answer = handler.forward(b"".join(action + source for action, source in pairs[::2]))
        if answer:
            done = iter(json.loads(answer.body)["items"])
            error = {"type": "es_rejected_execution_exception", "reason": "queue is full"}
            items = [
                next(done)
                if number % 2 == 0
                else {"create": {"_id": json.loads(action)["create"]["_id"], "status": code, "error": error}}
                for number, (action, _) in enumerate(pairs)
            ]
            answer.body = json.dumps({"items": items}).encode()
        return answer

    return half


@contextmanager
def fault_proxy(upstream: str, port: int = 0) -> Iterator[FaultProxy]:
    """Runs a FaultProxy until the block ends."""
    with serving(FaultProxy(upstream, port)) as server:
        yield server
