"""Live captures that meet a slow store, a full spool, a full disk, and their own death."""

import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import network
from tests.support.command import children, espcap
from tests.support.live_run import STARTED, Run, identifiers, until
from tests.support.requirements import dissector_rights, needs_open_root_folder, needs_root

pytestmark = [needs_root, pytest.mark.slow]


@pytest.fixture(autouse=True)
def _none_is_left() -> Iterator[None]:
    """Also where a test fails."""
    yield
    while STARTED:
        process = STARTED.pop()
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def name() -> Iterator[str]:
    with network.namespace() as made:
        yield made


def test_a_store_that_stops_costs_no_packet(name: str, tmp_path: Path) -> None:
    """12,000 packets at 3,000/s, while the store stands still for half of the time."""
    run = Run(name, tmp_path, "--stats-interval", "1")
    sender = threading.Thread(target=network.send, args=(name, 12_000, 3000))
    sender.start()
    time.sleep(1)
    run.hold()
    time.sleep(2)
    run.release()
    sender.join()
    run.settle()  # dumpcap leaves behind what the kernel has not handed over when it is asked to end
    assert run.end(signal.SIGTERM) == 0, run.said
    found = run.documents()
    assert len(found) == run.count("stored") == 12_000 - run.count("dropped,")
    assert run.count("dropped by the spool") == 0
    assert [document["layers"]["frame"]["number"] for document in found] == list(range(1, len(found) + 1))
    assert run.said.count("So far: ") >= 3
    assert not list(run.spool.iterdir())


def test_a_ring_that_overflows_is_counted(name: str, tmp_path: Path) -> None:
    report = tmp_path / "report"
    run = Run(name, tmp_path, "--spool-size", "300kB", "--json-report", str(report))
    run.hold()
    network.send(name, 9_000, 4000)
    until(lambda: len(list(run.spool.glob("*/packets_*"))) > 5)
    run.settle()
    size = sum(path.stat().st_size for path in {p.stat().st_ino: p for p in run.spool.glob("*/*_*")}.values())
    assert size < 400_000
    run.release()
    assert run.end() == 3, run.said
    found = identifiers(run.documents())
    counts = json.loads(report.read_text())
    assert counts["spool_dropped"] == run.count("dropped by the spool") > 1000
    assert len(found) == len(set(found)) == counts["stored"]
    assert len(found) + counts["spool_dropped"] + counts["dropped"] == 9_000
    assert f"the spool dropped {counts['spool_dropped']:,} packets" in run.said
    # The numbers of what was lost are left out, so that a frame number is the place in the capture.
    assert max(int(each.rpartition("-")[2]) for each in found) == 9_000 - counts["dropped"]


def test_the_smallest_ring_waits_for_no_whole_batch(name: str, tmp_path: Path) -> None:
    """Its segments in flight have fewer packets than one batch: they are stored as soon as the store is idle."""
    run = Run(name, tmp_path, "--spool-size", "263kB")
    network.send(name, 6_000, 2_000)
    run.settle()
    assert run.end() == 0, run.said
    assert (run.count("stored"), run.count("dropped")) == (6_000, 0)


def test_killed_runs_are_stored_by_the_next(name: str, tmp_path: Path) -> None:
    """Each kill comes with the store in another state; what was stored and not removed comes again, as itself."""
    sent = 0
    for pause in (0.0, 0.2):
        run = Run(name, tmp_path, "--chunk", "200", "--spool-size", "2MB", pause=pause)
        network.send(name, 3_000, 3000, sent)
        sent += 3_000
        time.sleep(1)
        if not pause:
            run.hold()
        network.send(name, 1_000, 3000, sent)
        sent += 1_000
        run.settle()
        run.kill()
    last = Run(name, tmp_path)
    assert last.end() == 0, last.said
    assert " packets that an earlier run had left in the spool" in last.said
    found = Counter(identifiers(last.documents()))
    ports = {
        (each["capture_id"], each["source"]["port"], each["layers"]["frame"]["number"]) for each in last.documents()
    }
    assert len(found) == sent
    assert len(ports) == sent  # an identifier that comes again is that of the same packet
    assert not list(last.spool.iterdir())


