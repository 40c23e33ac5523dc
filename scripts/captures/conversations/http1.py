"""HTTP/1.1: nginx as the server, a dialogue as the client."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ..network import SERVER_IP, recording
from ..recorded import WEB_HOST
from .log import Transaction
from .programs import folder, program
from .sockets import PATIENCE, exchange, reset

PORT = 80
CONFIGURATION = """
daemon off;
master_process off;
pid {place}/pid;
error_log {place}/errors;
events {{ }}
http {{
  access_log off;
  server_tokens off;
  client_body_temp_path {place}/bodies;
  proxy_temp_path {place}/proxied;
  fastcgi_temp_path {place}/fastcgi;
  uwsgi_temp_path {place}/uwsgi;
  scgi_temp_path {place}/scgi;
  server {{
    listen {address}:80;
    root {place}/files;
    default_type text/plain;
    add_header Number $arg_n always;
    location = /one {{ return 200 "the first page"; }}
    location = /empty {{ return 204; }}
    location = /moved {{ return 301 /one; }}
    location = /busy {{ return 503 "too busy"; }}
    location = /form {{ proxy_pass http://{address}:80/one; }}
    location = /slow.txt {{ limit_rate 1k; }}
  }}
}}
"""
LONG = "a long line\n" * 300 + "END"


@contextmanager
def server() -> Iterator[None]:
    with folder() as place:
        (place / "files").mkdir()
        place.chmod(0o755)
        for name in ("long.txt", "slow.txt"):
            (place / "files" / name).write_text(LONG)
        (place / "conf").write_text("user root;\n" + CONFIGURATION.format(place=place, address=SERVER_IP))
        with program("nginx", "-c", place / "conf", "-e", place / "errors", port=PORT):
            yield


def ask(number: int, target: str, end: str, error: str = "", method: str = "GET") -> Transaction:
    """A request; the server sends its number back in a header, the last one."""
    sent = f"{method} {target}?n={number} HTTP/1.1\r\nHost: {WEB_HOST}\r\n\r\n".encode()
    code = int(error[:3]) if error else 200
    more: dict[str, object] = {"resource": target, "query": f"{method} {target}", "code": code}
    return Transaction(method, sent, f"Number: {number}\r\n\r\n{end}".encode(), error, more=more)


def post(number: int, content: str, head: str = "") -> Transaction:
    """Content, for which the server waits before it answers."""
    asked = ask(number, "/form", "the first page", method="POST")
    head = f"Content-Length: {len(content)}\r\n{head}\r\n".encode()
    return replace(asked, sent=asked.sent[:-2] + head + content.encode())


MISSING = "404 Not Found"
SINGLE = (
    ask(1, "/one", "the first page"),
    replace(ask(2, "/missing", "", MISSING), received=b"</html>\r\n"),
    ask(3, "/one", "", method="HEAD"),
    ask(4, "/empty", ""),
    ask(5, "/busy", "too busy", "503 Service Temporarily Unavailable"),
    replace(ask(6, "/long.txt", ""), received=b"line\nEND"),
    replace(ask(7, "/moved", ""), received=b"</html>\r\n"),
    post(8, "a=b"),
)
CONTENT = "the content waits for the server"
WAITING = post(9, CONTENT, "Expect: 100-continue\r\n")
PIPELINE = (
    ask(10, "/one", "the first page"),
    ask(11, "/empty", ""),
    replace(ask(12, "/missing", "", MISSING), received=b"</html>\r\n"),
    post(13, "c=d"),
    replace(ask(14, "/long.txt", ""), received=b"line\nEND"),
)
CUT_OFF = replace(ask(15, "/slow.txt", ""), received=None, error="connection reset", connection=1)


def http1(path: Path) -> list[Transaction]:
    """Errors, answers without content, content that waits for the server, requests in one segment, and a reset."""
    with recording(path, f"tcp port {PORT}"), server():
        with socket.create_connection((SERVER_IP, PORT), PATIENCE) as sock:
            done = [exchange(sock, each)[0] for each in SINGLE]
            begin = WAITING.sent.removesuffix(CONTENT.encode())
            exchange(sock, replace(WAITING, sent=begin, received=b"100 Continue\r\n\r\n"))
            exchange(sock, replace(WAITING, sent=CONTENT.encode()))
            done += [WAITING, *exchange(sock, *PIPELINE)]
        sock = socket.create_connection((SERVER_IP, PORT), PATIENCE)
        exchange(sock, replace(CUT_OFF, received=b"a long line"))
        reset(sock.detach())
    return [*done, CUT_OFF]
