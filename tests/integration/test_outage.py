"""Elasticsearch away, slow, full or odd, as a user of the command meets it. Every packet is accounted for."""

import json
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.support import fault_proxy as faults
from tests.support.command import CAPTURES, espcap, start
from tests.support.elasticsearch_node import call, node_in
from tests.support.fault_proxy import FaultProxy, fault_proxy

pytestmark = pytest.mark.slow

INDEX = "packets-2024-05-01"


HTTP = CAPTURES / "http_xml.pcap"
COPIES = 20
PACKETS = 33 * COPIES


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """660 packets of one day."""
    path = tmp_path_factory.mktemp("outage") / "capture.pcap"
    subprocess.run(["mergecap", "-a", "-w", str(path), *[str(HTTP)] * COPIES], check=True)
    return path


@pytest.fixture
def proxy(elasticsearch_url: str) -> Iterator[FaultProxy]:
    with fault_proxy(elasticsearch_url) as running:
        yield running


def summary(report: Path) -> dict[str, Any]:
    """The summary as JSON; its counts must add up."""
    counts: dict[str, Any] = json.loads(report.read_text())
    told = ("stored", "already_there", "refused", "not_stored")
    assert counts["read"] == sum(counts[name] for name in told)
    return counts


def count(url: str) -> int:
    call(url, "POST", f"/{INDEX}/_refresh")
    return int(call(url, "GET", f"/{INDEX}/_count")["count"])


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        return int(closed.getsockname()[1])


def until(what: Callable[[], object], seconds: float = 60) -> None:
    ends = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < ends
        time.sleep(0.02)


@contextmanager
def running(
    *arguments: str | Path, errors: Path, stdin: Any = subprocess.DEVNULL
) -> Iterator["subprocess.Popen[bytes]"]:
    """espcap in the background with its standard error in a file."""
    with errors.open("wb") as file:
        process = start(*arguments, stdin=stdin, stderr=file)
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        process.communicate()


LARGEST = 20_000
"""Bytes of a request: less than most have, and more than any one document, which would be refused."""

FAULTS = [
    faults.drop,
    faults.lose_answer,
    faults.reset,
    faults.cut,
    faults.garbage,
    faults.fewer_items,
    faults.busy_items(429),
    faults.status(429),
    faults.too_large(LARGEST),
]


def test_everything_that_can_go_wrong_once(capture: Path, proxy: FaultProxy, tmp_path: Path) -> None:
    proxy.faults = [each for fault in FAULTS for each in (fault, None)]
    ran = espcap("--file", capture, "--chunk", "25", "--node", proxy.url, "--json-report", tmp_path / "report")
    assert ran.status == 0, ran.errors
    assert proxy.faults == []
    counts = summary(tmp_path / "report")
    assert counts["stored"] + counts["already_there"] == counts["read"] == count(proxy.upstream) == PACKETS
    assert 0 < counts["already_there"] < PACKETS  # answers that were lost
    assert "cannot be reached" in ran.errors
    assert "is back after" in ran.errors


def test_slow_answers_are_asked_for_again(proxy: FaultProxy, tmp_path: Path) -> None:
    proxy.faults = [faults.delay(7)]
    patience = ("--give-up-after", "20")  # a request has a quarter of it
    ran = espcap("--file", HTTP, "--node", proxy.url, *patience, "--json-report", tmp_path / "report")
    assert ran.status == 0, ran.errors
    counts = summary(tmp_path / "report")
    assert counts["stored"] + counts["already_there"] == count(proxy.upstream) == 33
    assert counts["already_there"] > 0
    assert "did not answer in time" in ran.errors


def test_document_that_is_too_large_is_refused_alone(proxy: FaultProxy, tmp_path: Path) -> None:
    sizes = sorted(len(line) for line in espcap("--file", HTTP).output.splitlines())
    proxy.faults = [faults.too_large(sizes[-1])] * 1000
    letters = tmp_path / "letters"
    report = ("--json-report", tmp_path / "report", "--dead-letters", letters)
    ran = espcap("--file", HTTP, "--node", proxy.url, *report)
    assert ran.status == 3, ran.errors
    counts = summary(tmp_path / "report")
    refused = len(letters.read_bytes().splitlines())
    assert 0 < counts["refused"] == refused == 33 - count(proxy.upstream)
    assert "http.max_content_length" in ran.errors
    proxy.faults = []
    again = espcap("retry", letters, "--node", proxy.url)
    assert again.status == 0, again.errors
    assert count(proxy.upstream) == 33


