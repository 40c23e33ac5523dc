"""Modbus over TCP: pymodbus as the server, a dialogue as the client."""

import socket
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from pymodbus.server import ServerStop, StartTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from ..network import SERVER_IP, recording
from .log import Transaction
from .programs import threaded
from .sockets import exchange, reset

PORT, UNIT = 502, 1


def server() -> AbstractContextManager[None]:
    """A device with ten registers that count from 100."""
    device = SimDevice(UNIT, simdata=[SimData(0, values=list(range(100, 110)), datatype=DataType.REGISTERS)])
    return threaded(lambda: StartTcpServer(device, address=(SERVER_IP, PORT)), ServerStop, PORT)


METHODS = {
    3: "Read Holding Registers",
    4: "Read Input Registers",
    6: "Write Single Register",
    16: "Write Multiple Registers",
}


def request(number: int, code: int, data: str, answer: str, error: str = "") -> Transaction:
    """A request with the number of its transaction; `data` and `answer` are in hexadecimal digits."""
    content = bytes.fromhex(data)
    head = number.to_bytes(2, "big") + bytes(2)
    sent = head + (len(content) + 2).to_bytes(2, "big") + bytes([UNIT, code]) + content
    got = bytes.fromhex(answer)
    more: dict[str, object] = {"transaction": number, "function": code}
    end = head + (len(got) + 1).to_bytes(2, "big") + bytes([UNIT]) + got
    return Transaction(METHODS[code], sent, end, error, more=more)


SINGLE = (
    request(1, 3, "0000 0003", "03 06 0064 0065 0066"),
    request(2, 6, "0001 1234", "06 0001 1234"),
    request(3, 16, "0002 0002 04 0001 0002", "10 0002 0002"),
    request(4, 4, "0001 0002", "04 04 1234 0001"),
    request(5, 3, "03e8 0001", "83 02", "Illegal data address"),
    request(6, 6, "03e8 0001", "86 02", "Illegal data address"),
)
LOST = "no answer"
PIPELINE = (
    request(7, 3, "0000 0001", "03 02 0064"),
    replace(request(8, 3, "0000 0002", ""), received=None, error=LOST),
    replace(request(9, 3, "0000 0003", ""), received=None, error=LOST),
)
LAST = request(1, 3, "0000 0001", "")


def modbus(path: Path) -> list[Transaction]:
    """Reads and writes, exceptions, and a request before a reset.

    Of three requests in one segment this server answers only the first.
    """
    with recording(path, f"tcp port {PORT}"), server():
        with socket.create_connection((SERVER_IP, PORT)) as sock:
            done = [exchange(sock, single)[0] for single in SINGLE] + exchange(sock, *PIPELINE)
        sock = socket.create_connection((SERVER_IP, PORT))
        reset_after = replace(LAST, received=None, error="connection reset", connection=1)
        exchange(sock, reset_after)
        reset(sock.detach())
    return [*done, reset_after]
