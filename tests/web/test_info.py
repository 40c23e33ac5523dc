"""What the page says of a packet in a line."""

from typing import Any

import pytest

from espcap.web.info import info

ENDS = {"source": {"port": 45970}, "destination": {"port": 80}}
FLAGS = {"flags": 24, "flags_push": True, "flags_ack": True, "flags_syn": False, "seq": 1, "len": 137}
REQUEST = {"request_method": "GET", "request_uri": "/catalog.xml", "host": "www.example.test"}


@pytest.mark.parametrize(
    ("document", "line"),
    [
        ({"info": "GET /catalog.xml HTTP/1.1 "}, "GET /catalog.xml HTTP/1.1 "),
        ({"info": "x" * 300}, "x" * 200 + "…"),
        (
            {**ENDS, "protocol": "http", "layers": {"tcp": FLAGS, "http": REQUEST}},
            "45970 → 80 [PSH, ACK] Seq=1 Len=137 request_method=GET request_uri=/catalog.xml host=www.example.test",
        ),
        ({"protocol": "arp", "layers": {"arp": {"opcode": 1}}}, "opcode=1"),
        ({}, ""),
        ({"layers": "text", "source": 1, "info": 5}, ""),
    ],
)
def test_info(document: dict[str, Any], line: str) -> None:
    assert info(document) == line