def test_a_killed_run_leaves_nothing_out_of_the_local_index(name: str, tmp_path: Path) -> None:
    """Whose documents are durable some time after it took them: until then their segments stay."""
    node = ("--node", f"local:{tmp_path / 'index'}", "--chunk", "100")
    for first in (0, 3_000):
        run = Run(name, tmp_path, *node, "--spool-size", "1MB")
        network.send(name, 3_000, 1000, first)
        run.settle()
        run.kill()
    assert Run(name, tmp_path, *node).end() == 0
    found = espcap("search", "--node", node[1], "--size", "10000").documents
    assert len(found) == 6_000
    assert len({(each["capture_id"], each["layers"]["frame"]["number"]) for each in found}) == 6_000
    assert len({(each["capture_id"], each["source"]["port"]) for each in found}) == 6_000


def test_the_last_packets_before_a_silence_are_searchable(name: str, tmp_path: Path) -> None:
    """The local index commits now and then while packets come, and once when no more come."""
    node = ("--node", f"local:{tmp_path / 'index'}", "--chunk", "20")
    run = Run(name, tmp_path, *node)
    network.send(name, 500, 200)
    until(lambda: len(espcap("search", "--node", node[1], "--size", "1000").documents) == 500)
    assert run.end() == 0
    assert run.count("stored") == 500


@pytest.mark.parametrize("setpriv", [True, pytest.param(False, marks=needs_open_root_folder)])
def test_no_child_outlives_sigkill_on_an_idle_interface(name: str, tmp_path: Path, setpriv: bool) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for program in ("tshark", "dumpcap", *(["setpriv"] if setpriv else [])):
        (programs / program).symlink_to(str(shutil.which(program)))
    _open_to_nobody(programs)
    run = Run(name, tmp_path, PATH=str(programs))
    until(lambda: {"tshark", "dumpcap", "sh"} <= {_name(child) for child in children(run.process.pid)})
    found = children(run.process.pid)
    run.process.kill()
    run.process.wait()
    until(lambda: not any(_is_alive(child) for child in found))
    assert Run(name, tmp_path).end() == 0
    assert not list(run.spool.iterdir())


def test_second_interruption_says_what_stays(name: str, tmp_path: Path) -> None:
    run = Run(name, tmp_path)
    run.hold()
    network.send(name, 2_000, 4000)
    run.settle()
    run.process.send_signal(signal.SIGINT)
    time.sleep(1)
    found = children(run.process.pid)
    assert found
    assert run.end(seconds=8) == 1, run.said
    assert re.search(rf"[\d,]+ bytes of packets that are not stored stay in {run.spool}/\w+ \(the next live", run.said)
    assert not any(_is_alive(child) for child in found)
    run.release()
    again = Run(name, tmp_path)
    assert again.end() == 0, again.said
    assert len(set(identifiers(again.documents()))) == 2_000


def test_a_store_that_stays_away_during_the_drain(name: str, tmp_path: Path) -> None:
    run = Run(name, tmp_path)
    run.hold()
    network.send(name, 1_000, 4000)
    run.settle()
    assert run.end(signal.SIGTERM) == 1, run.said
    assert "bytes of packets that are not stored stay in" in run.said
    assert list(run.spool.iterdir())


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_small_disk_makes_a_small_ring(name: str, tmp_path: Path, small_disk: Path) -> None:
    run = Run(name, tmp_path, spool=small_disk / "spool")
    run.hold()
    network.send(name, 9_000, 4000)
    run.settle()
    run.release()
    assert run.end() == 3, run.said
    assert len(run.documents()) + run.count("dropped by the spool") + run.count("dropped,") == 9_000


def test_a_full_disk(name: str, tmp_path: Path, small_disk: Path) -> None:
    run = Run(name, tmp_path, spool=small_disk / "spool")
    run.hold()
    network.send(name, 1_000, 4000)
    run.settle()
    (small_disk / "other").write_bytes(bytes(os.statvfs(small_disk).f_bavail * 4096 - 40_000))
    network.send(name, 1_000, 4000, 1_000)
    run.settle()
    run.release()
    assert run.process.wait(60) == 1, run.said
    assert run.said.count("no space left on the file system") == 1
    assert "Traceback" not in run.said
    found = identifiers(run.documents())
    lost = run.count("dropped by the spool")
    assert len(found) == len(set(found)) >= 1_000
    assert len(found) + lost + run.count("dropped,") <= 2_000  # the rest came after dumpcap had ended
    assert lost > 0
    assert not list(run.spool.iterdir())


