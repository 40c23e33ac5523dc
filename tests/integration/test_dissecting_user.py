"""Who dissects where root started espcap."""

import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.command import CAPTURES, ESPCAP, ROOT, children, environment, espcap, start
from tests.support.requirements import dissector_rights, needs_open_root_folder, needs_root, root_folder_is_open

pytest_plugins = ["tests.support.native"]
pytestmark = needs_root

CLOSED_ROOT = """
root=$(mktemp --directory)
mount -t tmpfs -o mode=0700 none "$root"
for each in /*; do
    if [ -L "$each" ]; then cp --archive "$each" "$root/"
    elif [ -d "$each" ]; then mkdir "$root$each" && mount --rbind "$each" "$root$each"; fi
done
exec chroot "$root" /usr/bin/env --chdir="$PWD" "$@"
"""
"""Runs a command where the root folder is closed to all but root, in a mount namespace of its own."""


def test_root_does_not_dissect(tmp_path: Path) -> None:
    capture = tmp_path / "long.pcap"
    subprocess.run(["mergecap", "-a", "-w", str(capture), *[str(CAPTURES / "http_xml.pcap")] * 400], check=True)
    process = start("--file", capture, stdout=subprocess.DEVNULL)
    while not (found := [child for child in children(process.pid, "tshark") if _dissects(child)]):
        time.sleep(0.02)
    statuses = [Path(f"/proc/{each}/status").read_text() for each in found]  # two where JSON is read: one for columns
    process.send_signal(signal.SIGINT)
    errors = process.communicate(timeout=60)[1].decode()
    assert {user for status in statuses for user in re.findall(r"^Uid:\t(\d+)", status, re.M)} == {"65534"}
    assert {rights for status in statuses for rights in re.findall(r"^CapEff:\t(\w+)", status, re.M)} == {
        dissector_rights()
    }
    why = f", which may read every file here, because other users cannot reach {shutil.which('tshark')}"
    assert errors.count(f"Note: started as root; tshark runs as nobody{'' if root_folder_is_open() else why}\n") == 1


def _dissects(process: int) -> bool:
    words = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
    return b"-T" in words or b"-z" in words


def _behind_closed_root(*arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
    command = ["unshare", "--mount", "bash", "-ec", CLOSED_ROOT, "bash", *ESPCAP, *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment(**extra), cwd=ROOT, check=False)


def test_tshark_out_of_reach() -> None:
    ran = _behind_closed_root("--file", str(CAPTURES / "arp.pcap"))
    assert ran.returncode == 0, ran.stderr
    assert len(ran.stdout.splitlines()) == 6
    assert "; tshark runs as nobody, which may read every file here, because other users cannot reach " in ran.stderr


def test_packet_where_sharkd_is_out_of_reach() -> None:
    ran = _behind_closed_root("show", str(CAPTURES / "arp.pcap"), "1")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("Frame 1: ")


@pytest.mark.usefixtures("native_reader")
def test_native_reader_of_a_tshark_out_of_reach() -> None:
    ran = _behind_closed_root("--file", str(CAPTURES / "arp.pcap"), ESPCAP_READER="native")
    assert ran.returncode == 0, ran.stderr
    assert len(ran.stdout.splitlines()) == 6


@needs_open_root_folder
@pytest.mark.parametrize("closed", ["", "preferences", "plugins", "plugins/own.lua"])
def test_a_profile_that_it_cannot_read(tmp_path: Path, closed: str) -> None:
    """One error before anything is read, for each command that takes a profile."""
    profile = tmp_path / "profile"
    (profile / "plugins").mkdir(parents=True)
    (profile / "preferences").write_text("ip.check_checksum: TRUE\n")
    (profile / "plugins" / "own.lua").touch()
    (profile / "recent").touch(0o600)
    tmp_path.chmod(0o755)
    capture = CAPTURES / "arp.pcap"
    node = f"local:{tmp_path}/index"
    assert espcap("-r", capture, "--profile-dir", profile, "--node", node).status == 0
    (profile / closed).chmod(0o600)
    error = f"Error: tshark runs as nobody, who cannot read {profile / closed} (let others read it: "
    for command in (["-r", capture], ["show", capture, "1"], ["serve", "--node", node]):
        ran = espcap(*command, "--profile-dir", profile)
        assert (ran.status, ran.output, len(ran.lines)) == (2, b"", 1), ran.errors
        assert ran.lines[0].startswith(error.replace(f"{profile}/ ", f"{profile} "))


def test_one_right_and_no_other(tmp_path: Path) -> None:
    tshark = tmp_path / "tshark"
    tshark.write_text(f"""#!/bin/sh
[ "$1" = -n ] || exec {shutil.which("tshark")} "$@"
echo "tshark: $(grep -E '^(Uid|Cap)' /proc/self/status | tr '\\n\\t' '  ')" >&2
exit 1
""")
    tshark.chmod(0o755)
    ran = _behind_closed_root("--file", str(CAPTURES / "arp.pcap"), "--tshark", str(tshark))
    assert ran.returncode == 3, ran.stderr
    right = "0000000000000004"  # CAP_DAC_READ_SEARCH
    sets = [f"Cap{name}: {right}" for name in ("Inh", "Prm", "Eff", "Bnd", "Amb")]
    assert " ".join(["Uid: 65534 65534 65534 65534", *sets]) in ran.stderr
