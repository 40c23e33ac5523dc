"""The same captures with other settings: their documents are replaced, whatever happens in between."""

import gzip
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from espcap import count
from tests.support.command import CAPTURES, ROOT, Ran, environment, espcap, start
from tests.support.elasticsearch_node import call

pytestmark = pytest.mark.slow

AS_DATA = ("-d", "tcp.port==80,data")
LARGE, SMALL_FILES = 33 * 60, 12
PACKETS = LARGE + 33 * SMALL_FILES
KILLS = 8


@pytest.fixture(scope="module")
def captures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a file that takes some seconds and small ones, of several days."""
    folder = tmp_path_factory.mktemp("captures")
    large = ["mergecap", "-a", "-w", str(folder / "large.pcap"), *[str(CAPTURES / "http_xml.pcap")] * 60]
    subprocess.run(large, check=True)
    for number in range(SMALL_FILES):
        later = ["editcap", "-t", str(14400 * number), str(CAPTURES / "http_xml.pcap"), str(folder / f"{number}.pcap")]
        subprocess.run(later, check=True)
    return folder


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    copy = tmp_path / "http.pcap"
    copy.write_bytes((CAPTURES / "http_xml.pcap").read_bytes())
    return copy


def counts(ran: Ran | str) -> dict[str, int]:
    summary = ran.summary if isinstance(ran, Ran) else ran
    words = "packets read|stored|replaced|already there|rejected|files? done before"
    return {name: int(count.replace(",", "")) for count, name in re.findall(rf"([\d,]+) ({words})", summary)}


def stored(node: str) -> Counter[str]:
    """How many packets each settings have, each of which is there once."""
    found = espcap("search", "--size", "10000", "--node", node).documents
    identifiers = [(document["capture_id"], document["layers"]["frame"]["number"]) for document in found]
    assert len(set(identifiers)) == len(identifiers)
    return Counter(document["settings_id"] for document in found)


def wait_for_both_settings(process: "subprocess.Popen[bytes]", node: str, ours: str) -> None:
    """Returns while a run replaces packets, or once it has ended."""
    while process.poll() is None:
        if node.startswith("http"):
            call(node, "POST", "/packets-*/_refresh")
        if 0 < count(f"settings_id:{ours}", node=node) < PACKETS:
            return


def has_http(node: str) -> int:
    return len(espcap("search", "_exists_:layers.http", "--size", "10000", "--node", node).documents)


def test_replaced_and_left_as_it_is(capture: Path, node: str) -> None:
    first = espcap("-r", capture, "--node", node)
    assert (first.status, counts(first)["stored"], has_http(node)) == (0, 33, 8)
    again = espcap("-r", capture, "--node", node, *AS_DATA)
    assert again.status == 0
    assert "33 packets read, 0 stored, 33 replaced, 0 already there, 0 rejected" in again.summary
    assert (len(stored(node)), has_http(node)) == (1, 0)
    same = espcap("-r", capture, "--node", node, *AS_DATA)
    assert "33 packets read, 0 stored, 33 already there" in same.summary
    assert counts(same)["file done before"] == 1
    anew = espcap("-r", capture, "--node", node, *AS_DATA, "--again")
    assert "33 packets read, 0 stored, 33 already there" in anew.summary
    assert not any("are replaced" in line for line in (*again.lines, *anew.lines))
    back = espcap("-r", capture, "--node", node)
    assert back.lines[-2] == (
        "Note: 33 packets were stored with other settings before and are replaced "
        "(values that only those settings gave, such as decrypted ones, need the same options again)"
    )
    assert "33 packets read, 0 stored, 33 replaced, 0 already there" in back.summary
    assert (sum(stored(node).values()), has_http(node)) == (33, 8)


def test_a_filtered_run_leaves_the_other_packets(capture: Path, node: str) -> None:
    espcap("-r", capture, "--node", node)
    assert "8 packets read, 0 stored, 8 already there" in espcap("-r", capture, "-Y", "http", "--node", node).summary
    other = espcap("-r", capture, "-Y", "tcp.len == 0", "--node", node, *AS_DATA)
    replaced = counts(other)["replaced"]
    assert 0 < replaced < 33
    assert sorted(stored(node).values()) == sorted([replaced, 33 - replaced])
    assert counts(espcap("-r", capture, "-Y", "tcp.len == 0", "--node", node, *AS_DATA))["file done before"] == 1
    whole = espcap("-r", capture, "--node", node)
    assert "Note: 1 captures are read again: some of their packets were replaced with other settings" in whole.lines
    assert (counts(whole)["replaced"], counts(whole)["already there"]) == (replaced, 33 - replaced)
    assert list(stored(node).values()) == [33]


def test_files_that_others_have_replaced_are_noticed(capture: Path, node: str, tmp_path: Path) -> None:
    """Ledgers of an Elasticsearch are their users' own; that of a local index is deleted."""
    espcap("-r", capture, "--node", node)
    if node.startswith("local:"):
        (tmp_path / "index" / "ledger.sqlite").rename(tmp_path / "mine")
    espcap("-r", capture, "--node", node, *AS_DATA, XDG_STATE_HOME=str(tmp_path / "other"))
    if node.startswith("local:"):
        (tmp_path / "mine").rename(tmp_path / "index" / "ledger.sqlite")
    mine = espcap("-r", capture, "--node", node)
    assert "Note: 1 captures are read again: some of their packets were replaced with other settings" in mine.lines
    assert counts(mine)["replaced"] == 33
    assert has_http(node) == 8


