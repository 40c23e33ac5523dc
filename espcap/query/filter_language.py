"""The differences between the display filters of Wireshark 4.0 and of newer versions.

Each difference was tested with tshark 4.0, 4.4 and 4.6. 4.2 could not be tested and is treated as 4.4.
"""

from typing import NamedTuple

from packaging.version import Version

from espcap.base.errors import UsageError

_NEWER, _NEWEST = (4, 2), (4, 6)


class Language(NamedTuple):
    """The display filter language of one version of tshark."""

    release: tuple[int, int]

    @property
    def version(self) -> str:
        """The version as messages name it: `4.4`."""
        return ".".join(map(str, self.release))

    @property
    def is_newer(self) -> bool:
        """Whether the language has `xor`, `vals()`, `matches` on named values, functions of addresses, and columns.

        In this language times can be numbers of seconds, `~=` does not exist, and `not in` holds only if the field
        exists, as `!=` does.
        """
        return self.release >= _NEWER

    @property
    def is_newest(self) -> bool:
        """Whether the language has `contains` on named values.

        In this language true and false have names, the name of a value without one is its number, and a negative
        number is less than all values of an unsigned field. In earlier versions, no comparison with it holds.
        """
        return self.release >= _NEWEST

    def require_newer(self, feature: str, hint: str) -> None:
        """Raises UsageError if the language does not have a feature of tshark 4.4."""
        if not self.is_newer:
            raise UsageError(f"filter: {feature} needs tshark 4.4 or newer, and {self.version} is installed", hint)


def language_of(version: Version) -> Language:
    """Returns the display filter language of a version of tshark."""
    return Language((version.major, version.minor))
