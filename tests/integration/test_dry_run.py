"""`--dry-run`: the counts of a run that writes nothing."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import CAPTURES, espcap

TYPES = "packets,flows,transactions"
COUNTS = ("files", "read", "derived", "followed", "unparsed", "first", "last", "exit_code")


def counts(path: Path) -> dict[str, Any]:
    report = json.loads(path.read_text())
    return {name: report[name] for name in COUNTS}


def test_counts_and_writes_nothing(tmp_path: Path) -> None:
    node, dry, wet = f"local:{tmp_path / 'index'}", tmp_path / "dry.json", tmp_path / "wet.json"
    read = ("--dir", CAPTURES, "--types", TYPES, "--node", node, "--json-report")
    state = str(tmp_path / "state")
    ran = espcap(*read, dry, "--dry-run", XDG_STATE_HOME=state)
    assert (ran.status, ran.output) == (0, b"")
    assert "nothing stored (dry run)" in ran.summary
    assert " 0 stored" not in ran.summary
    assert {path.name for path in tmp_path.iterdir()} == {"dry.json"}

    assert espcap(*read, wet, XDG_STATE_HOME=state).status == 0
    assert counts(dry) == counts(wet)
    report = json.loads(dry.read_text())
    assert (report["stored"], report["not_stored"]) == (0, 0)
    assert report["counted"] == report["read"] + sum(report["derived"].values())


def test_flows_alone() -> None:
    ran = espcap("--file", CAPTURES / "dns.pcap", "--types", "flows", "--dry-run")
    assert (ran.status, ran.output) == (0, b"")
    assert "flow" in ran.summary


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--again",), "--again has no effect"),
        (("--pretty",), "--pretty has no effect"),
        (("--dead-letters", "letters"), "--dead-letters has no effect"),
    ],
)
def test_options_without_a_meaning(arguments: tuple[str, ...], reason: str) -> None:
    ran = espcap("--file", CAPTURES / "dns.pcap", "--dry-run", *arguments)
    assert (ran.status, reason in ran.summary) == (2, True)


def test_live_captures_and_watched_folders(tmp_path: Path) -> None:
    live = espcap("--nic", "lo", "--dry-run")
    assert (live.status, "writes packets to its spool" in live.summary) == (2, True)
    watched = espcap("--dir", tmp_path, "--watch", "--dry-run")
    assert (watched.status, "--watch has no effect" in watched.summary) == (2, True)