def test_files_of_settings_count_by_their_content(tmp_path: Path) -> None:
    node, keys, protocols = f"local:{tmp_path / 'index'}", tmp_path / "keys", tmp_path / "list"
    profile = tmp_path / "profile"
    profile.mkdir(mode=0o755)
    for folder in (tmp_path, *list(tmp_path.parents)[:2]):
        folder.chmod(0o755)
    keys.write_text("")
    protocols.write_text("tls\n")
    options: tuple[str | Path, ...] = ("-r", CAPTURES / "tls13.pcapng", "--node", node, "-o", f"tls.keylog_file:{keys}")
    options += ("--protocols", protocols, "--profile-dir", profile)

    def ran() -> dict[str, int]:
        return {name: count for name, count in counts(espcap(*options)).items() if count}

    packets = ran()["stored"]
    replaced = {"packets read": packets, "replaced": packets}
    assert ran()["file done before"] == 1
    keys.write_bytes((CAPTURES / "tls13.keys").read_bytes())
    assert ran() == replaced
    assert espcap("search", "_exists_:layers.http2 OR _exists_:layers.http", "--node", node).documents
    protocols.write_text("ip\n")
    assert ran() == replaced
    (profile / "decode_as_entries").write_text("decode_as_entry: tcp.port,443,TLS,HTTP\n")
    assert ran() == replaced
    (profile / "recent_common").write_text("# what Wireshark was last used for")
    assert ran()["file done before"] == 1


def test_killed_while_replacing(node: str, captures: Path) -> None:
    """Each packet is there at each moment, with the one settings or the other; the last run completes the work."""
    espcap("--dir", captures, "--node", node)
    (ours,) = stored(node)
    began = time.monotonic()
    espcap("--dir", captures, "--node", node, *AS_DATA)
    chance, mixed, seconds = random.Random(5), 0, time.monotonic() - began
    settings = stored(node)
    for number in range(KILLS):
        is_ours = settings.most_common(1)[0][0] == ours  # each run has much to replace
        process = start("--dir", captures, "--node", node, "--chunk", "50", *(AS_DATA if is_ours else ()))
        if number % 2:
            time.sleep(seconds * chance.uniform(0.3, 1))
        else:
            wait_for_both_settings(process, node, ours)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
        settings = stored(node)
        assert sum(settings.values()) == PACKETS
        mixed += len(settings) > 1
    assert mixed, "no run was killed in between"
    clean = espcap("--dir", captures, "--node", node, *AS_DATA)
    assert clean.status == 0, clean.errors
    assert len(stored(node)) == 1
    assert has_http(node) == 0
    found = counts(clean)
    assert found["packets read"] == found.get("replaced", 0) + found["already there"] == PACKETS


def test_two_runs_replace_at_once(node: str, captures: Path) -> None:
    espcap("--dir", captures, "--node", node)
    both = [start("--dir", captures, "--node", node, *AS_DATA) for _ in range(2)]
    errors = [run.communicate(timeout=120)[1].decode() for run in both]
    assert [run.returncode for run in both] == [0, 0], errors
    found = [counts(text.splitlines()[-1]) for text in errors]
    assert [each["packets read"] for each in found] == [PACKETS, PACKETS]
    assert sum(each.get("replaced", 0) for each in found) == PACKETS
    assert list(stored(node).values()) == [PACKETS]


