"""`--keep-captures`: packets of live captures that can be shown, extracted and filtered, until their files go."""

import asyncio
import json
import os
import re
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from scapy.utils import rdpcap

from espcap.extract.needed import find_needed
from espcap.query import Equals
from espcap.searches.searcher import Searcher
from espcap.stores.local.store import LocalStore
from espcap.tshark.arguments import Settings
from espcap.tshark.program import Program, dissecting_user, environment
from espcap.tshark.registry import open_registry
from espcap.web.dissector import Dissector
from tests.integration.test_show import lines
from tests.integration.test_spool import _none_is_left, name, small_disk
from tests.support import network
from tests.support.command import CAPTURES, Ran, espcap
from tests.support.frame_oracle import frames
from tests.support.live_run import Run, until
from tests.support.requirements import needs_root

__all__ = ["_none_is_left", "name", "small_disk"]

pytest_plugins = ["tests.support.core_fixtures"]
pytestmark = [needs_root, pytest.mark.slow]


@pytest.fixture
def node(tmp_path: Path) -> str:
    return f"local:{tmp_path / 'index'}"


def ports(capture: bytes) -> list[int]:
    """The source ports of the packets of a capture, as tshark reads them; each packet of `network.send` has its own."""
    command = ["tshark", "-n", "-T", "fields", "-e", "udp.srcport", "-r", "-"]
    printed = subprocess.run(command, input=capture, capture_output=True, env=environment(), check=False).stdout
    return [int(line) for line in printed.split()]


def sent(first: int, end: int) -> list[int]:
    return [1024 + number for number in range(first, end)]


def stored(node: str) -> list[dict[str, Any]]:
    """All documents, in the order of their packets."""
    return espcap("search", "--sort", "frame.number", "--size", "10000", "--node", node).documents


def extracted(node: str, spool: Path, query: str = "") -> tuple[list[int], Ran]:
    words = [query] if query else []
    ran = espcap("extract", *words, "-w", "-", "--dir", spool, "--node", node)
    return ports(ran.output), ran


def kept(spool: Path) -> list[Path]:
    return sorted((spool / "captures").glob("*.pcapng"))


def size(spool: Path) -> int:
    """Bytes of the kept files that are in no spool."""
    status = [path.stat() for path in kept(spool)]
    return sum(each.st_size for each in status if each.st_nlink == 1)


def identifier(document: dict[str, Any]) -> str:
    return f"{document['capture_id']}-{document['layers']['frame']['number']}"


def test_packets_of_a_capture_that_runs_and_after_it(name: str, tmp_path: Path, node: str) -> None:
    run = Run(name, tmp_path, "--node", node, "--keep-captures", "50MB", "--spool-size", "500kB")
    network.send(name, 1_000, 500)
    until(lambda: len(stored(node)) == 1_000)
    for _ in range(2):
        found = stored(node)
        assert len(kept(run.spool)) > 3
        wanted = found[700]
        shown = espcap("show", identifier(wanted), "--dir", run.spool, "--node", node)
        assert shown.status == 0, shown.errors
        text = shown.output.decode()
        assert text.startswith("Frame 701: ")
        assert f"Source Port: {wanted['source']['port']}" in text
        assert f"[Stream index: {wanted['layers']['udp']['stream']}]" in text
        assert "    Frame Number: 701\n" in text
        answer, ran = extracted(node, run.spool)
        assert (answer, ran.status) == (sent(0, 1_000), 0)
        assert extracted(node, run.spool, f"source.port:{1024 + 321}")[0] == [1024 + 321]
        words = ("--captures", "-Y", 'frame contains "777....."', "--dir", run.spool, "--node", node)
        passed = espcap("search", *words)
        assert (passed.status, [each["source"]["port"] for each in passed.documents]) == (0, [1024 + 777])
        if run.process.poll() is None:
            assert run.end() == 0, run.said
    modes = {path.stat().st_mode & 0o777 for path in kept(run.spool)}
    assert modes == {0o600}
    assert (run.spool / "captures").stat().st_mode & 0o777 == 0o700
    assert [path.name for path in run.spool.iterdir()] == ["captures"]


def test_the_page_shows_them(name: str, tmp_path: Path, program: Program) -> None:
    index = tmp_path / "index"
    run = Run(name, tmp_path, "--node", f"local:{index}", "--keep-captures", "50MB", "--spool-size", "300kB")
    network.send(name, 600, 500)
    run.settle()
    assert run.end() == 0, run.said
    registry = open_registry(program)
    reader = Searcher(program, registry, LocalStore(index, registry))
    dissector = Dissector(program, dissecting_user(program), Settings(), (str(run.spool),))
    for number in (2, 599, 300):  # in files that are far from each other
        [hit] = reader.store.search(Equals("layers.frame.number", number)).hits
        for needed in (None, find_needed(reader, hit.source)):
            dissection = asyncio.run(dissector.show(hit.source, needed))
            filters = [node.filter for _, node in dissection.nodes()]
            assert f"frame.number == {number}" in filters
            assert f"udp.srcport == {1023 + number}" in filters
        [said] = asyncio.run(dissector.follow(hit.source))
        assert said.data.startswith(b"%d." % (number - 1))
    dissector.close()
    reader.close()


