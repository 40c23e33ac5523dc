"""A terminal that hostile captures are printed on: it is told nothing but text, and what espcap's own bar needs."""

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command import CAPTURES, espcap, on_terminal
from tests.support.fault_server import Server, fault_server, items
from tests.support.hostile import files, packets

CONTROLS = re.compile(r"[\x00-\x09\x0b-\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
"""All but what ends lines, and moves espcap's bar to the start of its own."""
TEXT = packets.TERMINAL.decode()


@pytest.fixture
def captures(tmp_path: Path) -> Path:
    """Captures of hostile packets under hostile names, of which one is cut and one is none."""
    folder = tmp_path / "captures"
    folder.mkdir()
    name = os.fsdecode(packets.TERMINAL + b"\xff\n")
    packets.hostile_names(folder / f"{name}.pcapng")
    packets.hostile_http(folder / f"{name}1.pcap")
    packets.dns_escape_name(folder / "dns.pcap")
    files.cut_in_data(folder / f"{name}cut.pcap")
    files.text_file(folder / f"{name}.txt")
    shutil.copy(CAPTURES / "http_xml.pcap", folder / "plain.pcap")
    return folder


def written(*arguments: str | bytes | Path, **extra: str) -> str:
    """What a run writes to a terminal, which must be text."""
    text = on_terminal(*arguments, **extra)
    assert not CONTROLS.search(text)
    assert "Traceback" not in text
    return text


def test_documents(captures: Path) -> None:
    text = written("--dir", captures, "--pretty")
    for escaped in ("\\u001b[31m", "\\u009b2J", "\\u007f", "\\u202e", "\\u2066", "\\u0007"):
        assert escaped in text, escaped
    assert "\\x1b[31m" in text  # the name of the file that is cut
    assert "skipped: " in text


def test_packet_table(captures: Path) -> None:
    text = written("--dir", captures)
    assert "time                         source" in text
    assert "plain.pcap#1" in text
    assert "\\x1b[31m\\x1b]0;title\\x07" in text
    assert "@timestamp" not in text


def test_bar_notes_and_errors(captures: Path, tmp_path: Path) -> None:
    text = written("--dir", captures, "--node", f"local:{tmp_path / 'index'}")
    assert re.search(r"\d+% \|.*\| .*left", text)
    assert "\\x1b[31m\\x1b]0;title\\x07 \\x9b2J \\x7f\\x08 \\u202e\\u2066" in text
    assert "appears to have been cut short" in text


@pytest.mark.parametrize(
    "arguments",
    [
        ("--file", f"no{TEXT}\nsuch"),
        ("--dir", f"no{TEXT}\nsuch"),
        ("--file", CAPTURES / "arp.pcap", "--json-report", f"/no{TEXT}/such"),
        ("--file", CAPTURES / "arp.pcap", "--dead-letters", f"/no{TEXT}/such", "--node", "local:/dev/null/none"),
        ("--file", CAPTURES / "arp.pcap", "--node", f"local:/dev/null/{TEXT}"),
        ("--file", CAPTURES / "arp.pcap", "-d", f"tcp.port==1,{TEXT}"),
        ("--file", CAPTURES / "arp.pcap", "--tshark", f"/no{TEXT}/such"),
        ("--nic", f"no{TEXT}"),
        ("retry", f"no{TEXT}\nsuch", "--node", "localhost:1", "--dead-letters", f"/no{TEXT}/such"),
        ("search", f"{TEXT}:[", "--node", f"local:{CAPTURES}"),
    ],
    ids=lambda arguments: " ".join(str(each) for each in arguments if TEXT not in str(each)),
)
def test_errors(arguments: tuple[str | Path, ...]) -> None:
    text = written(*arguments)
    assert "Error: " in text
    assert "\\x1b[31m" in text


@pytest.fixture
def index(captures: Path, tmp_path: Path) -> str:
    node = f"local:{tmp_path / 'index'}"
    written("--dir", captures, "--node", node)
    return node


def test_search(index: str) -> None:
    table = written("search", "--node", index, "--size", "100")
    assert "\\x1b[31m" in table  # names of files
    assert table.splitlines()[-1] == "46 of 46 packets"
    for field in ("file_name", "layers.http.host", "layers.http.user_agent", "layers.frame.comment"):
        values = written("search", "--node", index, "--agg", field, COLUMNS="1000")
        assert "\\x1b[31m" in values, field


def test_search_in_a_pipe_is_safe_on_the_terminal_at_its_end(index: str) -> None:
    for arguments in ((), ("--agg", "layers.http.host")):
        ran = espcap("search", "--node", index, *arguments, "--size", "100")
        assert not CONTROLS.search(ran.output.decode())
        assert "\x1b[31m" in json.dumps(ran.documents, ensure_ascii=False).replace("\\u001b", "\x1b")


@pytest.fixture
def server() -> Iterator[Server]:
    with fault_server() as running:
        yield running


def test_words_of_the_server(server: Server) -> None:
    server.faults = [lambda ids: items(dict.fromkeys(ids, 400), type="strange", reason=TEXT)]
    text = written("--file", CAPTURES / "arp.pcap", "--node", server.url)
    assert "Rejected 6 times: " in text
    assert "\\x1b[31m" in text
