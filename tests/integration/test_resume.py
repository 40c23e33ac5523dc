"""Crash and resume: what is done is not dissected again, what is not done is, and nothing is stored twice."""

import random
import re
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest

from espcap.ingest.ledger import ledger_path
from tests.support.command import CAPTURES, Ran, espcap, start
from tests.support.elasticsearch_node import call

pytestmark = pytest.mark.slow

KILLS = 20
SMALL_FILES = 40
PACKETS = 33 * 60 + 24 * SMALL_FILES


@pytest.fixture(scope="module")
def captures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a file that takes some seconds and many small ones, of several days."""
    folder = tmp_path_factory.mktemp("captures")
    large = ["mergecap", "-a", "-w", str(folder / "large.pcap"), *[str(CAPTURES / "http_xml.pcap")] * 60]
    subprocess.run(large, check=True)
    for number in range(SMALL_FILES):
        later = ["editcap", "-t", str(7200 * number), str(CAPTURES / "dns.pcap"), str(folder / f"{number:03}.pcap")]
        subprocess.run(later, check=True)
    return folder


@pytest.fixture
def few(tmp_path: Path) -> Path:
    """A directory of three small captures."""
    folder = tmp_path / "few"
    folder.mkdir()
    for name in ("arp.pcap", "dns.pcap", "http_xml.pcap"):
        (folder / name).write_bytes((CAPTURES / name).read_bytes())
    return folder


@pytest.fixture
def counting_tshark(tmp_path: Path) -> Path:
    """A tshark that notes each of its runs over a capture."""
    for folder in [tmp_path, *list(tmp_path.parents)[:2]]:
        folder.chmod(0o755)
    (tmp_path / "runs").touch()
    (tmp_path / "runs").chmod(0o666)
    program = tmp_path / "tshark"
    program.write_text(f'#!/bin/sh\ncase " $* " in *" -r "*) echo run >> {tmp_path}/runs;; esac\nexec tshark "$@"\n')
    program.chmod(0o755)
    return program


def runs(tshark: Path) -> int:
    return len(tshark.with_name("runs").read_text().splitlines())


def counts(summary: str) -> dict[str, int]:
    words = "packets read|stored|already there|rejected|files? done before"
    return {name: int(count.replace(",", "")) for count, name in re.findall(rf"([\d,]+) ({words})", summary)}


def total(node: str) -> int:
    buckets = espcap("search", "--agg", "capture_id", "--size", "1000", "--node", node).documents
    return sum(bucket["doc_count"] for bucket in buckets)


def test_killed_at_random_moments(node: str, captures: Path, counting_tshark: Path) -> None:
    """The last kill waits until something is recorded, so that the clean run has something to pass over."""
    chance = random.Random(7)
    for number in range(KILLS + 1):
        process = start("--dir", captures, "--node", node, "--chunk", "50")
        time.sleep(chance.uniform(0.4, 2.2))
        if number == KILLS:
            wait_for_records(ledger_path([node]), 1)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
    clean = espcap("--dir", captures, "--node", node)
    assert clean.status == 0, clean.errors
    found = counts(clean.summary)
    assert found["packets read"] == found["stored"] + found["already there"] == PACKETS
    assert found["files done before"] > 0, "no killed run left anything in the ledger"
    assert total(node) == PACKETS
    after = espcap("--dir", captures, "--node", node, "--tshark", counting_tshark)
    assert after.status == 0, after.errors
    assert f"{PACKETS:,} packets read, 0 stored, {PACKETS:,} already there" in after.summary
    assert f"{SMALL_FILES + 1} files done before" in after.summary
    assert runs(counting_tshark) == 0


def test_again_dissects(few: Path, node: str, counting_tshark: Path) -> None:
    """Also that the stand-in counts."""
    assert "63 packets read, 63 stored" in espcap("--dir", few, "--node", node, "--tshark", counting_tshark).summary
    assert runs(counting_tshark) == 3
    assert "3 files done before" in espcap("--dir", few, "--node", node, "--tshark", counting_tshark).summary
    assert runs(counting_tshark) == 3
    again = espcap("--dir", few, "--node", node, "--tshark", counting_tshark, "--again")
    assert "63 packets read, 0 stored, 63 already there, 0 rejected, 0 dropped, 2024" in again.summary
    assert runs(counting_tshark) == 6


def test_a_known_capture_under_another_name(few: Path, node: str) -> None:
    espcap("--dir", few, "--node", node)
    (few / "copy.pcap").write_bytes((few / "arp.pcap").read_bytes())
    summary = espcap("--dir", few, "--node", node).summary
    assert "0 stored, 69 already there, 0 rejected, 0 dropped, 4 files done" in summary


def test_a_file_that_changed(few: Path, node: str) -> None:
    espcap("--dir", few, "--node", node)
    (few / "arp.pcap").write_bytes((CAPTURES / "icmp.pcap").read_bytes())
    ran = espcap("--dir", few, "--node", node)
    assert counts(ran.summary)["files done before"] == 2
    assert counts(ran.summary)["stored"] > 0


@pytest.mark.parametrize("option", [("-Y", "dns"), ("-c", "3"), ("--payload",), ("-d", "udp.port==53,dns")])
def test_other_settings_are_other_work(few: Path, tmp_path: Path, option: tuple[str, ...]) -> None:
    node = f"local:{tmp_path / 'index'}"
    espcap("--dir", few, "--node", node, *option)
    ran = espcap("--dir", few, "--node", node)
    assert "done before" not in ran.summary
    assert total(node) == 63
    again = espcap("--dir", few, "--node", node, *option)
    assert (
        "3 files done before" if option[0] in ("-Y", "-c") else "63 packets read, 0 stored, 63 replaced"
    ) in again.summary


def test_a_damaged_file_is_not_done(few: Path, tmp_path: Path) -> None:
    node = f"local:{tmp_path / 'index'}"
    (few / "arp.pcap").write_bytes((few / "arp.pcap").read_bytes()[:-10])
    for status in (3, 3):
        ran = espcap("--dir", few, "--node", node)
        assert ran.status == status
        assert "cut short" in ran.errors
    assert "2 files done before" in ran.summary


def test_an_interrupted_run_records_what_is_whole(captures: Path, tmp_path: Path) -> None:
    node = f"local:{tmp_path / 'index'}"
    process = start("--dir", captures, "--node", node)
    while not any((tmp_path / "index").glob("packets-*")):
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    errors = process.communicate(timeout=60)[1].decode()
    assert process.returncode == 143, errors
    database = sqlite3.connect(tmp_path / "index" / "ledger.sqlite")
    [(packets,)] = database.execute("SELECT sum(packets) FROM captures").fetchall()
    assert 0 < packets <= counts(errors.splitlines()[-1])["stored"]
    assert packets % 24 == 0


def test_standard_output_has_no_ledger(few: Path) -> None:
    assert [len(espcap("--dir", few).documents) for _ in range(2)] == [63, 63]


def test_a_node_that_lost_a_day_gets_it_again(few: Path, node: str) -> None:
    espcap("--dir", few, "--node", node)
    if node.startswith("local:"):
        subprocess.run(["rm", "-r", node.removeprefix("local:") + "/packets-2024-05-01"], check=True)
    else:
        call(node, "DELETE", "/packets-2024-05-01")
    ran = espcap("--dir", few, "--node", node)
    assert "Note: 3 captures are read again: the node has lost some of their packets" in ran.lines
    assert "63 packets read, 63 stored" in ran.summary


def test_two_runs_share_the_work(captures: Path, node: str, counting_tshark: Path) -> None:
    both = [start("--dir", captures, "--node", node, "--tshark", counting_tshark) for _ in range(2)]
    errors = [run.communicate(timeout=120)[1].decode() for run in both]
    assert [run.returncode for run in both] == [0, 0], errors
    found = [counts(text.splitlines()[-1]) for text in errors]
    assert [each["packets read"] for each in found] == [PACKETS, PACKETS]
    assert sum(each["stored"] for each in found) == PACKETS
    assert min(each["stored"] for each in found) > 0
    assert runs(counting_tshark) == SMALL_FILES + 1


def test_a_ledger_that_cannot_be_used(few: Path, tmp_path: Path) -> None:
    (tmp_path / "index").mkdir()
    (tmp_path / "index" / "ledger.sqlite").write_bytes(b"no database" * 100)
    ran = espcap("--dir", few, "--node", f"local:{tmp_path / 'index'}")
    assert ran.status == 0
    assert "ledger.sqlite cannot be used: file is not a database" in ran.lines[0]
    assert "63 packets read, 63 stored" in ran.summary


def test_files_of_the_ledger_are_private(few: Path, tmp_path: Path, elasticsearch_url: str) -> None:
    espcap("--dir", few, "--node", elasticsearch_url, XDG_STATE_HOME=str(tmp_path / "state"))
    folder = tmp_path / "state" / "espcap"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.suffix: path.stat().st_mode & 0o777 for path in folder.iterdir()} == {
        ".sqlite": 0o600,
        ".claims": 0o600,
    }


def _wait_for(output: Path, lines: int) -> None:
    deadline = time.monotonic() + 60
    while len(output.read_bytes().splitlines()) < lines and time.monotonic() < deadline:
        time.sleep(0.1)
    assert len(output.read_bytes().splitlines()) == lines


def test_watch_takes_files_that_have_stopped_growing(few: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    process = start("--dir", few, "--watch", "--settle", "1", stdout=output.open("wb"))
    _wait_for(output, 63)
    packets = (CAPTURES / "icmp.pcap").read_bytes()
    with (few / "growing.pcap").open("wb") as file:
        for start_of_part in range(0, len(packets), 200):
            file.write(packets[start_of_part : start_of_part + 200])
            file.flush()
            time.sleep(0.2)
    whole = len(espcap("--file", CAPTURES / "icmp.pcap").documents)
    _wait_for(output, 63 + whole)
    process.send_signal(signal.SIGTERM)
    errors = process.communicate(timeout=60)[1].decode()
    assert process.returncode == 0, errors
    assert f"4 files, {63 + whole} packets read, {63 + whole} stored" in errors


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_watch_resumes(few: Path, tmp_path: Path, number: signal.Signals) -> None:
    node = f"local:{tmp_path / 'index'}"
    assert _watched(few, node, number, files=3).summary.startswith("3 files, 63 packets read, 63 stored")
    (few / "icmp.pcap").write_bytes((CAPTURES / "icmp.pcap").read_bytes())
    second = _watched(few, node, number, files=4)
    assert "3 files done before" in second.summary
    assert "63 already there" in second.summary


def _watched(folder: Path, node: str, number: signal.Signals, files: int) -> Ran:
    """A run with --watch, ended when the ledger has so many captures."""
    process = start("--dir", folder, "--watch", "--settle", "0.5", "--node", node)
    wait_for_records(ledger_path([node]), files)
    process.send_signal(number)
    errors = process.communicate(timeout=60)[1].decode()
    assert process.returncode == 0, errors
    return Ran(0, b"", errors)


def wait_for_records(ledger: Path, captures: int) -> None:
    deadline = time.monotonic() + 60
    while _recorded(ledger) < captures and time.monotonic() < deadline:
        time.sleep(0.1)


def _recorded(ledger: Path) -> int:
    try:
        database = sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)
        return int(database.execute("SELECT count(*) FROM captures").fetchone()[0])
    except sqlite3.OperationalError:  # it is being made
        return 0


def test_watch_is_for_directories() -> None:
    ran = espcap("--file", CAPTURES / "arp.pcap", "--watch")
    assert ran.status == 2
    assert "--watch reads only directories" in ran.lines[0]