def test_the_oldest_go_when_the_size_is_reached(name: str, tmp_path: Path, node: str) -> None:
    limit = 600_000
    options = ("--node", node, "--keep-captures", f"{limit // 1000}kB", "--spool-size", "2MB")
    run = Run(name, tmp_path, *options)
    network.send(name, 6_000, 2000)
    run.settle()
    until(lambda: len(stored(node)) == 6_000)
    assert limit // 2 < size(run.spool) <= limit
    assert run.end() == 0, run.said
    assert limit // 2 < size(run.spool) <= limit
    found, ran = extracted(node, run.spool)
    assert found == sent(6_000 - len(found), 6_000)
    missing = 6_000 - len(found)
    assert ran.status == 3
    assert f"{missing:,} packets are missing: their capture files were deleted: the live capture on " in ran.errors

    first = stored(node)[0]
    shown = espcap("show", identifier(first), "--dir", run.spool, "--node", node)
    assert shown.status == 1
    told = re.search(r"the capture file with frame 1 is gone: .* has kept packets from frame ([\d,]+) on", shown.errors)
    assert told
    assert int(told[1].replace(",", "")) == 6_000 - len(found) + 1

    words = ("--dir", run.spool, "--size", "10000", "--node", node)
    passed = espcap("search", "--captures", "-Y", 'frame contains "9....."', *words)
    assert passed.status == 3
    assert "packets could not be filtered: their capture files were deleted" in passed.errors
    assert [each["source"]["port"] for each in passed.documents] != []
    assert {each["source"]["port"] - 1024 for each in passed.documents} == {
        number - 1024 for number in found if str(number - 1024).endswith("9")
    }
    counted = espcap("search", "--captures", "-Y", 'frame contains "9" && frame.number > 5000', *words)
    assert "frame.number counts from the first packet, and the live capture on" in counted.errors

    smaller = Run(name, tmp_path, "--node", node, "--keep-captures", "300kB", "--spool-size", "300kB")
    until(lambda: size(run.spool) <= 300_000)
    assert kept(run.spool)
    assert smaller.end() == 0, smaller.said


def test_files_go_when_they_are_old(name: str, tmp_path: Path, node: str) -> None:
    """Also while no packet comes, and those of an earlier run."""
    run = Run(name, tmp_path, "--node", node, "--keep-captures", "50MB")
    network.send(name, 100, 500)
    run.settle()
    assert run.end() == 0
    assert len(kept(run.spool)) == 1
    options = ("--node", node, "--keep-captures", "50MB", "--keep-captures-for", "6s")
    run = Run(name, tmp_path, *options)
    network.send(name, 100, 500, 100)
    until(lambda: len(stored(node)) == 200)
    assert extracted(node, run.spool, "source.port:[1124 TO 1223]")[0] == sent(100, 200)
    network.send(name, 1, 500, 200)
    until(lambda: not any(path.name.endswith("-00000001.pcapng") for path in kept(run.spool)), 20)
    assert run.end() == 0


def test_a_killed_run_loses_and_doubles_nothing(name: str, tmp_path: Path, node: str) -> None:
    """The next run keeps what waits in the spool, under the names that it would have had."""
    options = ("--node", node, "--chunk", "100", "--keep-captures", "50MB", "--spool-size", "1MB")
    for first, pause in ((0, 0.0), (3_000, 0.2)):
        run = Run(name, tmp_path, *options, pause=pause)
        network.send(name, 3_000, 2000, first)
        run.settle()
        run.kill()
    last = Run(name, tmp_path, *options)
    assert last.end() == 0, last.said
    assert "left in the spool" in last.said
    found, ran = extracted(node, last.spool)
    assert ran.status == 0, ran.errors
    assert sorted(found) == sent(0, 6_000)
    each = Counter(port for path in kept(last.spool) for port in ports(path.read_bytes()))
    assert sorted(each) == sent(0, 6_000)
    assert set(each.values()) == {1}
    assert [path.name for path in last.spool.iterdir()] == ["captures"]


def test_two_captures_at_once(name: str, tmp_path: Path, node: str) -> None:
    """One spool, one limit, and each packet of either."""
    spool = tmp_path / "spool"
    runs = []
    for each in ("one", "two"):
        (tmp_path / each).mkdir()
        own = f"local:{tmp_path / each / 'index'}"
        words = ("--node", own, "--keep-captures", "1MB", "--spool-size", "300kB")
        runs.append((own, Run(name, tmp_path / each, *words, spool=spool)))
    network.send(name, 1_000, 500)
    for _, run in runs:
        run.settle()
        assert run.end() == 0, run.said
    for own, _ in runs:
        assert extracted(own, spool)[0] == sent(0, 1_000)
    assert len({path.name.partition("-")[0] for path in kept(spool)}) == 2