def test_a_spool_that_is_removed_meanwhile(name: str, tmp_path: Path) -> None:
    """What dumpcap goes on to write into the file that it has open is stored; it can begin no other."""
    run = Run(name, tmp_path, "--spool-size", "1MB")
    network.send(name, 50, 1000)
    run.settle()
    shutil.rmtree(run.spool)
    network.send(name, 1_000, 1000, 50)
    assert run.process.wait(60) == 1, run.said
    assert "Traceback" not in run.said
    assert "the spool was removed; start espcap again" in run.said
    found = identifiers(run.documents())
    assert len(found) == len(set(found)) == run.count("stored") >= 50
    assert len(found) + run.count("dropped by the spool") + run.count("dropped,") <= 1_050


def test_two_interfaces_drop_nothing_after_the_last_packet(name: str, tmp_path: Path) -> None:
    """dumpcap has read more than it was asked for by then, a thread for each interface."""
    run = Run(name, tmp_path, "-i", "lo", "--count", "3")
    network.send(name, 200, 1000)
    assert run.process.wait(60) == 0, run.said
    assert (run.count("stored"), run.count("dropped,"), run.count("dropped by the spool")) == (3, 0, 0)


def test_packets_that_wait_for_the_store_are_not_lost(name: str, tmp_path: Path) -> None:
    run = Run(name, tmp_path, "--stats-interval", "0.2")
    run.hold()
    network.send(name, 100, 1000)
    until(lambda: "100 waiting" in run.said)
    run.release()
    assert run.end() == 0, run.said
    assert "not stored" not in run.said


def test_tshark_is_started_anew_without_loss(name: str, tmp_path: Path) -> None:
    """With a limit that any tshark is over, each segment has a tshark of its own."""
    run = Run(name, tmp_path, "--spool-size", "3MB", ESPCAP_TEST_MEMORY="1")
    network.send(name, 3_000, 2000)
    run.settle()
    assert run.end() == 0, run.said
    found = run.documents()
    assert [document["layers"]["frame"]["number"] for document in found] == list(range(1, 3_001))
    assert len({document["capture_id"] for document in found}) == 1
    # tshark's own counting of streams shows where a new one began
    assert sum(document["layers"]["udp"]["stream"] == 0 for document in found) > 1


def test_tshark_that_dies_is_started_anew(name: str, tmp_path: Path) -> None:
    run = Run(name, tmp_path)
    network.send(name, 1_000, 4000)
    until(lambda: len(run.documents()) == 1_000)
    [tshark] = [child for child in children(run.process.pid) if _name(child) == "tshark"]
    os.kill(tshark, signal.SIGKILL)
    until(lambda: "tshark is started again" in run.said)
    network.send(name, 1_000, 4000, 1_000)
    run.settle()
    assert run.end() == 3, run.said
    assert "v0: tshark: killed by SIGKILL after packet 1,000 of the capture (tshark is started again)" in run.said
    assert [document["layers"]["frame"]["number"] for document in run.documents()] == list(range(1, 2_001))


def test_flows_end_with_a_tshark_that_dies(name: str, tmp_path: Path) -> None:
    """Flows that were open have another record of the next tshark's packets; no packet is in none or in two."""
    run = Run(name, tmp_path, "--types", "packets,flows")
    network.send(name, 500, 2000)
    until(lambda: sum("layers" in each for each in run.documents()) == 500)
    [tshark] = [child for child in children(run.process.pid) if _name(child) == "tshark"]
    os.kill(tshark, signal.SIGKILL)
    until(lambda: "tshark is started again" in run.said)
    network.send(name, 500, 2000, 500)
    run.settle()
    assert run.end() == 3, run.said
    flows = [each for each in run.documents() if each.get("type") == "flow"]
    assert sum(flow["network"]["packets"] for flow in flows) == 1_000
    assert len({flow["flow"]["id"] for flow in flows}) == len(flows)
    assert {flow["flow"]["end_reason"] for flow in flows} == {"end of capture"}
    assert any(flow["flow"]["last_frame"] == 500 for flow in flows)
    assert all(not flow["flow"]["first_frame"] <= 500 < flow["flow"]["last_frame"] for flow in flows)


