"""TLS 1.2 and 1.3: OpenSSL on both sides. The client keeps the bytes that it sends and receives in its handshakes."""

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..network import SERVER, SERVER_IP, inside, recording
from ..recorded import WEB_HOST, certificate
from .log import Transaction
from .programs import folder, program
from .sockets import PATIENCE, received, reset

PORT, STRICT_PORT, BUSY_PORT = 443, 8443, 9443
CIPHER = "ECDHE-ECDSA-AES128-GCM-SHA256"
GET = b"GET /numbers.csv HTTP/1.0\r\n\r\n"
END = 20  # bytes at the end of an answer by which it is found
OLD, NEW = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


@contextmanager
def server() -> Iterator[Path]:
    """One that asks for nothing, one that wants a certificate and has its own groups, and one that never answers.

    Yields a folder with the certificate and its key.
    """
    with ExitStack() as stack:
        cert, key = stack.enter_context(certificate())
        place = stack.enter_context(folder())
        (place / "numbers.csv").write_text("HTTP/1.0 200 OK\r\n\r\na,b\n")
        common = ("-cert", cert, "-key", key, "-cipher", CIPHER, "-HTTP", "-quiet")
        start = ("sh", "-c", 'cd "$1" && shift && exec openssl s_server "$@"', "s_server", place)
        stack.enter_context(program(*start, "-accept", str(PORT), *common, port=PORT))
        strict = ("-accept", str(STRICT_PORT), "-groups", "P-256:P-384", "-Verify", "1")
        stack.enter_context(program(*start, *strict, *common, port=STRICT_PORT))
        with inside(SERVER):
            stack.enter_context(socket.create_server((SERVER_IP, BUSY_PORT)))
        yield cert.parent


def context(version: ssl.TLSVersion, place: Path | None = None) -> ssl.SSLContext:
    """A client of one version that trusts the certificate in `place`."""
    made = ssl.create_default_context(cafile=str(place / "cert.pem") if place else None)
    made.set_ciphers("ALL:@SECLEVEL=0")
    made.minimum_version = made.maximum_version = version
    return made


@dataclass
class Client:
    """A connection that keeps the bytes of its handshake: `sent` and `came` are those of each step."""

    context: ssl.SSLContext
    port: int = PORT
    session: ssl.SSLSession | None = None
    sent: list[bytes] = field(default_factory=list)
    came: list[bytes] = field(default_factory=list)
    error: str = ""

    def __post_init__(self) -> None:
        self.sock = socket.create_connection((SERVER_IP, self.port), PATIENCE)
        self.arriving, self.leaving = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = self.context.wrap_bio(self.arriving, self.leaving, server_hostname=WEB_HOST, session=self.session)
        try:
            while not self.step():
                pass
        except ssl.SSLError as error:
            self.error = str(error.reason)
            self.flush()

    def step(self) -> bool:
        """Sends, and receives if the server must answer. Returns whether the handshake has ended."""
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            self.flush()
            self.came.append(received(self.sock))
            self.arriving.write(self.came[-1])
            return False
        self.flush()
        return True

    def flush(self) -> None:
        if data := self.leaving.read():
            self.sent.append(data)
            self.sock.sendall(data)

    def fetch(self) -> ssl.SSLSession | None:
        """Asks for the file, and closes. Returns the session, with the tickets that came before the file."""
        self.tls.write(GET)
        self.flush()
        while not self.reads():
            self.arriving.write(received(self.sock))
        self.sock.close()
        return self.tls.session

    def reads(self) -> bool:
        try:
            return self.tls.read(65535) != b""
        except ssl.SSLWantReadError:
            return False

    def handshake(self, connection: int, answer: int | None = -1) -> Transaction:
        """The whole handshake: `answer` is the number of the server's last step in it, None if it did not end."""
        end = None if answer is None else self.came[answer][-END:]
        return Transaction("HANDSHAKE", self.sent[0], end, self.error, connection, more={"resource": WEB_HOST})


def tls(path: Path) -> list[Transaction]:
    """Full handshakes and resumed ones, another key share, refusals of both sides, and a reset."""
    ports = f"tcp port {PORT} or tcp port {STRICT_PORT} or tcp port {BUSY_PORT}"
    with recording(path, ports), server() as place:
        return [*agreed(place), *refused(place), *retried(place, 7), cut_off(place, 8)]


def agreed(place: Path) -> list[Transaction]:
    """A session of each version, and its resumption."""
    done = []
    for version in (NEW, OLD):
        trusting = context(version, place)
        first = Client(trusting)
        again = Client(trusting, session=first.fetch())
        again.fetch()
        assert again.tls.session_reused
        done += [first, again]
    return [client.handshake(number) for number, client in enumerate(done)]


def refused(place: Path) -> list[Transaction]:
    """No common cipher; a certificate that the client does not trust; a client without the certificate it needs."""
    other = context(OLD, place)
    other.set_ciphers("AES128-SHA")
    cipher, distrust, nameless = Client(other), Client(context(OLD)), Client(context(OLD, place), STRICT_PORT)
    for client in (cipher, distrust, nameless):
        client.sock.close()
    return [cipher.handshake(4), distrust.handshake(5, None), nameless.handshake(6)]


def retried(place: Path, connection: int) -> list[Transaction]:
    """The server asks for another key share, by a HelloRetryRequest."""
    known = context(NEW, place)
    known.load_cert_chain(place / "cert.pem", place / "key.pem")
    client = Client(known, STRICT_PORT)
    client.sock.close()
    first = client.handshake(connection, 0)
    return [first, replace(first, sent=client.sent[1], received=client.came[-1][-END:])]


def cut_off(place: Path, connection: int) -> Transaction:
    """The client gives up on a server that does not answer."""
    sock = socket.create_connection((SERVER_IP, BUSY_PORT))
    hello = ssl.MemoryBIO()
    tls = context(NEW, place).wrap_bio(ssl.MemoryBIO(), hello, server_hostname=WEB_HOST)
    with suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    sent = hello.read()
    sock.sendall(sent)
    time.sleep(0.1)
    reset(sock.detach())
    return Transaction("HANDSHAKE", sent, None, "connection reset", connection, more={"resource": WEB_HOST})
