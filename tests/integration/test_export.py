"""`espcap export`: each format has the values of the documents that `espcap search` prints, from every store."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import espcap as package
from espcap.base.members import values_at
from espcap.base.times import timestamp
from espcap.stores.local.collector import parse_timestamp
from tests.support.command import CAPTURES, espcap

NAMES = ("dns.pcap", "http2.pcap", "mixed.pcap", "midnight.pcap", "nanoseconds.pcapng", "tunnels.pcap", "tls13.pcapng")
PATHS = {
    "@timestamp": "@timestamp",
    "frame.number": "layers.frame.number",
    "frame.time_epoch": "@timestamp",
    "capture_id": "capture_id",
    "ip.src": "layers.ip.src",
    "ip.ttl": "layers.ip.ttl",
    "dns.qry.name": "layers.dns.qry_name",
    "dns.a": "layers.dns.a",
    "tcp.flags.syn": "layers.tcp.flags_syn",
    "tcp.time_delta": "layers.tcp.time_delta",
    "ntp.xmt": "layers.ntp.xmt",
    "eth.dst": "layers.eth.dst",
    "protocols": "protocols",
    "sniff_timestamp": "sniff_timestamp",
    "info": "info",
    "frame.protocols": "layers.frame.protocols",
}
COLUMNS = [name for name in PATHS if name != "frame.time_epoch"]


@pytest.fixture
def filled(node: str) -> str:
    """A store with packets of several captures and days."""
    espcap(*(str(CAPTURES / name) for name in NAMES), "--node", node)
    return node


def documents(node: str, *options: str) -> list[dict[str, Any]]:
    """The packets as espcap search prints them."""
    lines = espcap("search", "--size", "10000", *options, "--node", node).output.splitlines()
    return [orjson.loads(line) for line in lines]


def identity(document: dict[str, Any]) -> tuple[str, int]:
    """What identifies a packet."""
    return document["capture_id"], document["layers"]["frame"]["number"]


def plain(value: Any) -> Any:
    """A value of a table as documents write it."""
    return timestamp(value) if isinstance(value, int) and value > 10**17 else value


def rows(table: pa.Table) -> Iterator[dict[str, list[Any]]]:
    """The values of each packet, as lists, by path."""
    for place, name in enumerate(table.column_names):
        if pa.types.is_timestamp(table.schema.field(name).type):
            table = table.set_column(place, name, table[name].cast(pa.int64()))
    for row in table.to_pylist():
        lists = ((name, value if isinstance(value, list) else [value]) for name, value in row.items())
        yield {name: [plain(each) for each in values if each is not None] for name, values in lists}


def expected(found: list[dict[str, Any]]) -> list[dict[str, list[Any]]]:
    """The same, of documents."""
    return [{PATHS[name]: values_at(document, PATHS[name]) for name in COLUMNS} for document in found]


def in_order(values: list[dict[str, list[Any]]]) -> list[dict[str, list[Any]]]:
    """The packets in an order that does not depend on packets with equal times."""
    return sorted(values, key=lambda each: (each["capture_id"], each["layers.frame.number"]))


def test_parquet_has_the_values_of_the_documents(filled: str, tmp_path: Path) -> None:
    file = tmp_path / "out.parquet"

    answer = espcap("export", "-w", str(file), "--columns", ",".join(COLUMNS), "--node", filled)

    printed, table = documents(filled), pq.read_table(file)
    assert f"{len(printed)} packets exported" in answer.errors
    assert in_order(list(rows(table))) == in_order(expected(printed))
    times = table["@timestamp"].cast(pa.int64()).to_pylist()
    assert times == sorted(times)
    assert [parse_timestamp(document["@timestamp"]) for document in printed] == times
    assert table.schema.field("@timestamp").type == pa.timestamp("ns", "UTC")
    assert table.schema.field("layers.frame.number").type == pa.int64()
    assert pa.types.is_list(table.schema.field("layers.ip.src").type)  # tunnels have two
    assert table.schema.field("layers.frame.protocols").type == pa.string()


def test_csv_has_the_values_of_the_documents(filled: str) -> None:
    answer = espcap("export", "-w", "-", "--format", "csv", "--columns", ",".join(COLUMNS), "--node", filled)

    found = list(csv.DictReader(io.StringIO(answer.output.decode(), newline="")))

    texts = [{path: _cell(path, values) for path, values in row.items()} for row in expected(documents(filled))]
    key = ("capture_id", "layers.frame.number")
    numbers = ("sniff_timestamp", "layers.tcp.time_delta")
    for row in [*found, *texts]:
        row.update({name: repr(float(row[name])) for name in numbers if row[name]})
    assert sorted(found, key=lambda row: [row[name] for name in key]) == sorted(
        texts, key=lambda row: [row[name] for name in key]
    )


def _cell(path: str, values: list[Any]) -> str:
    text = ",".join({True: "true", False: "false"}[each] if isinstance(each, bool) else str(each) for each in values)
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) and isinstance(values[0], str) else text


def test_ndjson_is_what_search_prints(filled: str, tmp_path: Path) -> None:
    file = tmp_path / "out.ndjson"

    espcap("export", "-Y", "dns", "-w", str(file), "--node", filled)

    assert file.read_bytes() == espcap("search", "-Y", "dns", "--size", "10000", "--node", filled).output


def test_a_table_from_python_has_the_values_of_the_documents(filled: str) -> None:
    table = package.search(columns=COLUMNS, node=filled).to_arrow()

    assert in_order(list(rows(table))) == in_order(expected(list(package.search(node=filled))))
    assert package.search("protocol:dns", columns=["info"], size=3, node=filled).to_arrow().num_rows == 3
    assert package.search("protocol:nothing", columns=["info"], node=filled).to_arrow().column_names == ["info"]


def test_a_file_appears_when_it_is_complete_and_is_not_overwritten(tmp_path: Path) -> None:
    node, file = f"local:{tmp_path / 'index'}", tmp_path / "out.csv"
    espcap("--file", str(CAPTURES / "dns.pcap"), "--node", node)

    nothing = espcap("export", "protocol:nothing", "-w", str(file), "--node", node)
    assert "0 packets exported" in nothing.errors
    assert not file.exists()
    assert espcap("export", "-w", str(file), "--node", node).status == 0
    again = espcap("export", "-w", str(file), "--node", node)
    assert again.status == 2
    assert "exists (name another file with -w, or overwrite it with --force)" in again.errors
    assert espcap("export", "-w", str(file), "--force", "--node", node).status == 0
    assert {each.name for each in tmp_path.iterdir() if each.name.startswith(".espcap")} == set()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-w", "out.txt"], "does not end in .parquet, .csv or .ndjson"),
        (["-w", "out.ndjson", "--columns", "info"], "NDJSON has whole documents"),
        (["-w", "out.csv", "--columns", "info,info"], "the column info is named twice"),
        (["-w", "out.csv", "--columns", "dns.qry.nam"], "dns.qry.name"),
    ],
)
def test_invalid_options_are_one_line(options: list[str], message: str, tmp_path: Path) -> None:
    node = f"local:{tmp_path / 'index'}"
    espcap("--file", str(CAPTURES / "dns.pcap"), "--node", node)

    answer = espcap("export", *options, "--node", node)

    assert message in answer.errors
    assert len(answer.lines) == 1
    assert answer.status == 2
