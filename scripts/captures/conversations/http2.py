"""HTTP/2 without TLS: nghttpd as the server, the library h2 as the client, which keeps the frames that it gets."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.settings import SettingCodes, Settings

from ..network import SERVER_IP, recording
from ..recorded import WEB_HOST
from ..web import request_headers
from .log import Transaction
from .programs import folder, program
from .sockets import PATIENCE, received, reset

PORT, WINDOW = 80, 2000  # bytes that the server may send of a stream
FILES = {"/numbers.csv": "a,b\n", "/long.txt": "long line\n" * 300}
DATA, RESET, END_STREAM, HEAD = 0, 3, 1, 9  # types of frames, a flag, and bytes of the head of a frame
MISSING = "404"


@contextmanager
def server() -> Iterator[None]:
    with folder() as place:
        for name, content in FILES.items():
            (place / name[1:]).write_text(content)
        with program("nghttpd", "--no-tls", "-a", SERVER_IP, "-d", place, str(PORT), port=PORT):
            yield


class Client:
    """A connection, which opens with what HTTP/2 begins with."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.sock = socket.create_connection((SERVER_IP, PORT), PATIENCE)
        self.http = H2Connection()
        wanted = {SettingCodes.INITIAL_WINDOW_SIZE: WINDOW, SettingCodes.ENABLE_PUSH: 0}
        self.http.local_settings = Settings(client=True, initial_values=wanted)
        self.http.initiate_connection()
        self.came = b""
        self.answers: dict[int, bytes] = {}
        """The last frame of each stream."""
        self.send()

    def send(self) -> bytes:
        self.sock.sendall(sent := self.http.data_to_send())
        return sent

    def ask(self, method: str, target: str, body: bytes = b"") -> tuple[int, Transaction]:
        """Makes a request, which `send` sends. Returns the stream, and what is known of the request."""
        stream = self.http.get_next_available_stream_id()
        headers = [(":method", method), *request_headers(WEB_HOST, target, "http")[1:]]
        self.http.send_headers(stream, headers, end_stream=not body)
        error = MISSING if target not in FILES else ""
        more = {"resource": target, "stream": stream}
        return stream, Transaction(method, b"", b"", error, self.number, more=more)

    def exchange(self, *targets: str, method: str = "GET") -> list[Transaction]:
        """Sends requests in one segment, and reads on until each has its whole answer."""
        done = []
        for target in targets:
            stream, asked = self.ask(method, target)
            done.append((stream, replace(asked, sent=self.http.data_to_send())))
        self.sock.sendall(b"".join(asked.sent for _, asked in done))
        self.read({stream for stream, _ in done})
        return [replace(asked, received=self.answers[stream]) for stream, asked in done]

    def upload(self, target: str) -> Transaction:
        """A request whose content is in segments of its own."""
        stream, asked = self.ask("POST", target, b"content")
        self.send()
        self.http.send_data(stream, b"first")
        self.send()
        self.http.send_data(stream, b"last", end_stream=True)
        sent = self.send()
        self.read({stream})
        return replace(asked, sent=sent, received=self.answers[stream])

    def cancel(self, target: str) -> Transaction:
        """Resets a stream whose answer has begun."""
        stream, asked = self.ask("GET", target)
        asked = replace(asked, sent=self.send(), received=None, error="CANCEL")
        while stream not in self.answers:
            self.frames()
        self.http.reset_stream(stream, ErrorCodes.CANCEL)
        self.send()
        return asked

    def read(self, streams: set[int]) -> None:
        """Reads until these streams have ended, and lets the server send on."""
        while streams:
            streams -= self.frames()
            for stream in streams & self.answers.keys():
                if (size := len(self.answers[stream]) - HEAD) and self.answers[stream][3] == DATA:
                    self.http.acknowledge_received_data(size, stream)
            self.send()

    def frames(self) -> set[int]:
        """Reads frames. Returns the streams that have ended."""
        self.came += (data := received(self.sock))
        self.http.receive_data(data)
        ended = set()
        while len(self.came) >= HEAD and len(self.came) >= (size := HEAD + int.from_bytes(self.came[:3], "big")):
            frame, self.came = self.came[:size], self.came[size:]
            stream = int.from_bytes(frame[5:9], "big")
            self.answers[stream] = frame
            if frame[3] == RESET or frame[4] & END_STREAM:
                ended.add(stream)
        return ended


def http2(path: Path) -> list[Transaction]:
    """Requests one after the other and three in one segment, one that is missing, one cancelled; a connection reset."""
    with recording(path, f"tcp port {PORT}"), server():
        client = Client(0)
        done = [*client.exchange("/numbers.csv"), *client.exchange("/missing")]
        done += [*client.exchange("/numbers.csv", method="HEAD"), client.upload("/numbers.csv")]
        done += client.exchange("/long.txt", "/missing", "/numbers.csv")
        done += [client.cancel("/long.txt"), *client.exchange("/numbers.csv")]
        client.http.close_connection()
        client.send()
        client.sock.close()
        return [*done, cut_off(Client(1))]


def cut_off(client: Client) -> Transaction:
    """A request whose connection is reset before the whole answer has come."""
    stream, asked = client.ask("GET", "/long.txt")
    sent = client.send()
    while stream not in client.answers:
        client.frames()
    reset(client.sock.detach())
    return replace(asked, sent=sent, received=None, error="connection reset")
