"""The folders of espcap follow the XDG variables, and `local:DIR` names a folder."""

from collections.abc import Callable
from pathlib import Path

import pytest

from espcap.base.paths import cache_folder, data_folder, is_local, local_folder, spool_folder, state_folder


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch) -> None:
    """A home folder without XDG variables."""
    monkeypatch.setenv("HOME", "/home/somebody")
    for name in ("XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("folder", "variable", "default", "below"),
    [
        (cache_folder, "XDG_CACHE_HOME", "/home/somebody/.cache/espcap", "/x/espcap"),
        (data_folder, "XDG_DATA_HOME", "/home/somebody/.local/share/espcap", "/x/espcap"),
        (state_folder, "XDG_STATE_HOME", "/home/somebody/.local/state/espcap", "/x/espcap"),
        (spool_folder, "XDG_STATE_HOME", "/home/somebody/.local/state/espcap/spool", "/x/espcap/spool"),
    ],
)
def test_folders(
    folder: Callable[[], Path], variable: str, default: str, below: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert folder() == Path(default)
    monkeypatch.setenv(variable, "")  # as if it were not set
    assert folder() == Path(default)
    monkeypatch.setenv(variable, "/x")
    assert folder() == Path(below)


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        (["local"], True),
        (["http://es:9200", "local:/x"], True),
        (["localhost:9200"], False),
        (["http://local:9200"], False),
        ([], False),
    ],
)
def test_is_local(nodes: list[str], expected: bool) -> None:
    assert is_local(nodes) is expected


def test_local_folder() -> None:
    assert local_folder("local") == data_folder()
    assert local_folder("local:") == data_folder()
    assert local_folder("local:/x/y") == Path("/x/y")
    assert local_folder("local:relative") == Path("relative")
    assert local_folder("local:~/x") == Path("/home/somebody/x")
