"""Positions in several files add up, and messages are safe on a terminal."""

import pytest

from espcap.cli.progress import Progress


def test_positions_of_several_files() -> None:
    with Progress(shown=True) as progress:
        progress.expect(1000)
        for position in (100, 400, 50, 500):
            progress.update(position, 7)
        assert progress._bar.n == 900
        assert progress._bar.total == 1000
        assert str(progress._bar.postfix).startswith("7 packets, ")


def test_size_that_is_not_known() -> None:
    with Progress(shown=True) as progress:
        progress.expect(0)
        assert progress._bar.total is None


def test_messages(capsys: pytest.CaptureFixture[str]) -> None:
    Progress.message("a\x1b[31m")
    Progress.note("b")
    assert capsys.readouterr() == ("", "a\\x1b[31m\nNote: b\n")