def test_node_that_is_killed_and_started_again(capture: Path, tmp_path: Path) -> None:
    """Stopped reading meanwhile, so that memory stays as it is; nothing lost, nothing doubled."""
    pytest.importorskip("jgo", reason="no Elasticsearch node without jgo: pip install -e '.[test]'")
    data = tmp_path / "node"
    data.mkdir()
    with node_in(data, "9.5.3") as first, fault_proxy(first.url) as proxy:
        arguments = ("--file", capture, "--chunk", "20", "--node", proxy.url, "--json-report", tmp_path / "report")
        with running(*arguments, errors=tmp_path / "errors") as process:
            until(lambda: proxy.bulks >= 5)
            first.process.kill()
            first.process.wait()
            until(lambda: b"waiting up to 300 s" in (tmp_path / "errors").read_bytes())
            before = _resident(process.pid)
            with node_in(data, "9.5.3") as second:
                assert process.poll() is None
                assert _resident(process.pid) - before < 20_000_000
                proxy.upstream = second.url
                assert process.wait(120) == 0, (tmp_path / "errors").read_text()
                counts = summary(tmp_path / "report")
                assert counts["stored"] + counts["already_there"] == count(second.url) == PACKETS
    assert "is back after" in (tmp_path / "errors").read_text()


def _resident(process: int) -> int:
    """Bytes of memory."""
    match = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    assert match
    return int(match[1]) * 1024


def test_patience_has_an_end_and_the_next_run_completes(capture: Path, proxy: FaultProxy, tmp_path: Path) -> None:
    proxy.down_after = 5
    arguments = ("--file", capture, "--chunk", "50", "--node", proxy.url, "--json-report", tmp_path / "report")
    ran = espcap(*arguments, "--give-up-after", "5")
    assert ran.status == 1
    assert "; gave up after 5 s" in ran.lines[-2], ran.errors
    counts, stored = summary(tmp_path / "report"), count(proxy.upstream)
    assert counts["stored"] == stored > 0
    assert stored in range(0, 251, 50)  # fewer than 250 if the node was slow and espcap sent a batch again
    assert (counts["not_stored"], counts["exit_code"]) == (counts["read"] - stored, 1)
    assert f"{counts['not_stored']} not stored" in ran.summary
    assert 50 <= counts["not_stored"] <= 150  # in flight, and gathered meanwhile: no more is read than that
    proxy.down, proxy.down_after = False, None
    again = espcap(*arguments)
    assert again.status == 0, again.errors
    counts = summary(tmp_path / "report")
    assert (counts["stored"], counts["already_there"]) == (PACKETS - stored, stored)
    assert count(proxy.upstream) == PACKETS


def test_second_signal_ends_the_waiting(capture: Path, proxy: FaultProxy, tmp_path: Path) -> None:
    proxy.down_after = 5
    arguments = ("--file", capture, "--chunk", "50", "--node", proxy.url, "--json-report", tmp_path / "report")
    with running(*arguments, errors=tmp_path / "errors") as process:
        until(lambda: b"waiting up to 300 s" in (tmp_path / "errors").read_bytes())
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 1
    counts = summary(tmp_path / "report")
    assert counts["stored"] == count(proxy.upstream) == 250
    assert counts["not_stored"] == counts["read"] - 250 > 0
    assert "Traceback" not in (tmp_path / "errors").read_text()


def test_pipe_waits_for_a_node_that_is_not_there_yet(elasticsearch_url: str, tmp_path: Path) -> None:
    port = free_port()
    with HTTP.open("rb") as file:
        packets = subprocess.Popen(["cat"], stdin=file, stdout=subprocess.PIPE)
    arguments = ("--file", "-", "--node", f"127.0.0.1:{port}", "--json-report", tmp_path / "report")
    with packets, running(*arguments, errors=tmp_path / "errors", stdin=packets.stdout) as process:
        until(lambda: b"refuses connections; waiting (start" in (tmp_path / "errors").read_bytes())
        with fault_proxy(elasticsearch_url, port):
            assert process.wait(60) == 0
    assert summary(tmp_path / "report")["stored"] == count(elasticsearch_url) == 33
    errors = (tmp_path / "errors").read_text()
    assert [errors.count("waiting"), errors.count("is back after")] == [1, 1]


