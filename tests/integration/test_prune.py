"""Retention: whole days are deleted by name, and do not come back by themselves."""

import os
import pty
import re
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.command import CAPTURES, espcap
from tests.support.hostile import times

pytestmark = pytest.mark.slow

FIRST = datetime(2024, 5, 1, 10, tzinfo=UTC)
"""Of the packets of dns.pcap: 24 within a second."""


def day(ago: int) -> str:
    return f"packets-{datetime.now(UTC).date() - timedelta(ago)}"


@pytest.fixture
def captures(tmp_path: Path) -> Path:
    """Captures of today, and of two, ten and forty days ago, and one whose packet has no true time."""
    folder = tmp_path / "captures"
    folder.mkdir()
    today = datetime.combine(datetime.now(UTC).date(), datetime.min.time(), UTC) + timedelta(hours=1)
    for ago in (0, 2, 10, 40):
        shift = str((today - timedelta(ago) - FIRST).total_seconds())
        subprocess.run(["editcap", "-t", shift, CAPTURES / "dns.pcap", folder / f"{ago}.pcap"], check=True)
    return folder


def indices(node: str) -> set[str]:
    return {
        line.split()[0]
        for line in espcap("prune", "--max-size", "0", "--dry-run", "--node", node).output.decode().splitlines()
    }


def test_old_days_go_and_stay_away(node: str, captures: Path) -> None:
    assert "96 packets read, 96 stored" in espcap("--dir", captures, "--node", node).summary
    dry = espcap("prune", "--keep", "7d", "--dry-run", "--node", node)
    assert indices(node) == {day(ago) for ago in (0, 2, 10, 40)}
    wet = espcap("prune", "--keep", "7d", "--node", node)
    assert dry.output == wet.output
    assert [line.split("  ")[:2] for line in wet.output.decode().splitlines()] == [
        [day(40), "24 packets"],
        [day(10), "24 packets"],
    ]
    assert re.search(r"2 of 4 indices would be deleted; [\d,]+ bytes would remain\n", dry.errors)
    assert "2 of 4 indices deleted" in wet.errors
    assert indices(node) == {day(0), day(2)}
    assert len(espcap("search", "--size", "100", "--node", node).documents) == 48

    assert (
        "0 stored, 96 already there, 0 rejected, 0 dropped, 4 files done"
        in espcap("--dir", captures, "--node", node).summary
    )
    assert indices(node) == {day(0), day(2)}
    assert "48 stored, 48 already there" in espcap("--dir", captures, "--node", node, "--again").summary
    assert indices(node) == {day(ago) for ago in (0, 2, 10, 40)}


def test_oldest_days_go_until_the_rest_fits(node: str, captures: Path) -> None:
    espcap("--dir", captures, "--node", node)
    listed = espcap("prune", "--max-size", "0", "--dry-run", "--node", node).output.decode().splitlines()
    sizes = [int(line.split("  ")[2].split()[0].replace(",", "")) for line in listed]
    ran = espcap("prune", "--max-size", f"{sum(sizes[1:])}B", "--node", node)
    assert [line.split()[0] for line in ran.output.decode().splitlines()] == [day(40)]
    assert indices(node) == {day(0), day(2), day(10)}


def test_packets_without_a_day_are_left_alone(tmp_path: Path) -> None:
    node = f"local:{tmp_path / 'index'}"
    undated = times.negative(tmp_path / "negative.pcapng")
    espcap("--file", undated, "--node", node)
    ran = espcap("prune", "--keep", "1d", "--max-size", "0", "--node", node)
    assert ran.status == 0
    assert ran.output == b""
    assert "Note: packets-undated is not deleted: it is not for one day (1 packets)" in ran.errors
    assert "no day is left to delete" in ran.errors
    assert espcap("search", "--node", node).documents


def test_usage(tmp_path: Path) -> None:
    node = f"local:{tmp_path / 'index'}"
    assert espcap("prune", "--node", node).status == 2
    assert espcap("prune", "--keep", "soon", "--node", node).status == 2
    assert espcap("prune", "--keep", "1d").status == 2
    assert espcap("setup", "--node", node).status == 0
    assert espcap("prune", "--keep", "1d", "--node", node).errors == "0 of 0 indices deleted; 0 bytes remain\n"


