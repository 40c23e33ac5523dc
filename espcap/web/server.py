"""Listens, and tells the address of the page."""

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
    """Where to listen, and how."""

    host: str
    port: int
    """0 is any that is free."""
    certificate: Path | None = None
    key: Path | None = None


class _Server(uvicorn.Server):
    """Ends in order at SIGINT and SIGTERM, and leaves it at that: who is asked to stop has not failed."""

    def __init__(self, config: uvicorn.Config, on_start: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_start = on_start

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begins to take requests."""
        await super().startup(sockets)
        self._on_start()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """For as long as it runs."""
        before = {each: signal.signal(each, self.handle_exit) for each in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)


def is_loopback(host: str) -> bool:
    """Whether nobody but this machine can reach it."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def serve(application: ASGIApp, place: ListenAddress, tell: Callable[[str], None]) -> None:
    """Answers until SIGINT or SIGTERM. `tell` is told the address once requests are taken.

    Raises UsageError for a bad certificate, EspcapError where the place cannot be listened at.
    """
    _check_certificate(place)
    listener = _listen(place)
    host, port = listener.getsockname()[:2]
    token = secrets.token_urlsafe(24)
    scheme = "https" if place.certificate else "http"
    names = {"localhost", place.host, socket.gethostname(), socket.getfqdn()}
    guard = AccessGuard(application, token, names, secure=scheme == "https")
    config = uvicorn.Config(
        guard,
        log_level="critical",
        access_log=False,  # it would hold the token
        ws="none",
        h11_max_incomplete_event_size=1 << 20,  # cookies of all other servers of the machine come along
        server_header=False,
        lifespan="off",
        timeout_graceful_shutdown=5,
        ssl_certfile=place.certificate,
        ssl_keyfile=place.key,
    )
    address = f"{scheme}://{_named(place.host, host)}:{port}/?token={token}"
    _Server(config, lambda: tell(address)).run([listener])


def _named(wanted: str, host: str) -> str:
    """The name that others reach this machine by, where it listens everywhere."""
    if ip_address(host).is_unspecified:
        return socket.gethostname()
    name = host if wanted != "localhost" else wanted
    return f"[{name}]" if ":" in name else name


def _check_certificate(place: ListenAddress) -> None:
    if not place.certificate:
        return
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(place.certificate, place.key)
    except (OSError, ssl.SSLError) as error:
        message = f"cannot use the certificate {place.certificate}: {error.strerror or error}"
        raise UsageError(message, "name PEM files with --certificate and --key") from error


def _listen(place: ListenAddress) -> socket.socket:
    """A socket that says it is TCP: only then does asyncio send answers without waiting for acknowledgements."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except OSError as error:
        message = f"cannot listen at {printable(place.host)}:{place.port}: {error.strerror}"
        raise EspcapError(message, "name another place with --listen") from error
    return listener
