"""test_transactions/transactions.json fits its captures: each transaction is a request and an answer that went back."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.test_pcaps import ROOT, run

FOLDER = ROOT / "test_transactions"
FILE: dict[str, list[dict[str, Any]]] = json.loads((FOLDER / "transactions.json").read_text())
ENDS = ["ip.src", "ip.dst", "tcp.srcport", "tcp.dstport", "udp.srcport", "udp.dstport"]


def ends(path: Path) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """The sender and the receiver of each frame."""
    words = [word for name in ENDS for word in ("-e", name)]
    lines = run("tshark", "-n", "-r", str(path), "-T", "fields", *words)
    cells = [line.split("\t") for line in lines]
    return [(tuple(cell[::2]), tuple(cell[1::2])) for cell in cells]


def test_every_capture_has_transactions() -> None:
    assert set(FILE) == {path.name for path in FOLDER.glob("*.pcap*")}
    assert all(FILE.values())


@pytest.mark.parametrize("name", FILE)
def test_answers_come_back(name: str) -> None:
    frames = ends(FOLDER / name)
    for item in FILE[name]:
        sender, receiver = frames[item["request_frame"] - 1]
        if item["response_frame"] is not None:
            assert item["response_frame"] > item["request_frame"]
            assert frames[item["response_frame"] - 1] == (receiver, sender)


@pytest.mark.parametrize("name", FILE)
def test_form(name: str) -> None:
    requests = [item["request_frame"] for item in FILE[name]]
    assert requests == sorted(requests)
    for item in FILE[name]:
        assert item["method"]
        assert item["status"] == ("Error" if "error" in item else "OK")
