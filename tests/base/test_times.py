import subprocess

import pytest

from espcap.base.times import LATEST, date_text, epoch_text, parse_epoch, timestamp


@pytest.mark.parametrize(
    ("epoch", "wanted"),
    [
        ("0.000000000", "1970-01-01T00:00:00.000000000Z"),
        ("0.000000001", "1970-01-01T00:00:00.000000001Z"),
        ("1438233732.662099000", "2015-07-30T05:22:12.662099000Z"),
        ("4294967295.999999999", "2106-02-07T06:28:15.999999999Z"),
        ("9223372036.854775807", "2262-04-11T23:47:16.854775807Z"),
    ],
)
def test_times(epoch: str, wanted: str) -> None:
    nanoseconds = parse_epoch(epoch)
    assert nanoseconds is not None
    assert timestamp(nanoseconds) == wanted
    command = ["date", "--utc", f"--date=@{epoch}", "+%Y-%m-%dT%H:%M:%S.%NZ"]
    assert subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout.strip() == wanted
    assert date_text(nanoseconds // 1_000_000_000) == f"{wanted[:19]}+0000"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2015-07-30T05:22:12.662099000Z", "1438233732.662099000"),
        ("1970-01-01T00:00:00.000000000Z", "0.000000000"),
        ("1969-12-31T23:59:59.999999999Z", "-0.000000001"),
        ("1874-12-07T18:39:59.999999999Z", "-3000000000.000000001"),
        ("9999-12-31T23:59:59.000000001Z", "253402300799.000000001"),
        ("1438233732.662099000", "1438233732.662099000"),
        ("2015-02-30T05:22:12.662099000Z", "2015-02-30T05:22:12.662099000Z"),
        ("2000-02-29T00:00:00.000000000Z", "951782400.000000000"),
        ("36812-02-20T00:36:16.000000000Z", "1099511627776.000000000"),
        ("586524-01-19T08:01:49.551615000Z", "18446744073709.551615000"),
        ("2024-05-01T10:00:00.1500000000Z", "1714557600.(1500000000 nanosec"),
        ("2024-05-01T10:00:00.-00001000Z", "-1714557600.000001000"),
        ("", ""),
    ],
)
def test_epoch_of_newer_versions(text: str, wanted: str) -> None:
    assert epoch_text(text) == wanted


def test_the_latest() -> None:
    assert parse_epoch("9223372036.854775807") == LATEST


@pytest.mark.parametrize(
    "epoch",
    ["", "1", "1.5", "-1.000000000", "9223372036.854775808", "12345678901.000000000", "1.0000000000", "1e9", "nan"],
)
def test_texts_that_are_not_a_time(epoch: str) -> None:
    assert parse_epoch(epoch) is None
