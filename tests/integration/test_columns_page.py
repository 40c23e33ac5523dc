"""`docs/columns.md`: other programs read the local index as it says. Its examples find what tshark finds."""

import ast
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.command import CAPTURES, ROOT
from tests.support.pages import furnished, run

NAMES = ("dns.pcap", "http_xml.pcap")
"""The captures of the index: all packets have an IPv4 address."""


def page() -> str:
    return (ROOT / "docs" / "columns.md").read_text(encoding="utf-8")


def blocks(language: str, index: Path) -> list[str]:
    """The examples in a language."""
    return re.findall(rf"```{language}\n(.*?)```", page().replace("INDEX", str(index)), re.S)


def fields(*names: str) -> list[list[str]]:
    """The fields of each packet of the captures, and the capture, as tshark prints them."""
    wanted = [word for name in names for word in ("-e", name)]
    found = []
    for name in NAMES:
        command = ["tshark", "-r", str(CAPTURES / name), "-T", "fields", *wanted]
        lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
        found += [[*line.split("\t"), f"test_pcaps/{name}"] for line in lines]
    return found


def sent() -> dict[str, int]:
    """For each sender its bytes."""
    totals = Counter[str]()
    for sender, length, _ in fields("ip.src", "frame.len"):
        totals[sender] += int(length)
    return dict(totals)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an index with the captures."""
    folder = furnished(tmp_path_factory.mktemp("columns"))
    run(" ".join(["espcap", *(f"test_pcaps/{name}" for name in NAMES), "--node", "local"]), folder)
    return folder / "data" / "espcap"


def files(index: Path) -> list[Path]:
    """The valid files, as the page says which these are."""
    lists = sorted(index.glob("packets-*/segments.json"))
    return [path.parent / each["name"] for path in lists for each in json.loads(path.read_text())["segments"]]


def answer(sql: str) -> list[Any]:
    """The rows that the last statement of an example finds."""
    with duckdb.connect() as connection:
        return connection.execute(sql).fetchall()


def test_queries(index: Path) -> None:
    by_sender, addresses, by_protocol = (answer(sql) for sql in blocks("sql", index))
    assert {sender: total for sender, _, total in by_sender} == sent()
    answers = fields("frame.number", "dns.a")
    expected = [(name, int(number), one) for number, all_of_them, name in answers for one in all_of_them.split(",")]
    assert sorted(addresses) == sorted(row for row in expected if row[2])
    assert sum(count for _, count in by_protocol) == len(answers)


@pytest.mark.parametrize("number", range(3), ids=["polars", "pyarrow", "pandas"])
def test_programs(number: int, index: Path) -> None:
    program = blocks("python", index)[number]
    ending = {
        0: "print(dict(packets.group_by('source.ip').agg(polars.col('network.bytes').sum()).collect().iter_rows()))",
        1: "print(packets.count_rows(filter=is_dns))",
        2: "print(packets.groupby('source.ip')['network.bytes'].sum().to_dict())",
    }[number]
    ran = subprocess.run(
        [sys.executable, "-c", f"{program}print()\n{ending}"], capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    *shown, last = ran.stdout.splitlines()
    assert len(shown) > 4
    expected = sum(bool(each) for each, _ in fields("dns.id")) if number == 1 else sent()
    assert ast.literal_eval(last) == expected


def test_every_example_is_run(index: Path) -> None:
    assert (len(blocks("sql", index)), len(blocks("python", index))) == (3, 3)


def test_members_of_the_list(index: Path) -> None:
    """The list on the page has the members that a real one has."""
    [shown] = [json.loads(block) for block in re.findall(r"```\n(\{.*?)```", page(), re.S)]
    paths = list(index.glob("packets-*/segments.json"))
    assert paths
    for path in paths:
        real = json.loads(path.read_text())
        assert real.keys() == shown.keys()
        assert real["format"] == shown["format"]
        assert real["segments"][0].keys() == shown["segments"][0].keys()
        assert real["segments"][0]["frames"][0].keys() == shown["segments"][0]["frames"][0].keys()


def test_files_are_those_in_the_list(index: Path) -> None:
    assert sorted(files(index)) == sorted(index.glob("packets-*/*.packets.parquet"))


def test_types_are_those_of_the_kinds(index: Path) -> None:
    types = {
        "integer": pa.int64(),
        "unsigned": pa.uint64(),
        "float": pa.float64(),
        "boolean": pa.bool_(),
        "time": pa.timestamp("ns", "UTC"),
        **dict.fromkeys(("ip", "bytes", "string"), pa.string()),
    }
    named = re.findall(r"`(\w+)`", "".join(re.findall(r"\| kind in `kinds.json`.*?\n\n", page(), re.S)))
    assert set(named) - {"kinds"} == types.keys()
    kinds = {"frame": "integer"} | json.loads((index / "kinds.json").read_text())
    assert files(index)
    for file in files(index):
        for field in pq.read_schema(file):
            path, is_several = field.name.removesuffix("[]"), field.name.endswith("[]")
            type_ = types[kinds[path]]
            if is_several or path in ("protocols", "payload_fields"):
                assert (field.name, field.type.value_type) == (field.name, type_)
            else:
                assert (field.name, field.type) == (field.name, type_)


def test_several_values(index: Path) -> None:
    """The column has the first, and its list all, if there are several."""
    sql = f"""SELECT file_name, frame, "layers.ip.addr", "layers.ip.addr[]"
              FROM read_parquet('{index}/packets-*/*.packets.parquet', union_by_name = true)"""
    expected = []
    for number, addresses, name in fields("frame.number", "ip.addr"):
        several = addresses.split(",")
        expected.append((name, int(number), several[0], several if len(several) > 1 else None))
    assert sorted(answer(sql)) == sorted(expected)


def test_packet_behind_a_row(index: Path) -> None:
    [row] = answer(f"""SELECT capture_id, frame, file_name, info FROM
                   read_parquet('{index}/packets-*/*.packets.parquet') WHERE frame = 12 AND protocol = 'dns'""")
    capture, frame, name, info = row
    folder = index.parents[1]
    shown = run(f"espcap show {capture}-{frame} --node local", folder).stdout
    printed = run(f'tshark -r {name} -Y "frame.number=={frame}" -V', folder).stdout
    assert shown.splitlines()[0].split(":")[0] == printed.splitlines()[0].split(":")[0] == f"Frame {frame}"
    assert info in run(f'tshark -r {name} -Y "frame.number=={frame}"', folder).stdout
