"""The credentials of a store, from files and from the environment."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from espcap.base.errors import UsageError
from espcap.cli.opening import credentials, open_dead_letters, open_named_store
from espcap.cli.options.storing import DeliveryOptions, StoreOptions
from espcap.fields.registry import Registry


def options(**given: Any) -> StoreOptions:
    """Options of which only these are given."""
    defaults = {"node": (), "ca_cert": None, "fingerprint": None, "no_verify": False, "user": None}
    defaults |= {"password_file": None, "api_key_file": None, "dead_letters": None}
    return cast(StoreOptions, SimpleNamespace(**{**defaults, **given}))


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ESPCAP_PASSWORD", raising=False)
    monkeypatch.delenv("ESPCAP_API_KEY", raising=False)


def test_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file comes before the environment; the line's end is not part of the secret."""
    (tmp_path / "password").write_text("from a file\n")
    assert (credentials(options())["password"], credentials(options())["api_key"]) == (None, None)
    monkeypatch.setenv("ESPCAP_PASSWORD", "from the environment")
    monkeypatch.setenv("ESPCAP_API_KEY", "key")
    found = credentials(options(user="me", no_verify=True))
    assert (found["user"], found["password"], found["api_key"]) == ("me", "from the environment", "key")
    assert found["verify"] is False
    assert credentials(options(password_file=tmp_path / "password"))["password"] == "from a file"


def test_files_that_are_not_secrets(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff")
    for name, reason in (("none", "FileNotFoundError"), ("binary", "UnicodeDecodeError")):
        with pytest.raises(UsageError, match=f"cannot read {tmp_path / name}: {reason}"):
            credentials(options(api_key_file=tmp_path / name))


def test_no_node() -> None:
    with pytest.raises(UsageError) as caught:
        open_named_store(options(), cast(Registry, None))
    assert "--node" in caught.value.hint


def test_dead_letters_in_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    given = cast(DeliveryOptions, options(dead_letters=tmp_path / "none" / "letters"))
    with pytest.raises(UsageError, match=f"{tmp_path / 'none'} is not a folder"):
        open_dead_letters(given)
