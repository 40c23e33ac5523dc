"""A server that answers as Kibana does where saved objects are imported, and can be wrong in every way.

It takes the place of a real Kibana, of which there is no package that tests could install: what Kibana makes of the
objects is not tried by these tests.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext
from typing import Any, NamedTuple

from tests.support.serving import serving

VERSION = "9.5.3"
STATUS = "GET /api/status"
IMPORT = "POST /api/saved_objects/_import?overwrite=true"
DEFAULT_SPACE = ""

Key = tuple[str, str]
"""Type and identifier of a saved object."""


class Reply(NamedTuple):
    status: int
    body: Any
    """JSON, or bytes as they are."""
    headers: dict[str, str] = {"kbn-name": "fake"}  # noqa: RUF012


class FakeKibana(ThreadingHTTPServer):
    """Holds saved objects for each space. `faults` are answers to requests, of which there is one for each name."""

    daemon_threads = True
    scheme = "http"

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.version = VERSION
        self.spaces: dict[str, dict[Key, dict[str, Any]]] = {DEFAULT_SPACE: {}}
        self.requests: list[str] = []
        self.authorization: str | None = None
        self.faults: dict[str, Reply] = {}

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_port}"

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Reply:
        match = re.fullmatch(r"(?:/s/([^/]+))?(/.*)", path)
        assert match
        space, name = match[1] or DEFAULT_SPACE, f"{method} {match[2]}"
        self.requests.append(name)
        if name in self.faults:
            return self.faults[name]
        if self.authorization not in (None, headers.get("authorization")):
            return _refusal(401, "Unauthorized")
        if name == STATUS:
            overall = {"overall": {"level": "available"}}
            return Reply(200, {"name": "fake", "version": {"number": self.version}, "status": overall})
        if name == f"GET /api/spaces/space/{space}" and space in self.spaces:
            return Reply(200, {"id": space})
        if name == IMPORT:
            return self._import(space, headers, body)
        return _refusal(404, "Not Found")

    def _import(self, space: str, headers: dict[str, str], body: bytes) -> Reply:
        if "kbn-xsrf" not in headers:
            return _refusal(400, "Request must contain a kbn-xsrf header.")
        form = BytesParser(policy=HTTP).parsebytes(
            b"Content-Type: %b\r\n\r\n" % headers["content-type"].encode() + body
        )
        [part] = form.iter_parts()
        if part.get_param("name", header="content-disposition") != "file":
            return _refusal(400, "[request body.file]: expected value of type [Stream] but got [undefined]")
        if not str(part.get_filename()).endswith(".ndjson"):
            return _refusal(400, "Invalid file extension")
        lines = part.get_content().splitlines()
        return self._store(self.spaces.setdefault(space, {}), [json.loads(line) for line in lines])

    def _store(self, held: dict[Key, dict[str, Any]], objects: list[dict[str, Any]]) -> Reply:
        there = {(item["type"], item["id"]) for item in objects} | set(held)
        errors, results = [], []
        for item in objects:
            key = item["type"], item["id"]
            missing = [one for one in item["references"] if (one["type"], one["id"]) not in there]
            if missing:
                error = {"type": "missing_references", "references": missing}
                errors.append({"type": key[0], "id": key[1], "error": error})
                continue
            elsewhere = any(key in space for space in self.spaces.values() if space is not held)
            destination = {"destinationId": f"{key[1]}-elsewhere"} if elsewhere else {}
            held[key] = item
            results.append({"type": key[0], "id": key[1], "overwrite": True} | destination)
        answer = {"success": not errors, "successCount": len(results), "successResults": results}
        return Reply(200, answer | ({"errors": errors} if errors else {}))


def _refusal(status: int, message: str) -> Reply:
    return Reply(status, {"statusCode": status, "error": "Error", "message": message})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeKibana

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = self.server.answer(self.command, self.path, headers, body)
        data = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET: Callable[..., None] = _serve  # noqa: N815
    do_POST: Callable[..., None] = _serve  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


@contextmanager
def fake_kibana(context: SSLContext | None = None) -> Iterator[FakeKibana]:
    """Runs one until the block ends, with TLS where a context is given."""
    with serving(FakeKibana(), context) as server:
        if context:
            server.scheme = "https"
        yield server
