"""Transactions of conversations that are made packet by packet: segments that come late, and identifiers used twice."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from scapy.layers.dns import DNS, DNSQR
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw
from scapy.utils import wrpcap

from tests.support.command import espcap

pytest_plugins = ["tests.support.native"]
pytestmark = pytest.mark.usefixtures("native_reader")

START = 1_700_000_000
CLIENT, SERVER = "192.0.2.1", "192.0.2.2"
IN_ORDER = ("-o", "tcp.reassemble_out_of_order:TRUE")


class Connection:
    """Makes the packets of one connection of TCP, one each hundredth of a second."""

    def __init__(self, port: int = 80) -> None:
        self.packets: list[Packet] = []
        self._port = port
        self._next = {CLIENT: 1000, SERVER: 5000}
        self.send(CLIENT, b"", "S")
        self.send(SERVER, b"", "SA")
        self.send(CLIENT, b"", "A")

    def send(self, sender: str, data: bytes, flags: str = "PA") -> None:
        """A segment in order."""
        self._add(sender, self._next[sender], data, flags)
        self._next[sender] += len(data) + ("S" in flags)

    def send_out_of_order(self, segments: list[bytes], order: Iterable[int]) -> None:
        """Segments of the server in another order."""
        first = self._next[SERVER]
        for place in order:
            self._add(SERVER, first + len(b"".join(segments[:place])), segments[place], "PA")
        self._next[SERVER] += len(b"".join(segments))

    def _add(self, sender: str, number: int, data: bytes, flags: str) -> None:
        receiver = SERVER if sender == CLIENT else CLIENT
        ports = (40000, self._port) if sender == CLIENT else (self._port, 40000)
        acknowledged = 0 if flags == "S" else self._next[receiver]
        segment = TCP(sport=ports[0], dport=ports[1], flags=flags, seq=number, ack=acknowledged)
        packet = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / IP(src=sender, dst=receiver) / segment
        packet = packet / Raw(data) if data else packet
        packet.time = START + len(self.packets) / 100
        self.packets.append(packet)


def transactions(folder: Path, packets: list[Packet], *options: str) -> list[dict[str, Any]]:
    capture = folder / "made.pcap"
    wrpcap(str(capture), packets)
    ran = espcap("--file", capture, "--types", "transactions", *options)
    assert ran.status == 0, ran.errors
    return ran.documents


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: www.example.test\r\n\r\n".encode()


def answer(code: int, size: int, media: str = "") -> bytes:
    header = f"Content-Type: {media}\r\n" if media else ""
    return f"HTTP/1.1 {code} OK\r\n{header}Content-Length: {size}\r\n\r\n".encode() + b"x" * size


def cut(message: bytes, size: int) -> list[bytes]:
    return [message[start : start + size] for start in range(0, len(message), size)]


def test_a_segment_in_the_middle_of_an_answer_comes_late(tmp_path: Path) -> None:
    """Wireshark reassembles the answer, and it belongs to its request."""
    made = Connection()
    for code in (201, 202):
        made.send(CLIENT, get(f"/{code}"))
        made.send_out_of_order(cut(answer(code, 3000), 1000), (0, 2, 1, 3))
    found = transactions(tmp_path, made.packets, *IN_ORDER)
    assert [(each["resource"], each["http"]["response"]["status_code"]) for each in found] == [
        ("/201", 201),
        ("/202", 202),
    ]
    assert [(each["request"]["frame"], each["response"]["frame"]) for each in found] == [(4, 8), (9, 13)]


def test_pipelined_messages_have_their_own_sizes(tmp_path: Path) -> None:
    made = Connection()
    requests, answers = [get(f"/{'a' * size}") for size in (1, 20, 3)], [answer(200, size) for size in (9, 0, 5)]
    made.send(CLIENT, b"".join(requests))
    made.send(SERVER, b"".join(answers))
    found = transactions(tmp_path, made.packets)
    assert [each["client"]["bytes"] for each in found] == list(map(len, requests))
    assert [each["server"]["bytes"] for each in found] == list(map(len, answers))


@pytest.mark.parametrize("media", ["", "text/plain", "application/json", "image/png", "application/octet-stream"])
@pytest.mark.parametrize("size", [0, 9, 700, 3000])
def test_a_body_counts_whoever_dissects_it(tmp_path: Path, media: str, size: int) -> None:
    made = Connection()
    message = answer(200, size, media)
    for _ in range(2):
        made.send(CLIENT, get("/a"))
        for segment in cut(message, 1000):
            made.send(SERVER, segment)
    found = transactions(tmp_path, made.packets)
    assert [each["server"]["bytes"] for each in found] == [len(message)] * 2


def test_pipelined_bodies_count(tmp_path: Path) -> None:
    made = Connection()
    bodies = [(9, "application/json"), (0, ""), (40, ""), (5, "text/plain")]
    answers = [answer(200, size, media) for size, media in bodies]
    made.send(CLIENT, b"".join(get("/a") for _ in answers))
    made.send(SERVER, b"".join(answers))
    found = transactions(tmp_path, made.packets)
    assert [each["server"]["bytes"] for each in found] == list(map(len, answers))


@pytest.mark.parametrize("order", [(SERVER, CLIENT), (CLIENT, SERVER)])
def test_banners_of_ssh_in_both_orders(tmp_path: Path, order: tuple[str, str]) -> None:
    made = Connection(22)
    for sender in order:
        made.send(sender, b"SSH-2.0-Client\r\n" if sender == CLIENT else b"SSH-2.0-Server\r\n")
    [found] = transactions(tmp_path, made.packets)
    assert found["ssh"] == {"client": "SSH-2.0-Client", "server": "SSH-2.0-Server"}
    assert (found["status"], found["client"]["ip"]) == ("OK", CLIENT)
    assert (found["request"]["frame"], found["response"]["frame"]) == (4 + order.index(CLIENT), 4 + order.index(SERVER))
    assert found["event"]["duration"] >= 0


def test_a_banner_of_ssh_alone(tmp_path: Path) -> None:
    made = Connection(22)
    made.send(SERVER, b"SSH-2.0-Server\r\n")
    [found] = transactions(tmp_path, made.packets)
    assert found["ssh"] == {"server": "SSH-2.0-Server"}
    assert found["error"]["message"] == ["no request"]


def test_questions_of_dns_with_one_identifier(tmp_path: Path) -> None:
    """The first is never answered. The answer to the second is not that of the first."""
    made: list[Packet] = []
    for number, (name, is_answer) in enumerate([("a.test", False), ("b.test", False), ("b.test", True)]):
        ports = (53, 5000) if is_answer else (5000, 53)
        ends = IP(src=SERVER, dst=CLIENT) if is_answer else IP(src=CLIENT, dst=SERVER)
        message = DNS(id=7, qr=is_answer, qd=DNSQR(qname=name))
        packet = Ether() / ends / UDP(sport=ports[0], dport=ports[1]) / message
        packet.time = START + number
        made.append(packet)
    found = {each["dns"]["question"]["name"]: each for each in transactions(tmp_path, made)}
    assert found["b.test"]["request"]["frame"] == 2
    assert found["b.test"]["response"]["frame"] == 3
    assert found["a.test"]["error"]["message"] == ["end of capture"]
