"""Transactions of SNMP version 3: paired by the message's identifier, also if they are encrypted."""

from pathlib import Path
from typing import Any

from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw
from scapy.utils import wrpcap

from tests.support.messages import follow

GET, RESPONSE, REPORT = 0xA0, 0xA2, 0xA8
SYS_NAME = bytes.fromhex("2b06010201010500")


def value(tag: int, *parts: bytes) -> bytes:
    """A value in BER. No value here is longer than 255 bytes."""
    content = b"".join(parts)
    length = bytes([len(content)]) if len(content) < 128 else bytes([0x81, len(content)])
    return bytes([tag]) + length + content


def integer(number: int) -> bytes:
    return value(2, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def pdu(kind: int, request_id: int) -> bytes:
    names = value(0x30, value(0x30, value(6, SYS_NAME), value(5)))
    inner = value(kind, integer(request_id), integer(0), integer(0), names)
    return value(0x30, value(4, b"engine"), value(4), inner)


def message(identifier: int, data: bytes, flags: int) -> bytes:
    head = value(0x30, integer(identifier), integer(65507), value(4, bytes([flags])), integer(3))
    user = value(4, value(0x30, value(4, b"engine"), integer(1), integer(2), value(4, b"alice"), value(4), value(4)))
    return value(0x30, integer(3), head, user, data)


def transactions(folder: Path, *messages: tuple[bool, bytes]) -> list[dict[str, Any]]:
    """Those of messages, each with whether the agent sends it, one second after the other."""
    packets = []
    for number, (back, text) in enumerate(messages):
        client, agent = ("192.0.2.1", 40000), ("192.0.2.2", 161)
        near, far = (agent, client) if back else (client, agent)
        packet = Ether() / IP(src=near[0], dst=far[0]) / UDP(sport=near[1], dport=far[1]) / Raw(text)
        packet.time = 1_714_557_600 + number
        packets.append(packet)
    wrpcap(str(folder / "snmp.pcap"), packets)
    return [each for each in follow(folder / "snmp.pcap") if each["type"] == "snmp"]


def frames(transaction: dict[str, Any]) -> tuple[int | None, int | None, str]:
    request, response = (transaction.get(half, {}).get("frame") for half in ("request", "response"))
    return request, response, transaction["status"]


def test_report_answers_another_request_identifier(tmp_path: Path) -> None:
    """The discovery of an engine: the report has the identifier of the message, but not that of the request."""
    found = transactions(
        tmp_path,
        (False, message(7, pdu(GET, 70), 4)),
        (True, message(7, pdu(REPORT, 0), 0)),
        (False, message(8, pdu(GET, 71), 4)),
        (False, message(9, pdu(GET, 72), 4)),
        (True, message(9, pdu(RESPONSE, 72), 0)),
        (True, message(8, pdu(RESPONSE, 71), 0)),
    )
    assert sorted(map(frames, found)) == [(1, 2, "Error"), (3, 6, "OK"), (4, 5, "OK")]
    assert {each["user"]["name"] for each in found} == {"alice"}


def test_encrypted(tmp_path: Path) -> None:
    secret = value(4, b"\x01\x02\x03\x04\x05\x06\x07\x08")
    found = transactions(
        tmp_path,
        (False, message(7, secret, 7)),
        (False, message(8, secret, 7)),
        (True, message(8, secret, 3)),
        (True, message(7, secret, 3)),
        (False, message(9, secret, 3)),  # nothing answers it, as with a trap
    )
    assert sorted(map(frames, found)) == [(1, 4, "OK"), (2, 3, "OK")]
    assert {each["event"]["duration"] for each in found} == {1_000_000_000, 3_000_000_000}
