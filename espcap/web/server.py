"""Runs the HTTP server and reports the address of the page."""

import secrets
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from espcap.base.errors import EspcapError, UsageError
from espcap.base.text import printable
from espcap.web.guard import AccessGuard


@dataclass(frozen=True)
class ListenAddress:
    """The address to listen on, and the certificate for TLS."""

    host: str
    port: int
    """0 is any free port."""
    certificate: Path | None = None
    key: Path | None = None


class _Server(uvicorn.Server):
    """Ends cleanly at SIGINT and SIGTERM, and does not raise the signal again, so that the exit code is 0."""

    def __init__(self, config: uvicorn.Config, on_start: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_start = on_start

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts to accept requests."""
        await super().startup(sockets)
        self._on_start()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handles both signals while the server runs."""
        before = {each: signal.signal(each, self.handle_exit) for each in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)


def is_loopback(host: str) -> bool:
    """Returns whether only this machine can reach the address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def serve(application: ASGIApp, listen: ListenAddress, on_start: Callable[[str], None]) -> None:
    """Serves the application until SIGINT or SIGTERM. Calls `on_start` with the page's address when it is ready.

    Raises UsageError if the certificate is invalid, EspcapError if the server cannot listen on the address.
    """
    _check_certificate(listen)
    listener = _listen(listen)
    host, port = listener.getsockname()[:2]
    token = secrets.token_urlsafe(24)
    scheme = "https" if listen.certificate else "http"
    names = {"localhost", listen.host, socket.gethostname(), socket.getfqdn()}
    guard = AccessGuard(application, token, names, secure=scheme == "https")
    config = uvicorn.Config(
        guard,
        log_level="critical",
        access_log=False,  # it would contain the token
        ws="none",
        h11_max_incomplete_event_size=1 << 20,  # requests contain cookies of all servers of the machine
        server_header=False,
        lifespan="off",
        timeout_graceful_shutdown=5,
        ssl_certfile=listen.certificate,
        ssl_keyfile=listen.key,
    )
    address = f"{scheme}://{_named(listen.host, host)}:{port}/?token={token}"
    _Server(config, lambda: on_start(address)).run([listener])


def _named(wanted: str, host: str) -> str:
    """Returns the host name for the page's address; that of the machine if the server listens on all addresses."""
    if ip_address(host).is_unspecified:
        return socket.gethostname()
    name = host if wanted != "localhost" else wanted
    return f"[{name}]" if ":" in name else name


def _check_certificate(listen: ListenAddress) -> None:
    if not listen.certificate:
        return
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(listen.certificate, listen.key)
    except (OSError, ssl.SSLError) as error:
        message = f"cannot use the certificate {listen.certificate}: {error.strerror or error}"
        raise UsageError(message, "name PEM files with --certificate and --key") from error


def _listen(listen: ListenAddress) -> socket.socket:
    """Opens the socket. With the protocol TCP, asyncio sends responses without waiting for acknowledgements."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(listen.host, listen.port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except OSError as error:
        message = f"cannot listen on {printable(listen.host)}:{listen.port}: {error.strerror}"
        raise EspcapError(message, "name another address with --listen") from error
    return listener