def test_setup_keep_where_the_server_has_no_lifecycles(node: str) -> None:
    ran = espcap("setup", "--keep", "2w", "--node", node)
    assert ran.status == 1
    assert "espcap prune --keep 14d" in ran.errors
    assert len(ran.lines) == 1


def test_one_capture_is_forgotten(node: str, captures: Path) -> None:
    espcap("--dir", captures, "--node", node)
    ran = espcap("forget", captures / "2.pcap", "--node", node)
    assert (ran.status, ran.lines) == (0, [f"24 packets of {captures / '2.pcap'} deleted"])
    assert "96 packets read, 24 stored, 72 already there" in espcap("--dir", captures, "--node", node).summary
    identifier = espcap("search", "--size", "1", "--node", node).documents[0]["capture_id"]
    assert f"24 packets of {identifier} deleted" in espcap("forget", identifier, "--node", node).lines
    assert len(espcap("search", "--size", "100", "--node", node).documents) == 72
    again = espcap("forget", identifier, "--node", node)
    assert again.status == 1
    assert f"Error: the node has no packets of {identifier} (espcap search --agg capture_id lists all)" in again.lines


def test_a_capture_that_is_none(tmp_path: Path) -> None:
    node = f"local:{tmp_path / 'index'}"
    ran = espcap("forget", "nothing.pcap", "--node", node)
    assert ran.status == 2
    assert "'' is neither a file nor a capture_id" in espcap("forget", "", "--node", node).lines[0]
    assert "nothing.pcap' is neither a file nor a capture_id" in ran.lines[0]


def test_by_the_time_of_loading(captures: Path, tmp_path: Path) -> None:
    node = f"local:{tmp_path / 'index'}"
    espcap("--dir", captures, "--node", node)
    assert espcap("prune", "--loaded-before", "1d", "--node", node).output == b""
    loaded = datetime.now().timestamp() - 3 * 86_400
    os.utime(tmp_path / "index" / day(0) / "segments.json", (loaded, loaded))
    assert espcap("prune", "--loaded-before", "4d", "--node", node).output == b""
    assert espcap("prune", "--loaded-before", "2d", "--node", node).output.decode().startswith(f"{day(0)}  24 packets")
    assert indices(node) == {day(ago) for ago in (2, 10, 40)}


def test_by_the_time_of_loading_in_elasticsearch(captures: Path, elasticsearch_url: str) -> None:
    espcap("--dir", captures, "--node", elasticsearch_url)
    assert espcap("prune", "--loaded-before", "1d", "--node", elasticsearch_url).output == b""
    assert len(indices(elasticsearch_url)) == 4


@pytest.mark.parametrize(("options", "answer", "left"), [((), b"n\n", 4), ((), b"y\n", 1), (("--yes",), b"", 1)])
def test_much_is_asked_for_on_a_terminal(
    captures: Path, tmp_path: Path, options: tuple[str, ...], answer: bytes, left: int
) -> None:
    node = f"local:{tmp_path / 'index'}"
    espcap("--dir", captures, "--node", node)
    leader, follower = pty.openpty()
    os.write(leader, answer)
    ran = espcap("prune", "--keep", "1d", *options, "--node", node, stdin=follower)
    assert ("Delete 72 of 96 packets, 3 of 4 indices? [y/N]" in ran.errors) == (not options)
    assert ran.status == (1 if answer == b"n\n" else 0)
    assert ("nothing was deleted" in ran.errors) == (ran.status == 1)
    assert len(indices(node)) == left
    for end in (leader, follower):
        os.close(end)


def test_little_is_not_asked_for(captures: Path, tmp_path: Path) -> None:
    node = f"local:{tmp_path / 'index'}"
    espcap("--dir", captures, "--node", node)
    leader, follower = pty.openpty()
    assert espcap("prune", "--keep", "20d", "--node", node, stdin=follower).status == 0
    assert len(indices(node)) == 3
    for end in (leader, follower):
        os.close(end)
