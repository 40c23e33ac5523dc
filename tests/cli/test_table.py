"""Tables that fit a terminal."""

import orjson
import pytest

from espcap.cli.table import PACKET_COLUMNS, PacketRows, packet_row, show_table
from espcap.documents.packets import Document

SOURCE = {
    "@timestamp": "2024-05-01T10:00:00.123456000Z",
    "file_name": "captures/a.pcap",
    "protocol": "http",
    "source": {"ip": "192.0.2.1", "port": 80},
    "destination": {"ip": "2001:db8::1", "port": 1024},
    "network": {"bytes": 203},
    "layers": {"frame": {"number": 12}},
    "info": "GET /index.html HTTP/1.1",
}
ROW = [
    "2024-05-01T10:00:00.123456Z",
    "192.0.2.1:80",
    "[2001:db8::1]:1024",
    "http",
    "203",
    "captures/a.pcap#12",
    "GET /index.html HTTP/1.1",
]


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("COLUMNS", "200")
    return monkeypatch


def test_packet_row() -> None:
    assert packet_row(SOURCE) == ROW
    assert len(ROW) == len(PACKET_COLUMNS)


def test_nanoseconds_are_shown_where_there_are_any() -> None:
    assert packet_row(SOURCE | {"@timestamp": "2024-05-01T10:00:00.123456001Z"})[0].endswith(".123456001Z")


@pytest.mark.parametrize("document", [{}, {"layers": "text"}, {"source": [], "network": 1, "layers": {"frame": None}}])
def test_a_document_of_another_program(document: dict[str, object]) -> None:
    assert packet_row(document) == ["", "", "", "", "", "#", ""]


def test_a_wide_terminal_shows_all(terminal: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    show_table(PACKET_COLUMNS, [ROW])
    header, line = capsys.readouterr().out.splitlines()
    assert line.split() == " ".join(ROW).split()
    assert header.index("info") == line.index("GET")


@pytest.mark.parametrize("columns", [60, 80, 100, 120])
def test_a_narrow_terminal_cuts_the_widest(
    columns: int, terminal: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal.setenv("COLUMNS", str(columns))
    show_table(["packet", "info", "n"], [["captures/a.pcap#12", "x" * 150, "1"], ["b", "short", "2"]])
    _, cut, short = capsys.readouterr().out.splitlines()
    assert len(cut) == columns
    assert cut.startswith("captures/a.pcap#12  xxx")
    assert cut.endswith("x…  1")
    assert short.split() == ["b", "short", "2"]


def test_the_last_column_is_cut_first(terminal: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    terminal.setenv("COLUMNS", "70")
    show_table(["time", "info"], [["t" * 40, "x" * 60]])
    assert capsys.readouterr().out.splitlines()[1] == "t" * 40 + "  " + "x" * 27 + "…"


def test_wide_characters_take_two_columns(terminal: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    terminal.setenv("COLUMNS", "20")
    show_table(["value"], [["字" * 30], ["é" * 10]])
    assert capsys.readouterr().out.splitlines() == ["value", "字" * 9 + "…", "é" * 10]


def test_controls_are_written_out(terminal: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    show_table(["value"], [["\x1b[31m"]])
    assert capsys.readouterr().out == "value\n\\x1b[31m\n"


def test_rows_as_they_come(terminal: pytest.MonkeyPatch) -> None:
    rows = PacketRows()
    document = Document("packets-2024-05-01", "c-12", {}, orjson.dumps(SOURCE | {"info": "a\nb"}))
    first, second = rows(document).decode(), rows(document).decode()
    assert first.splitlines()[0].split() == list(PACKET_COLUMNS)
    assert first.splitlines()[1:] == second.splitlines()
    assert second.endswith("captures/a.pcap#12  a\\x0ab\n")


@pytest.mark.parametrize("columns", [80, 130])
def test_rows_fit_or_end_with_the_packet(columns: int, terminal: pytest.MonkeyPatch) -> None:
    terminal.setenv("COLUMNS", str(columns))
    line = PacketRows()(Document("packets-2024-05-01", "c-12", {}, orjson.dumps(SOURCE))).decode().splitlines()[1]
    assert len(line) == 130 if columns == 130 else line.endswith("a.pcap#12")
