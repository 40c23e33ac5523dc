"""Folders with a configuration that tshark could not read are rejected, and a change of their files is noticed."""

from pathlib import Path

import pytest

from espcap.base.errors import UsageError
from espcap.tshark.profile import below, check_profile, contents, digest_file
from espcap.tshark.program import dissecting_user, find_program
from tests.support.requirements import needs_root


def profile(folder: Path) -> Path:
    (folder / "plugins").mkdir(parents=True)
    (folder / "preferences").write_text("tcp.relative_sequence_numbers: FALSE\n")
    (folder / "plugins" / "hello.lua").write_text("-- nothing\n")
    (folder / "recent_common").write_text("1")
    return folder


def test_accepted(tmp_path: Path) -> None:
    check_profile("", None)
    check_profile(str(profile(tmp_path / "profile")), None)


def test_rejected(tmp_path: Path) -> None:
    folder = profile(tmp_path / "profile")
    with pytest.raises(UsageError, match="/none is not a folder"):
        check_profile(str(tmp_path / "none"), None)
    with pytest.raises(UsageError, match="/preferences is not a folder"):
        check_profile(str(folder / "preferences"), None)
    with pytest.raises(UsageError, match=r"/plugins has no folder plugins, so tshark would not load hello\.lua"):
        check_profile(str(folder / "plugins"), None)


@needs_root
def test_files_that_the_dissecting_user_cannot_read(tmp_path: Path) -> None:
    folder, user = profile(tmp_path / "profile"), dissecting_user(find_program())
    for path in (tmp_path, folder, folder / "plugins"):
        path.chmod(0o755)
    check_profile(str(folder), user)
    (folder / "plugins" / "hello.lua").chmod(0o600)
    if user and not user.reads_all:
        with pytest.raises(UsageError, match=rf"tshark runs as {user.name}, who cannot read .*hello\.lua"):
            check_profile(str(folder), user)


def test_contents_change_with_the_files(tmp_path: Path) -> None:
    """Not with those that Wireshark writes at each use."""
    folder = profile(tmp_path / "profile")
    before = list(contents(str(folder)))
    assert before[::2] == [b"preferences", b"plugins/hello.lua"]
    (folder / "recent_common").write_text("2")
    assert list(contents(str(folder))) == before
    (folder / "preferences").write_text("")
    assert list(contents(str(folder))) != before


def test_links_that_lead_back(tmp_path: Path) -> None:
    folder = profile(tmp_path / "profile")
    (folder / "plugins" / "up").symlink_to(folder)
    assert len(list(below(str(folder)))) == 3


def test_digest_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"content")
    (tmp_path / "b").write_bytes(b"content")
    (tmp_path / "c").write_bytes(b"other")
    same, again, other = (digest_file(str(tmp_path / name)) for name in "abc")
    assert same == again != other
    with pytest.raises(UsageError, match="/none: No such file or directory"):
        digest_file(str(tmp_path / "none"))
