"""A test that the machine cannot run is skipped, but fails in continuous integration."""

import os
import shutil
from collections.abc import Callable
from functools import partial

import pytest

from tests.support import requirements


@pytest.fixture(params=[requirements.require_root, partial(requirements.require_command, "strace", "strace")])
def require(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """A requirement that this machine does not meet: the user is not root, and no command is installed."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    return request.param  # type: ignore[no-any-return]


def test_skipped(require: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception):
        require()


def test_failed_in_continuous_integration(require: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="must run here"):
        require()


def test_nothing_happens_if_it_is_met(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    requirements.require_root()
    requirements.require_command("sh", "dash")
