"""HTTP/1.1, HTTP/2 and HTTP/3 servers at the server's end of the cable, and clients for HTTP/2 and HTTP/3."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, TextIO

import h2.config
import h2.connection
import h2.events
from aioquic.asyncio.client import connect
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.asyncio.server import serve
from aioquic.h3.connection import H3Connection
from aioquic.h3.events import DataReceived, H3Event, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import QuicEvent

from .network import SERVER, inside

ORDER = b"<?xml version='1.0'?><order id='7'><item>seven</item></order>"
CATALOG = b"".join(b"<book id='%d'><title>Title %d</title></book>" % (n, n) for n in range(90))
PAGES = {
    "/order.xml": ORDER,
    "/catalog.xml": b"<?xml version='1.0'?><catalog>" + CATALOG + b"</catalog>",
}


class WebHandler(BaseHTTPRequestHandler):
    """Answers with the pages of PAGES, with /chunked.xml in chunks, and with 404 for other pages."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/chunked.xml":
            self.send_chunked(b"<?xml version='1.0'?><list>", b"<entry>one</entry>", b"</list>")
        elif self.path in PAGES:
            self.send_page(200, PAGES[self.path])
        else:
            self.send_page(404, b"<?xml version='1.0'?><error>no such page</error>")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_page(201, ORDER)

    def send_page(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def send_chunked(self, *chunks: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for chunk in (*chunks, b""):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))

    def version_string(self) -> str:
        return "example-server/1.0"

    def date_time_string(self, timestamp: float | None = None) -> str:
        return "Wed, 01 May 2024 10:00:00 GMT"

    def log_message(self, format: str, *args: Any) -> None:
        pass


class WebServer(HTTPServer):
    def __init__(self, address: str, port: int, context: ssl.SSLContext | None) -> None:
        self.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        super().__init__((address, port), WebHandler)
        if context:
            self.socket = context.wrap_socket(self.socket, server_side=True)

    def server_bind(self) -> None:
        # HTTPServer would send a DNS query for the name of this machine.
        super(HTTPServer, self).server_bind()


@contextmanager
def http1(address: str, port: int, context: ssl.SSLContext | None = None) -> Iterator[None]:
    with inside(SERVER):
        server = WebServer(address, port, context)
    thread = threading.Thread(target=server.serve_forever, args=(0.1,))
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def tls_context(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


@contextmanager
def http2(address: str, port: int) -> Iterator[None]:
    with inside(SERVER):
        listener = socket.create_server((address, port))
    thread = threading.Thread(target=http2_server, args=(listener,))
    thread.start()
    with listener:
        yield
        thread.join()


def http2_server(listener: socket.socket) -> None:
    """Serves one connection until the client closes it."""
    sock, _ = listener.accept()
    connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
    connection.initiate_connection()
    with sock:
        sock.sendall(connection.data_to_send())
        while data := sock.recv(65535):
            for event in connection.receive_data(data):
                if isinstance(event, h2.events.RequestReceived):
                    http2_answer(connection, event)
            sock.sendall(connection.data_to_send())


def http2_answer(connection: h2.connection.H2Connection, request: h2.events.RequestReceived) -> None:
    target = dict(request.headers)[b":path"].decode()
    status = "200" if target in PAGES else "404"
    headers = [(":status", status), ("content-type", "application/xml")]
    connection.send_headers(request.stream_id, headers)
    connection.send_data(request.stream_id, PAGES.get(target, b""), end_stream=True)


def http2_client(address: str, port: int, host: str, targets: list[str]) -> None:
    connection = h2.connection.H2Connection()
    connection.initiate_connection()
    with socket.create_connection((address, port)) as sock:
        for target in targets:
            stream = connection.get_next_available_stream_id()
            connection.send_headers(stream, request_headers(host, target, "http"), end_stream=True)
            sock.sendall(connection.data_to_send())
            http2_await_end(connection, sock)
        connection.close_connection()
        sock.sendall(connection.data_to_send())


def http2_await_end(connection: h2.connection.H2Connection, sock: socket.socket) -> None:
    events: list[h2.events.Event] = []
    while not any(isinstance(event, h2.events.StreamEnded) for event in events):
        events = connection.receive_data(sock.recv(65535))
        sock.sendall(connection.data_to_send())


def request_headers(host: str, target: str, scheme: str) -> list[tuple[str, str]]:
    pseudo = {":method": "GET", ":scheme": scheme, ":authority": host, ":path": target}
    return [*pseudo.items(), ("user-agent", "example-client/1.0")]


class Http3(QuicConnectionProtocol):
    """A side of an HTTP/3 connection: a server answers each request; a client sets `ended` after the response."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.http = H3Connection(self._quic)
        self.ended = asyncio.Event()

    def quic_event_received(self, event: QuicEvent) -> None:
        for http_event in self.http.handle_event(event):
            if self._quic.configuration.is_client:
                self.note_end(http_event)
            elif isinstance(http_event, HeadersReceived):
                self.answer(http_event.stream_id)

    def note_end(self, event: H3Event) -> None:
        if isinstance(event, DataReceived) and event.stream_ended:
            self.ended.set()

    def answer(self, stream: int) -> None:
        self.http.send_headers(stream, [(b":status", b"200"), (b"content-type", b"text/xml")])
        self.http.send_data(stream, ORDER, end_stream=True)
        self.transmit()

    async def get(self, host: str, target: str) -> None:
        headers = [(k.encode(), v.encode()) for k, v in request_headers(host, target, "https")]
        self.http.send_headers(self._quic.get_next_available_stream_id(), headers, end_stream=True)
        self.transmit()
        await self.ended.wait()


@contextmanager
def http3(address: str, certificate: Path, key: Path) -> Iterator[None]:
    configuration = QuicConfiguration(is_client=False, alpn_protocols=["h3"])
    configuration.load_cert_chain(certificate, key)
    loop = asyncio.new_event_loop()
    with inside(SERVER):
        serving = serve(address, 443, configuration=configuration, create_protocol=Http3)
        server = loop.run_until_complete(serving)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def http3_client(address: str, host: str, certificate: Path, keys: TextIO) -> None:
    configuration = QuicConfiguration(
        alpn_protocols=["h3"], server_name=host, cafile=str(certificate), secrets_log_file=keys
    )

    async def talk() -> None:
        async with connect(address, 443, configuration=configuration, create_protocol=Http3) as protocol:
            assert isinstance(protocol, Http3)
            await protocol.get(host, "/order.xml")

    asyncio.run(talk())
