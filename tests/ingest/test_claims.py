"""Claims on captures, of runs in one process and in several."""

import subprocess
import sys
import time
from pathlib import Path

from espcap.ingest.claims import Claims

KEY, OTHER = "ab" * 16, "cd" * 16


def test_a_claim_is_exclusive(tmp_path: Path) -> None:
    mine, others = Claims(tmp_path / "claims"), Claims(tmp_path / "claims")
    assert mine.take(KEY)
    assert mine.take(KEY)
    assert not others.take(KEY)
    assert others.take(OTHER)


def test_a_claim_ends_when_it_is_released(tmp_path: Path) -> None:
    mine, others = Claims(tmp_path / "claims"), Claims(tmp_path / "claims")
    assert mine.take(KEY)
    others.close()
    third = Claims(tmp_path / "claims")
    assert not third.take(KEY)
    mine.release(KEY)
    assert third.take(KEY)


HOLD = """
import sys
from pathlib import Path
from espcap.ingest.claims import Claims
claims = Claims(Path(sys.argv[1]))
print(claims.take(sys.argv[2]), flush=True)
sys.stdin.read()
"""


def test_a_claim_ends_with_its_process(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "claims"), KEY], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"True\n"
    claims = Claims(tmp_path / "claims")
    assert not claims.take(KEY)
    assert claims.take(OTHER)
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 10
    while not claims.take(KEY) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert claims.take(KEY)
    claims.close()
