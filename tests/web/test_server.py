"""The server in front of an application: address, token, certificate, and an end in order."""

import http.client
import os
import socket
import ssl
import subprocess
import threading
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGINT, SIGTERM, Signals, getsignal
from urllib.parse import SplitResult, parse_qs, urlsplit

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from espcap.base.errors import EspcapError, UsageError
from espcap.web.server import ListenAddress, is_loopback, serve

ANY_PORT = 0


async def page(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("the page")(scope, receive, send)


@dataclass
class Asked:
    """One request to the address that the server reports; a signal then ends the server."""

    context: ssl.SSLContext | None = None
    end: Signals = SIGTERM
    host: str = ""
    """The address to connect to, if the reported name may not be found from here."""
    address: SplitResult | None = None
    status: int = 0
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    def on_start(self, address: str) -> None:
        """Asks in another thread, because the server runs in the main thread, which gets signals."""
        self.address = urlsplit(address)
        threading.Thread(target=self._ask, args=(self.address,), daemon=True).start()

    def _ask(self, address: SplitResult) -> None:
        try:
            connection = self._connection(address)
            headers = {"Host": address.netloc, "Authorization": f"Bearer {parse_qs(address.query)['token'][0]}"}
            connection.request("GET", "/", headers=headers)
            answer = connection.getresponse()
            self.status, self.body = answer.status, answer.read()
            self.headers = {name.lower(): value for name, value in answer.getheaders()}
        finally:
            os.kill(os.getpid(), self.end)

    def _connection(self, address: SplitResult) -> http.client.HTTPConnection:
        host = self.host or address.hostname or ""
        if self.context:
            return http.client.HTTPSConnection(host, address.port, timeout=30, context=self.context)
        return http.client.HTTPConnection(host, address.port, timeout=30)


@pytest.fixture
def certificate(tmp_path: Path) -> ListenAddress:
    """An address with a self-signed certificate."""
    key, file = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(file)]
    subprocess.run(command, check=True, capture_output=True)
    return ListenAddress("127.0.0.1", ANY_PORT, file, key)


@pytest.mark.parametrize("number", [SIGINT, SIGTERM])
def test_the_reported_address_is_that_of_the_page(number: Signals) -> None:
    """The server returns after either signal, and does not raise it again."""
    before = [getsignal(each) for each in (SIGINT, SIGTERM)]
    asked = Asked(end=number)
    serve(page, ListenAddress("127.0.0.1", ANY_PORT), asked.on_start)
    assert asked.address
    assert (asked.address.scheme, asked.address.hostname) == ("http", "127.0.0.1")
    assert (asked.status, asked.body) == (200, b"the page")
    assert "server" not in asked.headers
    assert [getsignal(each) for each in (SIGINT, SIGTERM)] == before


def test_each_server_has_a_token_of_its_own() -> None:
    tokens = []
    for _ in range(2):
        asked = Asked()
        serve(page, ListenAddress("127.0.0.1", ANY_PORT), asked.on_start)
        assert asked.address
        tokens += parse_qs(asked.address.query)["token"]
    assert len(set(tokens)) == 2
    assert min(map(len, tokens)) == 32


def test_a_certificate_is_used(certificate: ListenAddress) -> None:
    asked = Asked(ssl.create_default_context(cafile=str(certificate.certificate)))
    serve(page, certificate, asked.on_start)
    assert asked.address
    assert asked.address.scheme == "https"
    assert (asked.status, asked.body) == (200, b"the page")


@pytest.mark.parametrize(
    ("content", "reason"), [(None, "No such file or directory"), ("text", "PEM lib"), ("", "PEM lib")]
)
def test_an_invalid_certificate_is_an_error(content: str | None, reason: str, tmp_path: Path) -> None:
    file = tmp_path / "certificate.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(UsageError) as raised:
        serve(page, ListenAddress("127.0.0.1", ANY_PORT, file), pytest.fail)
    assert raised.value.message.startswith(f"cannot use the certificate {file}: ")
    assert reason in raised.value.message


def test_a_key_of_another_certificate_is_an_error(certificate: ListenAddress, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", other], check=True, capture_output=True)
    with pytest.raises(UsageError, match="cannot use the certificate"):
        serve(page, ListenAddress("127.0.0.1", ANY_PORT, certificate.certificate, other), pytest.fail)


def test_a_port_that_is_in_use_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", ANY_PORT)) as used:
        port = used.getsockname()[1]
        with pytest.raises(EspcapError) as raised:
            serve(page, ListenAddress("127.0.0.1", port), pytest.fail)
    assert raised.value.message == f"cannot listen on 127.0.0.1:{port}: Address already in use"


def test_a_host_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(EspcapError, match=r"cannot listen on no host\\x1b:1: "):
        serve(page, ListenAddress("no host\x1b", 1), pytest.fail)


@pytest.mark.parametrize(
    ("listen", "shown"),
    [("127.0.0.2", "127.0.0.2"), ("localhost", "localhost"), ("0.0.0.0", socket.gethostname())],
)
def test_the_name_in_the_address_reaches_the_page(listen: str, shown: str) -> None:
    asked = Asked(host="127.0.0.1" if listen == "0.0.0.0" else "")
    serve(page, ListenAddress(listen, ANY_PORT), asked.on_start)
    assert asked.address
    assert asked.status == 200
    assert asked.address.netloc.rpartition(":")[0] == shown


def test_an_ipv6_address_is_in_brackets() -> None:
    asked = Asked()
    try:
        serve(page, ListenAddress("::1", ANY_PORT), asked.on_start)
    except EspcapError as error:
        pytest.skip(f"no IPv6 here: {error.message}")
    assert asked.address
    assert asked.address.netloc.startswith("[::1]:")
    assert asked.status == 200


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        *(("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True)),
        *(("0.0.0.0", False), ("::", False), ("192.0.2.1", False), ("localhost.example.test", False), ("", False)),
    ],
)
def test_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected
