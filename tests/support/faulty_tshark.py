"""A tshark that crashes or hangs at packets, unless they have no data."""

import shutil
import sys
from pathlib import Path

CRASH = "os.kill(os.getpid(), signal.SIGSEGV)"
HANG = "time.sleep(1000)"

FAKE = """
import gzip, os, signal, struct, subprocess, sys, time

if "-T" not in sys.argv and "-z" not in sys.argv:  # neither reader is at work
    os.execvp("tshark", ["tshark", *sys.argv[1:]])
data = sys.stdin.buffer.read()
data = gzip.decompress(data) if data[:2] == b"\\x1f\\x8b" else data
if data[:4] in (b"\\x28\\xb5\\x2f\\xfd", b"\\x04\\x22\\x4d\\x18"):
    data = subprocess.run(["zstd" if data[:1] == b"(" else "lz4", "-dc"], input=data, stdout=-1, check=True).stdout
position, number, cut = 24, 0, None
while position < len(data):
    length = struct.unpack_from("<I", data, position + 8)[0]
    number += 1
    if number in {frames} and length:
        cut = position
        break
    position += 16 + length
subprocess.run(["tshark", *sys.argv[1:]], input=data[:cut], check=True, close_fds=False)
sys.stdout.flush()
if cut is not None:
    {fail}
"""


def fake(folder: Path, frames: tuple[int, ...], fail: str) -> Path:
    """A tshark that fails at some packets of a little-endian pcap, unless they have no data."""
    script = folder / "fake.py"
    script.write_text(FAKE.format(frames=frames, fail=fail))
    path = folder / "tshark"
    python = shutil.which("python3", path="/usr/bin") or sys.executable  # one that every user may run
    path.write_text(f'#!/bin/sh\nexec {python} {script} "$@"\n')
    for each in (path, folder, *list(folder.parents)[:2]):
        each.chmod(0o755)
    return path
