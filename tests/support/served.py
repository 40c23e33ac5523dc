"""A running `espcap serve`, and a client that says exactly what it is told to."""

import http.client
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from types import MappingProxyType
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.support.command import start


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass(frozen=True)
class Served:
    """Where the page is."""

    host: str
    port: int
    token: str
    process: int

    @property
    def origin(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def cookie(self) -> dict[str, str]:
        """What a browser sends once it has been at the printed address."""
        return {"Cookie": f"espcap-{self.port}={self.token}"}

    def ask(
        self, path: str, headers: Mapping[str, str] = MappingProxyType({}), method: str = "GET", body: bytes = b""
    ) -> Answer:
        """One request with these headers alone."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=60)
        try:
            connection.request(method, path, body or None, dict(headers))
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, found, answer.read())
        finally:
            connection.close()

    def get(self, path: str, **parameters: str) -> Answer:
        """As the page asks."""
        return self.ask(f"{path}?{urlencode(parameters)}" if parameters else path, self.cookie)


@contextmanager
def served(node: str, *arguments: str | Path) -> Iterator[Served]:
    """Starts the page for a node on a free port; it must end in order."""
    process = start("serve", "--node", node, "--listen", "127.0.0.1:0", *arguments)
    assert process.stdout
    assert process.stderr
    try:
        address = urlsplit(process.stdout.readline().decode().strip())
        assert address.hostname, process.stderr.read().decode()
        assert address.port
        yield Served(address.hostname, address.port, parse_qs(address.query)["token"][0], process.pid)
        process.send_signal(signal.SIGTERM)
        errors = process.communicate(timeout=30)[1].decode()
        assert process.returncode == 0, errors
        assert "Traceback" not in errors
    finally:
        process.kill()
        process.wait()


class Reading(HTMLParser):
    """What a browser makes of a page: its elements, their attributes, and the text of cells."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.cells: list[str] = []
        self._in_cell = False
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attributes
        if tag == "td":
            self.cells.append("")
        self._in_cell = tag == "td" or (self._in_cell and tag != "tr")

    def handle_endtag(self, tag: str) -> None:
        self._in_cell = self._in_cell and tag != "td"

    def handle_data(self, text: str) -> None:
        if self._in_cell:
            self.cells[-1] += text

    @property
    def packets(self) -> list[str]:
        return [value or "" for name, value in self.attributes if name == "data-packet"]
