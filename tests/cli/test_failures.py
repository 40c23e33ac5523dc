"""A failure is one line on standard error and an exit code."""

import errno

import pytest

from espcap.base.errors import EspcapError, StoreError, UsageError
from espcap.cli import failures
from espcap.cli.failures import failures_reported


def ended(error: BaseException) -> int:
    """The exit code for an exception."""
    with pytest.raises(SystemExit) as caught, failures_reported():
        raise error
    assert isinstance(caught.value.code, int)
    return caught.value.code


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (EspcapError("it failed"), 1, "Error: it failed"),
        (StoreError("it is away", "start it"), 1, "Error: it is away (start it)"),
        (UsageError("'\x1b' is wrong", "write x"), 2, "Error: '\\x1b' is wrong (write x)"),
    ],
)
def test_errors_of_espcap(error: EspcapError, code: int, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(error) == code
    assert capsys.readouterr() == ("", f"{line}\n")


def test_output_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    discarded: list[bool] = []
    monkeypatch.setattr(failures, "discard_standard_output", lambda: discarded.append(True))
    assert ended(BrokenPipeError(errno.EPIPE, "Broken pipe")) == 141
    assert capsys.readouterr().err == ""
    assert ended(OSError(errno.ENOSPC, "No space left on device")) == 1
    assert capsys.readouterr().err == "Error: cannot print: No space left on device (make room, or print elsewhere)\n"
    assert len(discarded) == 2


def test_interruption() -> None:
    assert ended(KeyboardInterrupt()) == 130


@pytest.mark.parametrize("error", [OSError(errno.EIO, "Input/output error"), OSError(errno.ENOSPC, "full", "name")])
def test_defects_are_not_hidden(error: OSError) -> None:
    with pytest.raises(OSError, match=str(error.strerror)), failures_reported():
        raise error


def test_no_failure(capsys: pytest.CaptureFixture[str]) -> None:
    with failures_reported():
        pass
    assert capsys.readouterr() == ("", "")
