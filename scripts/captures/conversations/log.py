"""What clients and servers did, and the frames of it: the source of transactions.json."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..network import CLIENT_IP, CLIENT_IP6, run

PORTS = ["tcp.srcport", "tcp.dstport", "udp.srcport", "udp.dstport"]
FIELDS = ["frame.number", "ip.src", "ipv6.src", "tcp.payload", "udp.payload", *PORTS]
FILE = "transactions.json"
TURN = b""
"""For `received`: all that the server sends until the client speaks again."""
Json = dict[str, object]


@dataclass
class Transaction:
    """A request and its answer, as client and server know them.

    `sent` are bytes in the request, `received` the last bytes of the answer, None if there was none. `connection`
    counts the connections of the recording from 0. `session` says that it opens or closes the session.
    `more` are other keys. With `from_server` the server asks and the client answers.
    """

    method: str
    sent: bytes
    received: bytes | None
    error: str = ""
    connection: int = 0
    session: bool = False
    more: Mapping[str, object] = field(default_factory=dict)
    from_server: bool = False


@dataclass
class Direction:
    """The bytes that one side of a connection sent, and the frame of each segment or datagram."""

    content: bytes = b""
    ends: list[tuple[int, int]] = field(default_factory=list)  # (offset of the end, frame)
    used: set[int] = field(default_factory=set)

    def add(self, frame: int, payload: bytes) -> None:
        self.content += payload
        self.ends.append((len(self.content), frame))

    def frame(self, wanted: bytes, first: int) -> int:
        """The frame, from frame `first` on, with the last byte of `wanted`, where it is not used yet.

        Raises ValueError if there is none.
        """
        start = -1
        while True:
            start = self.content.index(wanted, start + 1)
            end = start + len(wanted)
            frame = next(frame for offset, frame in self.ends if offset >= end)
            if end not in self.used and frame >= first:
                self.used.add(end)
                return frame

    def last(self, first: int, other: "Direction") -> int:
        """The last frame after frame `first` and before the next one of the other side. Raises ValueError."""
        end = min((frame for _, frame in other.ends if frame > first), default=sys.maxsize)
        return max(frame for _, frame in self.ends if first < frame < end)


def directions(path: Path) -> dict[tuple[int, bool], Direction]:
    """The two directions of each connection of a capture, by (number of the connection, whether the client sends).

    A connection is a pair of ports. (`udp.stream` counts each datagram of SNMP as another one.)
    """
    found: dict[tuple[int, bool], Direction] = {}
    connections: list[set[str]] = []
    words = [word for name in FIELDS for word in ("-e", name)]
    for line in run("tshark", "-n", "-r", path, "-T", "fields", *words).splitlines():
        number, ip, ip6, segment, datagram, *ports = line.split("\t")
        if set(ports) not in connections:
            connections.append(set(ports))
        if payload := bytes.fromhex(segment or datagram):
            key = (connections.index(set(ports)), ip == CLIENT_IP or ip6 == CLIENT_IP6)
            found.setdefault(key, Direction()).add(int(number), payload)
    return found


def located(path: Path, transactions: list[Transaction]) -> list[Json]:
    """The transactions with the frames of the capture, in the order of their requests."""
    sides = directions(path)
    entries = [entry(transaction, sides) for transaction in transactions]
    return sorted(entries, key=lambda item: int(str(item["request_frame"])))


def entry(transaction: Transaction, sides: dict[tuple[int, bool], Direction]) -> Json:
    """One transaction as transactions.json has it."""
    request = sides[transaction.connection, not transaction.from_server].frame(transaction.sent, 0)
    response = answer(transaction, request, sides)
    found: Json = {"request_frame": request, "response_frame": response, "method": transaction.method}
    found |= {**transaction.more, "status": "Error" if transaction.error else "OK"}
    found |= {"error": transaction.error} if transaction.error else {}
    found |= {"from": "server"} if transaction.from_server else {}
    return found | ({"session": True} if transaction.session else {})


def answer(transaction: Transaction, request: int, sides: dict[tuple[int, bool], Direction]) -> int | None:
    """The frame of the answer to the request in frame `request`."""
    if transaction.received is None:
        return None
    other = sides[transaction.connection, transaction.from_server]
    if transaction.received == TURN:
        return other.last(request, sides[transaction.connection, not transaction.from_server])
    return other.frame(transaction.received, request)


def save(path: Path, transactions: list[Transaction]) -> None:
    """Writes the transactions of a capture into the file beside it; the other captures there stay as they are."""
    file = path.with_name(FILE)
    known = json.loads(file.read_text()) if file.exists() else {}
    known[path.name] = located(path, transactions)
    file.write_text(text(known))


def text(captures: dict[str, list[Json]]) -> str:
    """JSON with one transaction a line."""
    parts = []
    for name, entries in sorted(captures.items()):
        lines = ",\n".join("  " + json.dumps(item, ensure_ascii=False) for item in entries)
        parts.append(f" {json.dumps(name)}: [\n{lines}\n ]")
    return "{\n" + ",\n".join(parts) + "\n}\n"
