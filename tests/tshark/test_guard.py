"""A guarded process does not outlive espcap."""

import os
import signal
import subprocess
import sys
import time

from espcap.tshark.guard import Guard

GUARDED = """
import os, signal, subprocess
from espcap.tshark.guard import Guard
sleeping = subprocess.Popen(["sleep", "60"], start_new_session=True)
Guard(sleeping.pid)
print(sleeping.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def is_running(process: int) -> bool:
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_process_ends_with_a_killed_espcap() -> None:
    ran = subprocess.run([sys.executable, "-c", GUARDED], stdout=subprocess.PIPE, check=False, timeout=60)
    assert ran.returncode == -signal.SIGKILL
    deadline = time.monotonic() + 30
    while is_running(int(ran.stdout)):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_dismissed_guard_kills_nothing() -> None:
    with subprocess.Popen(["sleep", "60"]) as sleeping:
        try:
            guard = Guard(sleeping.pid)
            guard.dismiss()
            time.sleep(0.2)
            assert is_running(sleeping.pid)
            os.kill(sleeping.pid, 0)
        finally:
            sleeping.kill()
