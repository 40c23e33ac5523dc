"""The recipe of docs/live.md: dumpcap keeps a ring of captures, espcap follows their folder."""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.command import ROOT, espcap, start
from tests.support.live_run import send, until
from tests.support.requirements import needs_capture


@pytest.mark.slow
@needs_capture
def test_packets_of_the_ring_can_be_shown_until_their_file_is_gone(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "live.md").read_text("utf-8")
    recipe = re.search(r"```sh\n(dumpcap .*?)\n(espcap .*?)\n```", text)
    assert recipe
    ring, node = tmp_path / "ring", f"local:{tmp_path / 'index'}"
    ring.mkdir()
    capture = recipe[1].replace("eth0", "lo").replace("/var/captures", str(ring))
    capture = capture.replace("filesize:100000", "filesize:1").replace("files:100", "files:4").removesuffix(" &")
    words = recipe[2].replace("/var/captures", str(ring)).replace("localhost:9200", node).split()[1:]
    dumpcap = subprocess.Popen([*capture.split(), "-q", "-f", "udp port 40125"], stderr=subprocess.DEVNULL)
    follow = start(*words, "--settle", "0.2")
    try:
        until(lambda: bool(os.listdir(ring)))
        send(40, 40125, 0.3)  # slower than files are taken: none is overwritten before
        time.sleep(1)
        dumpcap.send_signal(signal.SIGINT)
        dumpcap.wait(30)
        kept = len(os.listdir(ring))
        until(lambda: len(espcap("search", "udp.dstport:40125", "--size", "100", "--node", node).documents) == 40)
    finally:
        dumpcap.kill()
        follow.send_signal(signal.SIGTERM)
        errors = follow.communicate(timeout=60)[1].decode()
    assert follow.returncode == 0, errors
    assert kept == 4
    found = espcap("search", "udp.dstport:40125", "--size", "100", "--sort", "@timestamp", "--node", node).documents
    there = [document for document in found if os.path.exists(document["file_name"])]
    gone = [document for document in found if not os.path.exists(document["file_name"])]
    assert there
    assert gone
    shown = espcap("show", f"{there[-1]['file_name']}#{there[-1]['layers']['frame']['number']}", "--node", node)
    assert b"Dst Port: 40125" in shown.output
    lost = espcap("show", f"{gone[0]['capture_id']}-{gone[0]['layers']['frame']['number']}", "--node", node)
    assert lost.status == 1
    assert f"{gone[0]['file_name']} is gone" in lost.errors
    extract = espcap("extract", "udp.dstport:40125", "-w", tmp_path / "extract.pcapng", "--node", node)
    assert extract.status == 3
    assert f"{len(there)} packets of" in extract.errors
    assert f", {len(gone)} missing" in extract.errors
