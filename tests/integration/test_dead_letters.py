"""Documents that a store rejects for good: where they go, and how they come back."""

import json
import signal
import stat
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.support import fault_proxy as faults
from tests.support.command import CAPTURES, Ran, espcap, start
from tests.support.elasticsearch_node import call
from tests.support.fault_proxy import FaultProxy, fault_proxy
from tests.support.requirements import needs_root

pytestmark = pytest.mark.slow

INDEX = "packets-2024-05-01"


HTTP = CAPTURES / "http_xml.pcap"
REFUSED = 8
"""Packets of the capture that have the layer http."""


@pytest.fixture
def conflicting(elasticsearch_url: str) -> str:
    """A node with an index that has our mapping, but `layers.http` is a number in it."""
    template = json.loads(espcap("setup", "--print", "--node", elasticsearch_url).output)["template"]
    template["mappings"]["properties"]["layers"]["properties"]["http"] = {"type": "long"}
    call(elasticsearch_url, "PUT", f"/{INDEX}", template)
    return elasticsearch_url


def store(node: str, *arguments: str | Path) -> Ran:
    return espcap("--file", HTTP, "--node", node, *arguments)


def letters(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def count(url: str) -> int:
    call(url, "POST", f"/{INDEX}/_refresh")
    return int(call(url, "GET", f"/{INDEX}/_count")["count"])


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_mapping_conflict_is_mended_and_sent_again(conflicting: str, tmp_path: Path) -> None:
    state = str(tmp_path / "state")
    report = ("--json-report", tmp_path / "report")
    ran = espcap("--file", HTTP, "--node", conflicting, *report, XDG_STATE_HOME=state)
    assert ran.status == 3, ran.errors
    assert f"33 packets read, {33 - REFUSED} stored, 0 already there, {REFUSED} rejected" in ran.summary
    [file] = (tmp_path / "state" / "espcap" / "dead-letters").iterdir()
    assert f"Rejected documents are in {file} (espcap retry {file} --node … sends them again)" in ran.lines
    assert json.loads((tmp_path / "report").read_text())["dead_letters"] == str(file)
    assert [mode(path) for path in (file, file.parent, file.parent.parent)] == [0o600, 0o700, 0o700]
    printed = {document["layers"]["frame"]["number"]: document for document in espcap("--file", HTTP).documents}
    assert len(letters(file)) == REFUSED
    for letter in letters(file):
        assert letter["index"] == INDEX
        number = int(letter["id"].rpartition("-")[2])
        assert letter["source"] == printed[number]
        assert "layers.http" in letter["reason"]
    assert len(letters(file)) == REFUSED

    call(conflicting, "DELETE", f"/{INDEX}")
    before = file.read_bytes()
    again = espcap("retry", file, "--node", conflicting)
    assert again.status == 0, again.errors
    assert f"{REFUSED} packets read, {REFUSED} stored, 0 already there, 0 rejected" in again.summary
    assert file.read_bytes() == before
    assert count(conflicting) == REFUSED
    rest = store(conflicting)
    assert f"{33 - REFUSED} stored, {REFUSED} already there" in rest.summary
    assert count(conflicting) == 33


@pytest.mark.parametrize("kind", ["flows", "transactions"])
def test_flows_and_transactions_are_sent_again(kind: str, elasticsearch_url: str, tmp_path: Path) -> None:
    index, file = f"{kind}-2024-05-01", tmp_path / "letters"
    call(elasticsearch_url, "PUT", f"/{index}", {"mappings": {"properties": {"network": {"type": "long"}}}})
    ran = store(elasticsearch_url, "--types", kind, "--dead-letters", file)
    assert ran.status == 3, ran.errors
    refused = letters(file)
    assert {letter["index"] for letter in refused} == {index}

    call(elasticsearch_url, "DELETE", f"/{index}")
    again = espcap("retry", file, "--node", elasticsearch_url)
    assert again.status == 0, again.errors
    assert f"{len(refused)} stored, 0 already there, 0 rejected" in again.summary
    call(elasticsearch_url, "POST", f"/{index}/_refresh")
    found = espcap("search", "--type", kind, "--node", elasticsearch_url).documents
    printed = espcap("--file", HTTP, "--types", kind).documents
    assert sorted(map(json.dumps, found)) == sorted(map(json.dumps, printed))


def test_summary_names_what_is_sent_again(tmp_path: Path) -> None:
    """Flows and transactions are not packets."""
    file = tmp_path / "letters"
    printed = espcap("--file", HTTP, "--types", "packets,flows,transactions").documents
    kinds = {"flow": ("flows", "f"), "http": ("transactions", "t")}
    lines = []
    for number, source in enumerate(printed, 1):
        kind, mark = kinds.get(source.get("type", ""), ("packets", ""))
        letter = {"reason": "", "index": f"{kind}-2024-05-01", "id": f"{source['capture_id']}-{mark}{number}"}
        lines.append(json.dumps(letter | {"source": source}))
    file.write_text("\n".join(lines[-6:]) + "\n")
    ran = espcap("retry", file, "--node", f"local:{tmp_path / 'index'}")
    counted = Counter(kinds.get(source.get("type", ""), ("packets",))[0] for source in printed[-6:])
    assert counted["flows"] == 1
    assert ran.summary.startswith(
        f"1 file, {counted['packets']} packets read, 1 flow, {counted['transactions']} transaction"
    )
    assert "6 stored" in ran.summary


def test_documents_rejected_again_go_to_a_new_file(conflicting: str, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    store(conflicting, "--dead-letters", first)
    before = first.read_bytes()
    ran = espcap("retry", first, "--node", conflicting, "--dead-letters", second, "--chunk", "3")
    assert ran.status == 3, ran.errors
    assert f"{REFUSED} rejected" in ran.summary
    assert str(second) in ran.lines[-2]
    assert first.read_bytes() == before
    assert [letter["id"] for letter in letters(second)] == [letter["id"] for letter in letters(first)]
    same = espcap("retry", first, "--node", conflicting, "--dead-letters", first)
    assert same.status == 2
    assert "is the file that is read" in same.errors


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_in_order(conflicting: str, tmp_path: Path, number: signal.Signals, status: int) -> None:
    """The batches on their way are stored, the rest of the file is not begun."""
    file, report = tmp_path / "letters", tmp_path / "report"
    store(conflicting, "--dead-letters", file)
    call(conflicting, "DELETE", f"/{INDEX}")
    with fault_proxy(conflicting) as proxy:
        proxy.faults = [faults.delay(1.5)]
        arguments = ("retry", file, "--chunk", "1", "--node", proxy.url, "--json-report", report)
        errors = _interrupted(proxy, number, status, *arguments)
    stored = json.loads(report.read_text())["stored"]
    assert f"{stored} packets read, {stored} stored, 0 already there, 0 rejected" in errors.splitlines()[-1]
    assert 0 < stored == count(conflicting) < REFUSED
    again = espcap("retry", file, "--node", conflicting)
    assert f"{REFUSED} packets read, {REFUSED - stored} stored, {stored} already there" in again.summary


def test_interrupted_twice(conflicting: str, tmp_path: Path) -> None:
    """The node is away: what is not stored is said, and the exit code is that of a failure."""
    file = tmp_path / "letters"
    store(conflicting, "--dead-letters", file)
    with fault_proxy(conflicting) as proxy:
        proxy.faults = [faults.drop] * 1000
        process = start("retry", file, "--node", proxy.url)
        _wait_for_bulk(proxy)
        for _ in range(2):
            process.send_signal(signal.SIGTERM)
            time.sleep(0.5)
        errors = process.communicate(timeout=20)[1].decode()
    assert process.returncode == 1, errors
    assert f"{REFUSED} packets read, 0 stored, 0 already there, 0 rejected, 0 dropped, {REFUSED} not stored" in errors


def _interrupted(proxy: FaultProxy, number: signal.Signals, status: int, *arguments: str | Path) -> str:
    process = start(*arguments)
    _wait_for_bulk(proxy)
    process.send_signal(number)
    errors = process.communicate(timeout=30)[1].decode()
    assert process.returncode == status, errors
    return errors


def _wait_for_bulk(proxy: FaultProxy) -> None:
    deadline = time.monotonic() + 60
    while not proxy.bulks and time.monotonic() < deadline:
        time.sleep(0.02)


def test_damaged_letters_are_reported_and_skipped(conflicting: str, tmp_path: Path) -> None:
    file = tmp_path / "letters"
    store(conflicting, "--dead-letters", file)
    file.write_bytes(file.read_bytes()[:-20])  # its writer was killed
    ran = espcap("retry", file, "--node", f"local:{tmp_path / 'index'}")
    assert ran.status == 3, ran.errors
    assert f"{file}: damaged lines skipped: 1; the first is line {REFUSED} (espcap" in ran.errors
    assert f"{REFUSED - 1} packets read, {REFUSED - 1} stored" in ran.summary

    store(conflicting, "--dead-letters", file)  # goes on in a new line
    assert len(file.read_bytes().splitlines()) == 2 * REFUSED
    assert f"{2 * REFUSED - 1} packets read" in espcap("retry", file, "--node", f"local:{tmp_path / 'index'}").summary


def test_edited_letters_are_refused_in_words(tmp_path: Path) -> None:
    file, again, more = tmp_path / "letters", tmp_path / "again", {"reason": "", "index": "packets-2024-05-01"}
    sources: list[dict[str, Any]] = [
        {"espcap": {"left_out": 1}, "unparsed": {"a": {"b": "c"}}, "layers": {"frame": {"number": 1}}},
        {"espcap": 5, "@timestamp": 5},
        {"layers": 7, "@timestamp": {}},
    ]
    lines = [json.dumps({**more, "id": f"c-{number}", "source": source}) for number, source in enumerate(sources, 1)]
    file.write_text("".join(f"{line}\n" for line in lines))
    ran = espcap("retry", file, "--node", f"local:{tmp_path / 'index'}", "--dead-letters", again)
    assert ran.status == 3, ran.errors
    assert "3 packets read, 1 stored, 0 already there, 2 rejected" in ran.summary
    assert [letter["reason"] for letter in letters(again)] == [
        f"{name} is an object in other documents" for name in ("espcap", "layers")
    ]


@pytest.mark.parametrize(
    "letter",
    [
        {"index": "packets-2024-05-01/../../x", "id": "c-1", "source": {}},
        {"index": "packets-2024-05-01", "id": "c-x", "source": {}},
        {"index": "packets-2024-05-01", "id": "c-1", "source": []},
        {"index": 1, "id": "c-1", "source": {}},
        [],
    ],
)
def test_line_that_is_no_letter_goes_nowhere(letter: Any, tmp_path: Path) -> None:
    (tmp_path / "letters").write_text(json.dumps({"reason": ""}) + "\n" + json.dumps(letter) + "\n")
    ran = espcap("retry", tmp_path / "letters", "--node", f"local:{tmp_path / 'index'}")
    assert ran.status == 3
    assert "damaged lines skipped: 2; the first is line 1" in ran.errors
    assert sorted(path.name for path in tmp_path.iterdir()) == ["index", "letters"]
    assert not [path for path in (tmp_path / "index").iterdir() if path.name.startswith("packets")]


@pytest.mark.parametrize(
    ("file", "says"),
    [
        (HTTP, "is not a file of dead letters"),
        (CAPTURES, "Is a directory"),
        (Path("/no/such"), "No such file"),
    ],
)
def test_file_that_is_none(file: Path, says: str, tmp_path: Path) -> None:
    ran = espcap("retry", file, "--node", f"local:{tmp_path}")
    assert ran.status == 1
    assert says in ran.errors


def test_folder_that_is_missing_is_told_before_anything_is_read(tmp_path: Path) -> None:
    ran = store(f"local:{tmp_path}", "--dead-letters", tmp_path / "no" / "letters")
    assert ran.status == 2
    assert f"{tmp_path / 'no'} is not a folder" in ran.errors


def test_nothing_refused_makes_no_file(tmp_path: Path) -> None:
    ran = espcap("--file", HTTP, "--node", f"local:{tmp_path / 'index'}", XDG_STATE_HOME=str(tmp_path / "state"))
    assert ran.status == 0
    assert not (tmp_path / "state").exists()


@needs_root
def test_full_disk_stops_the_run_and_leaves_the_file_whole(conflicting: str, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "none", str(disk)], check=True)
    try:
        report = ("--json-report", tmp_path / "report")
        ran = store(conflicting, "--chunk", "4", "--dead-letters", disk / "letters", *report)
        kept = letters(disk / "letters")
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)
    assert ran.status == 1, ran.errors
    assert f"cannot write the rejected documents to {disk / 'letters'}: No space left on device" in ran.errors
    counts = json.loads((tmp_path / "report").read_text())
    assert 0 < counts["refused"] == len(kept) < REFUSED
    assert counts["not_stored"] > 0
    assert counts["read"] == counts["stored"] + counts["refused"] + counts["not_stored"]
    assert counts["stored"] == count(conflicting)