def test_a_disk_that_fills_up(name: str, tmp_path: Path, small_disk: Path) -> None:
    """What is kept makes room for the spool, so that no packet is dropped for it."""
    spool = small_disk / "spool"
    run = Run(name, tmp_path, "--keep-captures", "50MB", "--chunk", "100", spool=spool)
    network.send(name, 9_000, 1000)  # 1.6 MB on a disk of 1 MiB
    run.settle()
    assert run.end() == 0, run.said
    assert len(run.documents()) == 9_000
    found = sorted(port for path in kept(spool) for port in ports(path.read_bytes()))
    assert 1_000 < len(found) < 6_000
    assert found == sent(9_000 - len(found), 9_000)

    (small_disk / "other").write_bytes(bytes(os.statvfs(small_disk).f_bavail * 4096 - 100_000))
    run = Run(name, tmp_path, "--keep-captures", "50MB", "--chunk", "100", spool=spool)
    network.send(name, 1_000, 500, 9_000)
    run.settle()
    assert run.end() == 0, run.said
    assert sorted(document["layers"]["udp"]["srcport"] for document in run.documents()) == sent(0, 10_000)
    assert size(spool) < 600_000


def test_captures_that_cannot_be_kept(name: str, tmp_path: Path) -> None:
    """A folder that cannot be made, at the start and meanwhile, and options that make no sense."""
    spool = tmp_path / "spool"
    spool.mkdir()
    (spool / "captures").write_text("")
    run = Run(name, tmp_path, "--keep-captures", "1MB")
    assert run.process.wait(60) == 1
    assert run.said.count(f"cannot keep captures in {spool}/captures: File exists") == 1
    assert "Traceback" not in run.said
    assert [path.name for path in spool.iterdir()] == ["captures"]

    (spool / "captures").unlink()
    run = Run(name, tmp_path, "--keep-captures", "1MB", "--spool-size", "300kB")
    (spool / "captures").rename(tmp_path / "elsewhere")
    network.send(name, 500, 1000)
    run.settle()
    assert run.end() == 3, run.said
    assert run.said.count(f"packets are not kept in {spool}/captures: No such file or directory") == 1
    assert "Traceback" not in run.said
    assert len(run.documents()) == 500
    json.loads(run.output.read_text().splitlines()[0])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--file", "-", "--keep-captures", "1MB"], "--keep-captures is for interfaces"),
        (["--nic", "lo", "--keep-captures-for", "7d"], "--keep-captures-for needs --keep-captures"),
        (["--nic", "lo", "--keep-captures", "1"], "Invalid value for '--keep-captures'"),
        (["--nic", "lo", "--keep-captures", "5\u212aB"], "'5\u212aB' is not a size"),  # a sign that means kelvin
        (["--nic", "lo", "--keep-captures", "1MB", "--keep-captures-for", "7 days"], "'7 days' is not a duration"),
    ],
)
def test_wrong_use(words: list[str], told: str) -> None:
    ran = espcap(*words)
    assert ran.status == 2
    assert told in ran.errors


def test_shown_as_in_the_whole_capture(name: str, tmp_path: Path, node: str) -> None:
    """Numbers of frames and of streams too, when the files before are gone; a message is put together across files."""
    run = Run(name, tmp_path, "--node", node, "--keep-captures", "50MB", "--spool-size", "300kB")
    network.send(name, 200, 200)
    with network.inside(name, network.open_far_end) as sender:
        for packet in rdpcap(str(CAPTURES / "http_xml.pcap")):
            sender.send(bytes(packet))
    run.settle()
    assert run.end() == 0, run.said
    whole = tmp_path / "whole.pcapng"
    assert espcap("extract", "-w", whole, "--dir", run.spool, "--node", node).status == 0
    expected = frames(whole)
    assert len(kept(run.spool)) > 2
    for path in kept(run.spool)[:2]:
        path.unlink()
    documents = [document for document in stored(node)[200:] if document["layers"].get("http")]
    assert len(documents) == 8
    for document in documents:
        shown = espcap("show", identifier(document), "--dir", run.spool, "--node", node)
        assert comparable(lines(shown)) == comparable(expected[document["layers"]["frame"]["number"] - 1])
    assert any("Reassembled TCP Segments" in line for lines in expected for line in lines)


def comparable(lines: list[str]) -> list[str]:
    """Without what tells where the capture begins."""
    return [line for line in lines if "Time since reference or first frame" not in line]
