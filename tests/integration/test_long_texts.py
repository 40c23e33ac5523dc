"""Texts that are too long for an index: searches say what they leave open, and captures tell."""

from pathlib import Path

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether
from scapy.utils import wrpcap

from tests.support.command import espcap
from tests.support.filter_oracle import passing_alone
from tests.support.served import served

LONGEST = 8191
AGENTS = [
    "short needle",
    "short",
    "a" * (LONGEST - 6) + "needle",
    "a" * (LONGEST - 5) + "needle",
    "b" * LONGEST + "straw",
    "z" * 20_000 + "needle",
    "NEEDLE",
]
"""Of one packet each; the last packet has none."""
TOO_LONG = {4, 5, 6}
FIELD, PATH = "http.user_agent", "layers.http.user_agent"
FILTERS = {
    FIELD: 0,
    f"!{FIELD}": 0,
    f'{FIELD} contains "needle"': 3,
    f'!({FIELD} contains "needle")': 3,
    f'{FIELD} matches "^[az]*needle$"': 3,
    f'{FIELD} > "b"': 3,
    f'{FIELD} contains "needle" && frame.number < 6': 2,
    f'!({FIELD} contains "needle" || frame.number == 4)': 2,
    f'{FIELD} contains "needle" || tcp': 0,
    f'!({FIELD} contains "needle" && ip.src == 10.0.0.9)': 0,
    f'{FIELD} == "short"': 0,
    f'{FIELD} != "short"': 0,
    f'lower({FIELD}) == "needle"': 3,
    '!(http.host contains "needle")': 0,
}
"""For each filter how many packets only their captures can tell of."""


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    requests = [f"GET / HTTP/1.1\r\nHost: a.example\r\nUser-Agent: {agent}\r\n\r\n" for agent in AGENTS]
    requests.append("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
    packets = []
    for number, request in enumerate(requests):
        tcp = TCP(sport=40_000 + number, dport=80, seq=1, ack=1, flags="PA")
        packet = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / IP(src="10.0.0.1", dst="10.0.0.2") / tcp
        packets.append(packet / request.encode())
        packets[-1].time = 1_700_000_000 + number
    file = tmp_path / "agents.pcap"
    wrpcap(str(file), packets)
    return file


@pytest.fixture
def filled(node: str, capture: Path) -> str:
    assert espcap("--file", capture, "--node", node).status == 0
    return node


def frames(*words: str | Path) -> tuple[set[int], list[str]]:
    """What a search finds, and its notes."""
    ran = espcap("search", *words)
    assert ran.status == 0, ran.errors
    notes = [line for line in ran.lines if not line.startswith("Note: none of the ")]
    return {document["layers"]["frame"]["number"] for document in ran.documents}, notes


def note(packets: int) -> str:
    return (
        f"Note: {PATH}: {packets} packets have a text of more than 8,191 characters, which is not indexed; "
        "espcap search --captures -Y FILTER searches it"
    )


def test_display_filters(filled: str, capture: Path) -> None:
    """What the index leaves open is told, and nothing else is wrong; captures tell it all."""
    for text, undecided in FILTERS.items():
        wanted = set(passing_alone(capture, text))
        found, notes = frames("-Y", text, "--node", filled)
        assert notes == ([note(undecided)] if undecided else []), text
        assert found ^ wanted <= (TOO_LONG if undecided else set()), text
        assert frames("--captures", "-Y", text, "--node", filled) == (wanted, []), text


def test_query_strings(filled: str) -> None:
    found, notes = frames(f"{PATH}:*needle", "--node", filled)
    assert (found, notes) == ({1, 3}, [note(3)])
    found, notes = frames(f"NOT {PATH}:*needle", "--node", filled)
    assert (found, notes) == ({2, 4, 5, 6, 7, 8}, [note(3)])
    assert frames("straw", "--node", filled) == (set(), [note(3)])
    assert frames(f"straw AND {PATH}:short", "--node", filled) == (set(), [])
    assert frames("a.example", "--node", filled) == (set(range(1, 9)), [])


def test_values(filled: str) -> None:
    """Counts and orders say what they leave out."""
    left_out = f"Note: {PATH}: 3 packets have a text of more than 8,191 characters, which cannot be sorted or counted"
    counted = espcap("search", "--agg", FIELD, "--node", filled)
    assert counted.lines == [left_out]
    assert sum(bucket["doc_count"] for bucket in counted.documents) == len(AGENTS) - len(TOO_LONG)
    assert espcap("search", "--sort", FIELD, "--node", filled).lines == [left_out]
    assert espcap("search", "--agg", FIELD, "-Y", f'{FIELD} == "short"', "--node", filled).lines == []
    assert espcap("search", "--agg", "http.host", "--node", filled).lines == []


def test_page(filled: str) -> None:
    """The same note for the order by a column."""
    note = "3 packets have a text of more than 8,191 characters, which cannot be sorted or counted"
    with served(filled) as page:
        columns = f"number {FIELD} http.host"
        assert f"{PATH}: {note}" in page.get("/", sort=FIELD, columns=columns).text
        assert f"{PATH}: {note}" in page.get("/", sort=f"-{FIELD}", columns=columns, filter="http").text
        for sort, text in ((FIELD, f'{FIELD} == "short"'), ("http.host", ""), ("number", "")):
            assert note not in page.get("/", sort=sort, columns=columns, filter=text).text


def test_captures_are_read_only_for_long_texts(filled: str, capture: Path) -> None:
    """Where no packet that can pass has one, the index tells."""
    capture.unlink()
    found, notes = frames("--captures", "-Y", f'!(http.host contains "needle") && {FIELD} == "short"', "--node", filled)
    assert (found, notes) == ({2}, [])
    gone = espcap("search", "--captures", "-Y", f'{FIELD} contains "needle"', "--node", filled)
    assert gone.status == 3
    assert "5 packets could not be filtered" in gone.errors
