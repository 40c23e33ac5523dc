"""What all sources of a run share, opened with a real tshark."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from espcap.base.errors import EspcapError, UsageError
from espcap.ingest.digests import digest_settings
from espcap.ingest.job import Job, check_filters, close_job, open_job
from espcap.tshark.arguments import Settings
from espcap.tshark.program import Program

pytest_plugins = ["tests.support.core_fixtures"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (Settings(display_filter="dns.nothing == 1"), "dns.nothing"),
        (Settings(decode_as=("tcp.port==8888,nothing",)), "nothing"),
        (Settings(preferences=("nothing.at_all:1",)), "nothing.at_all"),
    ],
)
def test_settings_that_tshark_does_not_accept(program: Program, settings: Settings, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        check_filters(program, settings, None)
    assert message in raised.value.message
    assert raised.value.hint == "see man wireshark-filter, and -d and -o in man tshark"


def test_an_opened_job(program: Program) -> None:
    settings = Settings(display_filter="dns", decode_as=("tcp.port==8888,http",))
    job = open_job(program, settings, (), chunk=5)
    assert (job.chunk, job.payload) == (5, False)
    assert job.digests == digest_settings(program, settings, False)
    assert replace(job.settings, plugin=None) == settings
    close_job(job)


def test_a_wrong_filter_opens_nothing(program: Program) -> None:
    before = set(os.listdir("/proc/self/fd"))
    with pytest.raises(UsageError, match=r"dns\.nothing"):
        open_job(program, Settings(display_filter="dns.nothing"), ())
    assert set(os.listdir("/proc/self/fd")) <= before


def test_a_missing_list_of_protocols(program: Program, tmp_path: Path) -> None:
    with pytest.raises(EspcapError, match="cannot read the list of protocols"):
        open_job(program, Settings(), (), protocols=str(tmp_path / "missing"))


def test_files_that_tshark_inherits_are_closed(program: Program, tmp_path: Path) -> None:
    before = set(os.listdir("/proc/self/fd"))
    keys = tmp_path / "keys"
    keys.touch()
    close_job(open_job(program, Settings(preferences=(f"tls.keylog_file:{keys}",)), ()))
    assert set(os.listdir("/proc/self/fd")) <= before


def test_as_many_tsharks_as_cores(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1, 4})
    assert job.tsharks == 3
    assert replace(job, jobs=7).tsharks == 7
