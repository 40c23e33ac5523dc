"""The folders of captures that tests read."""

import os
from pathlib import Path

import pytest

from tests.support.command import ROOT

KEYS = {"tls13.pcapng": "tls.keylog_file:test_pcaps/tls13.keys", "quic.pcapng": "tls.keylog_file:test_pcaps/quic.keys"}
"""The preferences with which the TLS of our captures is decrypted."""


def capture_files(folder: Path) -> list[Path]:
    """The captures of a folder, sorted by name."""
    return sorted(path for path in folder.glob("*.pcap*") if path.suffix != ".md")


def other_folder() -> Path:
    """The folder of more captures that `ESPCAP_TEST_CAPTURES` names; it may be missing."""
    return Path(os.environ.get("ESPCAP_TEST_CAPTURES") or ROOT.parent / "shared" / "pcaps")


def require_other_folder() -> Path:
    """The folder of more captures; skips the test if it is missing."""
    folder = other_folder()
    if not folder.is_dir():
        pytest.skip("no other captures here: name a folder of them in ESPCAP_TEST_CAPTURES")
    return folder
