"""FTP: pyftpdlib as the server, ftplib as the client."""

import ftplib
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer

from ..network import SERVER, SERVER_IP, inside, recording
from .log import TURN, Transaction
from .programs import folder
from .sockets import exchange


class Handler(FTPHandler):  # type: ignore[misc]
    """Greets without the version of the library, and answers a wrong password at once."""

    banner = "example-server ready."
    auth_failed_timeout = 0


@contextmanager
def server() -> Iterator[None]:
    with folder() as place:
        (place / "numbers.csv").write_text("a,b\n1,2\n")
        Handler.authorizer = DummyAuthorizer()
        Handler.authorizer.add_user("reader", "secret", str(place), perm="elradfmw")
        with inside(SERVER):
            running = FTPServer((SERVER_IP, 21), Handler)
        thread = threading.Thread(target=running.serve_forever, kwargs={"timeout": 0.05, "handle_exit": False})
        with inside(SERVER):
            thread.start()
        try:
            yield
        finally:
            running.close_all()
            thread.join()


def command(text: str, error: str = "", received: bytes | None = TURN, session: bool = False) -> Transaction:
    method, _, argument = text.partition(" ")
    more: dict[str, object] = {"resource": argument} if argument else {}
    sent = f"{text}\r\n".encode()
    return Transaction(method, sent, received, error, session=session, more={**more, "query": text})


DIALOGUE = [
    command("USER reader"),
    command("PASS wrong", "530 Authentication failed."),
    command("USER reader"),
    command("PASS secret"),
    command("TYPE I"),
    command("PASV"),
    command("RETR numbers.csv"),
    command("TYPE I"),
    command("PASV"),
    command("STOR copy.csv"),
    command("CWD missing", "550 No such file or directory."),
]
PIPELINE = [
    command("NOOP", received=b"200 I successfully did nothing'.\r\n"),
    command("SIZE missing", "550 /missing is not retrievable.", b"550 /missing is not retrievable.\r\n"),
    command("PWD", received=b'257 "/" is the current directory.\r\n'),
]


def ftp(path: Path) -> list[Transaction]:
    """Logins, a download, an upload, errors, and three commands in one segment."""
    with recording(path, "tcp"), server():
        client = ftplib.FTP()
        client.connect(SERVER_IP)
        with suppress(ftplib.error_perm):
            client.login("reader", "wrong")
        client.login("reader", "secret")
        client.retrbinary("RETR numbers.csv", list)
        client.storbinary("STOR copy.csv", io.BytesIO(b"c,d\n3,4\n"))
        with suppress(ftplib.error_perm):
            client.cwd("missing")
        assert client.sock
        done = [*DIALOGUE, *exchange(client.sock, *PIPELINE), command("QUIT", session=True)]
        client.quit()
    return done
