"""A file, a folder or `-` in the place of a command is read."""

from pathlib import Path

import click
import pytest

from espcap.base.errors import UsageError
from espcap.cli import main
from espcap.cli.group import Group


def words_of(*words: str) -> list[str]:
    """The words that click parses."""
    assert isinstance(main, Group)
    return main._with_options(click.Context(main), list(words))


def test_files_and_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.pcap").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    (tmp_path / "search").write_bytes(b"")
    (tmp_path / "gone").symlink_to("nowhere")
    assert words_of("a.pcap") == ["--file", "a.pcap"]
    assert words_of("folder", "a.pcap", "-") == ["--dir", "folder", "--file", "a.pcap", "--file", "-"]
    assert words_of("-c", "5", "a.pcap", "--node", "local") == ["-c", "5", "--file", "a.pcap", "--node", "local"]
    assert words_of("--", "a.pcap") == ["--file", "a.pcap"]
    assert words_of("gone") == ["--file", "gone"]
    assert words_of("search", "a.pcap") == ["search", "a.pcap"]
    assert words_of("b.pcap") == ["b.pcap"]


@pytest.mark.parametrize(("word", "hint"), [("serch", "did you mean espcap search?"), ("x.y", "espcap --help")])
def test_words_that_are_neither(word: str, hint: str) -> None:
    assert isinstance(main, Group)
    with pytest.raises(UsageError, match=f"'{word}' is not a command, and there is no file") as caught:
        main.resolve_command(click.Context(main), [word])
    assert caught.value.hint.startswith(hint)
