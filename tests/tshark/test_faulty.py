"""The packet that makes tshark crash or hang is found, and the rest is read without it."""

from dataclasses import replace
from pathlib import Path

import pytest

from espcap.tshark.arguments import Settings
from espcap.tshark.faulty import FaultyCapture
from espcap.tshark.program import find_program
from tests.support.command import CAPTURES
from tests.support.faulty_tshark import CRASH, HANG, fake


@pytest.mark.parametrize("fault", [CRASH, HANG], ids=["crash", "hang"])
def test_packet_is_found_and_left_out(tmp_path: Path, fault: str) -> None:
    program = replace(find_program(), path=str(fake(tmp_path, (3,), fault)))
    with (CAPTURES / "dns.pcap").open("rb") as file:
        capture = FaultyCapture(program, Settings(), None, 10, file)
        assert capture.locate(frozenset()) == 3
        assert capture.locate(frozenset([3])) is None
        with capture.read(frozenset([3])) as output:
            text = b"".join(output.blocks())
            assert output.finish().status == 0
    assert text.count(b'"frame.number": "') == 24