DYING = """#!/usr/bin/env python3
import os, subprocess, sys
if "-r" not in sys.argv:
    os.execvp("tshark", ["tshark", *sys.argv[1:]])
tshark = subprocess.Popen(["tshark", *sys.argv[1:]], stdout=subprocess.PIPE)
packet = b""
for line in tshark.stdout:
    packet += line
    if b'"udp.srcport": "1524"' in line:
        tshark.kill()
        os.kill(os.getpid(), 11)
    if line.startswith(b"  }"):
        os.write(1, packet)
        packet = b""
os.write(1, packet)
"""


def test_a_packet_that_kills_tshark_is_left_out(name: str, tmp_path: Path) -> None:
    dying = tmp_path / "tshark"
    dying.write_text(DYING)
    dying.chmod(0o755)
    _open_to_nobody(tmp_path)
    run = Run(name, tmp_path, "--tshark", str(dying))
    network.send(name, 1_000, 2000)
    run.settle()
    assert run.end() == 3, run.said
    numbers = [document["layers"]["frame"]["number"] for document in run.documents()]
    assert numbers == [number for number in range(1, 1_001) if number != 501]
    assert run.count("dropped by the spool") == 1
    assert "tshark: killed by SIGSEGV after packet 500 of the capture" in run.said


def test_the_spool_is_private(name: str, tmp_path: Path) -> None:
    run = Run(name, tmp_path)
    modes = {path: path.stat().st_mode & 0o777 for path in [run.spool, *run.spool.rglob("*")]}
    assert run.end() == 0
    assert len(modes) >= 5
    assert {mode for path, mode in modes.items() if path.suffix or path.name == "numbers"} == {0o600}
    assert {mode for path, mode in modes.items() if not path.suffix and path.name != "numbers"} == {0o700}


def test_an_interface_that_goes_down_and_comes_back(name: str, tmp_path: Path) -> None:
    run, link = Run(name, tmp_path), ["ip", "-netns", name, "link", "set", network.NEAR]
    network.send(name, 100, 1000)
    run.settle()
    for state in ("down", "up"):
        subprocess.run([*link, state], check=True)
        time.sleep(0.5)
    network.send(name, 100, 1000, 100)
    run.settle()
    assert run.end() == 0, run.said
    assert len(run.documents()) == 200


def test_only_dumpcap_has_rights(name: str, tmp_path: Path) -> None:
    run = Run(name, tmp_path)
    until(lambda: {"tshark", "dumpcap"} <= {_name(child) for child in children(run.process.pid)})
    status = {_name(child): Path(f"/proc/{child}/status").read_text() for child in children(run.process.pid)}
    users = {name: re.findall(r"^Uid:\t(\d+)", text, re.M) for name, text in status.items()}
    assert run.end() == 0
    assert (users["dumpcap"], users["tshark"]) == (["0"], ["65534"])
    assert re.findall(r"^Cap(?:Prm|Eff):\t(\w+)", status["tshark"], re.M) == [dissector_rights()] * 2


def test_a_display_filter_that_lets_nothing_pass_frees_the_spool(name: str, tmp_path: Path) -> None:
    run = Run(name, tmp_path, "-Y", "tcp", "--spool-size", "300kB")
    for part in range(4):
        network.send(name, 1_000, 1000, part)
    until(lambda: not list(run.spool.glob("*/*_00001_*")))
    assert run.end() == 0, run.said
    assert run.count("dropped by the spool") == 0


def _open_to_nobody(folder: Path) -> None:
    for path in (folder, *list(folder.parents)[:3]):
        if path != Path("/tmp"):
            path.chmod(0o755)


def _name(process: int) -> str:
    try:
        return Path(f"/proc/{process}/comm").read_text().strip()
    except OSError:
        return ""


def _is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
