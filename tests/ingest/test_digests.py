"""Digests of settings: which settings change them, and which do not."""

from dataclasses import replace
from pathlib import Path

import pytest
from packaging.version import Version

from espcap.base.errors import UsageError
from espcap.ingest.digests import Digests, digest_settings
from espcap.tshark.arguments import Settings
from espcap.tshark.program import Program

PROGRAM = Program("/usr/bin/tshark", "TShark (Wireshark) 4.0.17", Version("4.0.17"))
PLAIN = digest_settings(PROGRAM, Settings(), payload=False)


def digest(payload: bool = False, protocols: str = "", program: Program = PROGRAM, **settings: object) -> Digests:
    return digest_settings(program, replace(Settings(), **settings), payload, protocols)  # type: ignore[arg-type]


def test_they_do_not_change_by_themselves() -> None:
    assert digest() == PLAIN
    assert (len(PLAIN.work), len(PLAIN.settings_id), PLAIN.is_whole) == (32, 16, True)


@pytest.mark.parametrize("settings", [{"display_filter": "dns"}, {"count": 3}])
def test_options_that_select_packets(settings: dict[str, object]) -> None:
    """Documents are the same, but the store has only some packets of a capture."""
    made = digest(**settings)  # type: ignore[arg-type]
    assert made.work != PLAIN.work
    assert made.settings_id == PLAIN.settings_id
    assert not made.is_whole


@pytest.mark.parametrize(
    "settings",
    [{"decode_as": ("tcp.port==8888,http",)}, {"preferences": ("tcp.desegment_tcp_streams:FALSE",)}, {"payload": True}],
)
def test_options_that_change_documents(settings: dict[str, object]) -> None:
    made = digest(**settings)  # type: ignore[arg-type]
    assert made.work != PLAIN.work
    assert made.settings_id != PLAIN.settings_id
    assert made.is_whole


def test_rules_and_preferences_are_kept_apart() -> None:
    assert digest(decode_as=("a:b",)).settings_id != digest(preferences=("a:b",)).settings_id


def test_another_tshark_makes_other_documents() -> None:
    """Captures that it has stored are still skipped: the digest of the work is the same."""
    newer = digest(program=replace(PROGRAM, version=Version("4.2.0")))
    assert newer.settings_id != PLAIN.settings_id
    assert newer.work == PLAIN.work


@pytest.mark.parametrize("preference", ["tls.keylog_file:{}", 'uat:ssl_keys:"","","","{}",""'])
def test_files_count_by_their_contents(tmp_path: Path, preference: str) -> None:
    one, copy = tmp_path / "keys", tmp_path / "copy"
    one.write_text("secret 1")
    copy.write_text("secret 1")
    first = digest(preferences=(preference.format(one),))
    assert digest(preferences=(preference.format(copy),)).settings_id == first.settings_id
    one.write_text("secret 2")
    changed = digest(preferences=(preference.format(one),))
    assert changed.settings_id != first.settings_id
    assert changed.work != first.work


def test_the_list_of_protocols(tmp_path: Path) -> None:
    path = tmp_path / "protocols.list"
    path.write_text("http\n")
    first = digest(protocols=str(path))
    path.write_text("dns\n")
    assert len({PLAIN.settings_id, first.settings_id, digest(protocols=str(path)).settings_id}) == 3


def test_a_list_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read .*missing: No such file or directory"):
        digest(protocols=str(tmp_path / "missing"))
