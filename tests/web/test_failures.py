"""Defects are shown to the user who serves the page."""

import pytest

from espcap.web.failures import show_fault


def test_fault(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise ValueError("a fault\x1b[31m")
    except ValueError as error:
        show_fault(error)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-1] == "ValueError: a fault\\x1b[31m"
    assert len(lines) > 2