def test_file_does_not_wait_for_a_node_that_is_not_there() -> None:
    began = time.monotonic()
    ran = espcap("--file", HTTP, "--node", f"127.0.0.1:{free_port()}")
    assert ran.status == 1
    assert [line.startswith("Error: ") for line in ran.lines] == [True, False]
    assert "refuses connections (start Elasticsearch there" in ran.lines[0]
    assert time.monotonic() - began < 15  # most of it for a loaded machine; the waiting itself is bounded below 5 s


def test_file_waits_at_the_start_where_it_is_told_to() -> None:
    ran = espcap("--file", HTTP, "--node", f"127.0.0.1:{free_port()}", "--give-up-after", "1")
    assert ran.status == 1
    assert "refuses connections; waiting up to 1 s" in ran.lines[0]
    assert "refuses connections; gave up after 1 s" in ran.lines[1]


def _settings(url: str, **values: Any) -> None:
    call(url, "PUT", f"/{INDEX}/_settings?expand_wildcards=all", {"index": values})


@pytest.mark.parametrize(
    ("prepare", "says"),
    [
        (lambda url: call(url, "POST", f"/{INDEX}/_close"), f"index {INDEX} accepts no documents: closed"),
        (lambda url: _settings(url, blocks={"write": True}), f"index {INDEX} accepts no documents: index"),
    ],
    ids=["closed", "write block"],
)
def test_index_that_takes_nothing_is_told_at_once(
    prepare: Callable[[str], object], says: str, elasticsearch_url: str, tmp_path: Path
) -> None:
    call(elasticsearch_url, "PUT", f"/{INDEX}")
    prepare(elasticsearch_url)
    ran = espcap("--file", HTTP, "--node", elasticsearch_url, "--json-report", tmp_path / "report")
    assert ran.status == 1
    assert says in ran.lines[0]
    assert len(ran.lines) == 2
    assert summary(tmp_path / "report")["not_stored"] == 33


@pytest.mark.parametrize(("code", "says"), [(401, "rejects the credentials (401)"), (403, "forbids this (403)")])
def test_rejected_caller_is_reported_at_once(code: int, says: str, proxy: FaultProxy, tmp_path: Path) -> None:
    proxy.faults = [faults.status(code, b"{}")]
    ran = espcap("--file", HTTP, "--node", proxy.url, "--json-report", tmp_path / "report")
    assert ran.status == 1
    assert says in ran.lines[0]
    assert len(ran.lines) == 2
    assert proxy.bulks == 1


@pytest.mark.parametrize(
    ("values", "says", "patience"),
    [
        ({"blocks": {"read_only_allow_delete": True}}, "disk flood-stage", "1"),
        ({"routing": {"allocation": {"require": {"zone": "nowhere"}}}}, "is busy: ", "4"),
    ],
    ids=["flood stage", "red index"],
)
def test_index_that_recovers(
    values: dict[str, Any], says: str, patience: str, elasticsearch_url: str, tmp_path: Path
) -> None:
    """Given up after a while, and stored by the next run, when what was wrong is mended."""
    call(elasticsearch_url, "PUT", f"/{INDEX}?wait_for_active_shards=0", {"settings": {"index": values}})
    arguments = ("--file", HTTP, "--node", elasticsearch_url, "--json-report", tmp_path / "report")
    ran = espcap(*arguments, "--give-up-after", patience)
    assert ran.status == 1, ran.errors
    assert f"gave up after {patience} s" in ran.lines[-2]
    assert sum(says in line for line in ran.lines if line.startswith("Note: ")) == 1
    assert summary(tmp_path / "report")["not_stored"] == 33
    _settings(elasticsearch_url, **{"blocks.read_only_allow_delete": None, "routing.allocation.require.zone": None})
    again = espcap(*arguments)
    assert again.status == 0, again.errors
    assert count(elasticsearch_url) == 33
