"""The display filter languages of versions of tshark."""

import pytest
from packaging.version import Version

from espcap.base.errors import UsageError
from espcap.query.filter_language import language_of


@pytest.mark.parametrize(
    ("version", "is_newer", "is_newest"),
    [("4.0.17", False, False), ("4.2.0", True, False), ("4.4.9", True, False), ("4.6.0", True, True)],
)
def test_versions(version: str, is_newer: bool, is_newest: bool) -> None:
    language = language_of(Version(version))
    assert (language.is_newer, language.is_newest) == (is_newer, is_newest)
    assert language.version == version[:3]


def test_features_of_newer_versions() -> None:
    language_of(Version("4.2.1")).require_newer("xor", "hint")
    with pytest.raises(UsageError) as caught:
        language_of(Version("4.0.1")).require_newer("xor", "write it without")
    assert caught.value.message == "filter: xor needs tshark 4.4 or newer, and 4.0 is installed"
    assert caught.value.hint == "write it without"
