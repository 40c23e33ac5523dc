"""What can only be read: an index on such a medium, its ledger, and the cache."""

import json
import os
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.support.command import CAPTURES, ESPCAP, ROOT, environment, espcap
from tests.support.requirements import unavailable


def read_only(folder: Path, *arguments: str, **extra: str) -> "subprocess.CompletedProcess[str]":
    """Runs espcap where nothing in the folder can be written: root needs a mount for that."""
    command = [*ESPCAP, *arguments]
    if os.geteuid() == 0:
        name = shlex.quote(str(folder))
        mount = f"mount --bind {name} {name} && mount -o remount,ro,bind {name} || exit 77; exec {shlex.join(command)}"
        command = ["unshare", "-m", "sh", "-c", mount]
    else:
        subprocess.run(["chmod", "-R", "a-w", folder], check=True)
    ran = subprocess.run(command, capture_output=True, text=True, env=environment(**extra), cwd=ROOT, check=False)
    subprocess.run(["chmod", "-R", "u+w", folder], check=True)
    if ran.returncode == 77:
        unavailable("needs the right to mount")
    assert "Traceback" not in ran.stderr
    return ran


@pytest.mark.parametrize("name", ["index", "link"])
def test_search(tmp_path: Path, name: str) -> None:
    folder, cache = tmp_path / "read-only", tmp_path / "read-only" / "cache"
    espcap("-r", CAPTURES / "dns.pcap", "--node", f"local:{folder / 'index'}")
    (folder / "link").symlink_to(folder / "index")
    cache.mkdir()
    node = f"local:{folder / name}"
    ran = read_only(folder, "search", "protocol:dns", "--size", "100", "--node", node, XDG_CACHE_HOME=str(cache))
    assert ran.returncode == 0, ran.stderr
    assert len([json.loads(line) for line in ran.stdout.splitlines()]) == 16
    assert not list(cache.iterdir())


def test_setup_says_that_nothing_can_be_stored(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    espcap("setup", "--node", f"local:{folder}")
    ran = read_only(folder, "setup", "--node", f"local:{folder}")
    assert ran.returncode == 1
    hint = "choose a folder that you can write to: --node local:DIR"
    assert ran.stderr == f"Error: the local index {folder} failed: it cannot be written to ({hint})\n"


def test_storing_says_that_it_cannot(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    espcap("-r", CAPTURES / "dns.pcap", "--node", f"local:{folder}")
    ran = read_only(folder, "-r", str(CAPTURES / "arp.pcap"), "--node", f"local:{folder}")
    assert ran.returncode == 1
    assert "choose a folder that you can write to: --node local:DIR" in ran.stderr