def test_two_runs_with_different_settings_at_once(node: str, captures: Path) -> None:
    """Each capture has the settings of the one or the other, whole."""
    both = [start("--dir", captures, "--node", node, *options) for options in ((), AS_DATA)]
    errors = [run.communicate(timeout=120)[1].decode() for run in both]
    assert [run.returncode for run in both] == [0, 0], errors
    assert sum(stored(node).values()) == PACKETS
    documents = espcap("search", "--size", "10000", "--node", node).documents
    assert len(documents) == PACKETS
    of_captures: dict[str, set[str]] = {}
    for document in documents:
        of_captures.setdefault(document["capture_id"], set()).add(document["settings_id"])
    assert all(len(settings) == 1 for settings in of_captures.values())


def test_another_version_is_told_and_read_anew_when_asked_for(capture: Path, node: str, tmp_path: Path) -> None:
    """A stand-in for a newer tshark says another version."""
    for folder in (tmp_path, *list(tmp_path.parents)[:2]):
        folder.chmod(0o755)
    newer = tmp_path / "tshark"
    version = 'echo "TShark (Wireshark) 4.0.99 (a stand-in)"'
    newer.write_text(f'#!/bin/sh\ncase "$1" in --version) {version};; *) exec tshark "$@";; esac\n')
    newer.chmod(0o755)
    espcap("-r", capture, "--node", node)
    options = ("-r", capture, "--node", node, "--tshark", newer)
    ran = espcap(*options)
    message = "1 captures were stored by another version of tshark or espcap and are not read again"
    note = f"Note: {message} (--again reads them again)"
    assert note in ran.lines
    assert counts(ran)["file done before"] == 1
    assert counts(espcap(*options, "--again"))["replaced"] == 33
    assert note not in espcap(*options).lines


@pytest.mark.parametrize("compress", ["gzip", "zstd", "lz4"])
def test_a_compressed_copy(capture: Path, node: str, compress: str) -> None:
    copy = capture.with_suffix(".packed")
    copy.write_bytes(subprocess.run([compress, "-c", str(capture)], stdout=subprocess.PIPE, check=True).stdout)
    espcap("-r", capture, "--node", node)
    assert counts(espcap("-r", copy, "--node", node))["file done before"] == 1
    assert "33 packets read, 0 stored, 33 already there" in espcap("-r", copy, "--node", node, "--again").summary
    [identifier] = {document["capture_id"] for document in espcap("search", "--node", node).documents}
    assert espcap("show", f"{identifier}-4", "--node", node).status == 0


EARLIER = """
from dataclasses import replace
from espcap.captures import sources
from espcap.ingest import digests, job
sources.CaptureFile.identify = sources.CaptureFile.digest
digest_settings = digests.digest_settings
job.digest_settings = lambda *given: replace(digest_settings(*given), settings_id="")
from espcap.cli import main
main()
"""


@pytest.mark.parametrize("has_ledger", [True, False])
def test_a_gzip_copy_of_an_earlier_version(capture: Path, node: str, has_ledger: bool) -> None:
    """Which identified it by its compressed bytes, and wrote no `settings_id`."""
    copy = capture.with_suffix(".pcap.gz")
    copy.write_bytes(gzip.compress(capture.read_bytes()))
    command = [sys.executable, "-c", EARLIER, "-r", str(copy), "--node", node]
    subprocess.run(command, check=True, env=environment(), cwd=ROOT, capture_output=True)
    before = {document["capture_id"] for document in espcap("search", "--node", node).documents}
    copy.touch()
    if has_ledger:
        ran = espcap("-r", copy, "--node", node)
        assert counts(ran)["file done before"] == 1
        assert {document["capture_id"] for document in espcap("search", "--node", node).documents} == before
    ran = espcap("-r", copy, "--node", node, "--again")
    assert counts(ran)["stored"] == 33
    assert any("Note: 33 packets of compressed captures that an earlier" in line for line in ran.lines)
    after = espcap("search", "--size", "100", "--node", node).documents
    assert len(after) == 33
    assert before.isdisjoint(document["capture_id"] for document in after)
