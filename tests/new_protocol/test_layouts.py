"""How the generated client and server write and read messages, and what the server does with wrong ones."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from espcap.new_protocol import binary_layout, line_layout
from espcap.new_protocol.checks import checked
from espcap.new_protocol.samples import exchanges, layout_of
from tests.new_protocol.examples import ALL, ECHO, FIXED, LENGTH, LINE, MARKED, write


@pytest.mark.parametrize("made", [ECHO, LINE, LENGTH, MARKED, FIXED], ids=["echo", "line", "length", "marked", "fixed"])
def test_each_message_is_complete_at_its_last_byte(made: object) -> None:
    protocol = checked(made)  # type: ignore[arg-type]
    layout = layout_of(protocol)
    for each in exchanges(protocol):
        for values in (each.request, each.answer):
            message = layout.encode(values)
            assert layout.decode(message) == values
            assert [layout.length(message[:size]) for size in range(len(message))] == [0] * len(message)
            assert layout.length(message + b"more") == len(message)


def test_bytes_of_messages() -> None:
    line = line_layout.Layout((("mark", "string", 1), ("op", "string", 0), ("n", "uint8", 0), ("text", "string", 0)))
    assert line.encode({"mark": ">", "op": "GET", "n": 7, "text": "a b"}) == b">GET 7 a b\n"
    assert line.decode(b">GET  007   a b\r\n") == {"mark": ">", "op": "GET", "n": 7, "text": "a b"}
    fields = (
        ("op", "uint8", 1),
        ("length", "uint16", 2),
        ("at", "ipv4", 4),
        ("who", "string", 3),
        ("rest", "bytes", 0),
    )
    values: binary_layout.Values = {"op": 1, "at": "192.0.2.9", "who": "me", "rest": "ff00"}
    small = binary_layout.Layout(fields, "little", uncounted=3)
    assert small.encode(values) == b"\x01\x09\x00\xc0\x00\x02\x09me\x00\xff\x00"
    whole = binary_layout.Layout(fields, "big")
    assert whole.encode(values) == b"\x01\x00\x0c\xc0\x00\x02\x09me\x00\xff\x00"


def test_wrong_messages() -> None:
    line = line_layout.Layout((("a", "string", 0), ("b", "uint8", 0)))
    for message in (b"\n", b"a\n", b"a b\n"):
        with pytest.raises(ValueError):  # noqa: PT011 - of the layout or of int()
            line.decode(message)
    with pytest.raises(ValueError, match="longer than"):
        line.length(b"x" * 100_000)
    binary = binary_layout.Layout((("length", "uint32", 4), ("n", "uint16", 2)))
    for length in (0, 3, 2**32 - 1):
        with pytest.raises(ValueError, match="cannot have"):
            binary.length(length.to_bytes(4))
    with pytest.raises(ValueError, match="too short for n"):
        binary.decode(b"\0\0\0\5\0")


@contextmanager
def serving(folder: Path) -> Iterator[int]:
    """The server of a folder runs on this port."""
    command = [sys.executable, str(folder / "server.py"), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout
        yield int(server.stdout.readline().split()[1])
        server.terminate()
        assert "Traceback" not in server.communicate(timeout=30)[1]


@pytest.mark.parametrize("name", ["length-tcp", "length-udp", "line-tcp", "line-udp"])
def test_the_server_survives_wrong_messages(name: str, tmp_path: Path) -> None:
    """A connection is closed, a datagram gets no answer, and then others are answered."""
    made = ALL[name]
    folder = write(tmp_path / "made", made)
    kind = socket.SOCK_STREAM if made.transport == "tcp" else socket.SOCK_DGRAM
    with serving(folder) as port, socket.socket(socket.AF_INET, kind) as client:
        client.settimeout(30)
        client.connect(("127.0.0.1", port))
        client.send(b"\xff" * 40 + b"\n")
        if made.transport == "tcp":
            assert client.recv(100) == b""
        command = [sys.executable, str(folder / "client.py"), "--port", str(port)]
        assert len(subprocess.run(command, capture_output=True, check=True, timeout=30).stdout.splitlines()) == 4
