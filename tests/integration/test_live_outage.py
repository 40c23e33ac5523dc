"""A live capture whose Elasticsearch is away for half of it: what was sent is stored, or counted where it was lost."""

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import network
from tests.support.elasticsearch_node import call
from tests.support.fault_proxy import FaultProxy
from tests.support.live_run import STARTED, Run, until
from tests.support.requirements import needs_root
from tests.support.serving import serving

pytestmark = [needs_root, pytest.mark.slow]

SECONDS = int(os.environ.get("ESPCAP_TEST_LIVE_SECONDS", "30"))
RATE = 5000
DRAIN = 600
"""Seconds that a loaded machine may take to store the rest."""


@pytest.fixture
def name() -> Iterator[str]:
    with network.namespace() as made:
        yield made
        while STARTED:
            process = STARTED.pop()
            process.kill()
            process.wait()


@pytest.fixture
def proxy(name: str, elasticsearch_url: str) -> Iterator[FaultProxy]:
    """Listens inside the namespace; the node is outside."""
    with serving(network.inside(name, lambda: FaultProxy(elasticsearch_url))) as running:
        yield running


def test_elasticsearch_away_for_half_of_a_capture(name: str, proxy: FaultProxy, tmp_path: Path) -> None:
    report, sent = tmp_path / "report", RATE * SECONDS
    run = Run(name, tmp_path, "--node", proxy.url, "--stats-interval", "5", "--json-report", str(report))
    sender = threading.Thread(target=network.send, args=(name, sent, RATE))
    sender.start()
    time.sleep(SECONDS / 4)
    proxy.down = True
    time.sleep(SECONDS / 2)
    proxy.down = False
    sender.join()
    until(lambda: "is back after" in run.said, 120)
    run.settle()
    assert run.end(signal.SIGTERM, DRAIN) == 0, run.said
    counts = json.loads(report.read_text())
    assert counts["stored"] + counts["dropped"] + counts["spool_dropped"] == sent
    assert counts["read"] == counts["stored"] + counts["already_there"]
    assert counts["stored"] > sent // 2
    call(proxy.upstream, "POST", "/packets-*/_refresh")
    assert call(proxy.upstream, "GET", "/packets-*/_count")["count"] == counts["stored"]
    assert "cannot be reached" in run.said
    assert not list(run.spool.iterdir())
