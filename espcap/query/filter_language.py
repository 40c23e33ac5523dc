"""What the display filters of newer versions of Wireshark have that 4.0 has not, or mean otherwise.

Each difference was tried with tshark 4.0, 4.4 and 4.6; 4.2 could not be tried, and is taken to be as 4.4.
"""

from typing import NamedTuple

from packaging.version import Version

from espcap.base.errors import UsageError

_NEWER, _NEWEST = (4, 2), (4, 6)


class Language(NamedTuple):
    """The language of one version of tshark."""

    release: tuple[int, int]

    @property
    def version(self) -> str:
        """As complaints name it: `4.4`."""
        return ".".join(map(str, self.release))

    @property
    def is_newer(self) -> bool:
        """Whether it has `xor`, `vals()`, `matches` on named values, functions of addresses, and columns.

        Times may be numbers of seconds, and `~=` is gone. `not in` needs the field, as `!=` does.
        """
        return self.release >= _NEWER

    @property
    def is_newest(self) -> bool:
        """Whether it has `contains` on named values.

        True and false have names, values without a name have their number, and a negative number is less than all
        values of an unsigned field; before, no comparison with one holds.
        """
        return self.release >= _NEWEST

    def need_newer(self, what: str, hint: str) -> None:
        """Raises UsageError if the version does not have this."""
        if not self.is_newer:
            raise UsageError(f"filter: {what} needs tshark 4.4 or newer, and {self.version} is installed", hint)


def language_of(version: Version) -> Language:
    """The language of this version of tshark."""
    return Language((version.major, version.minor))
