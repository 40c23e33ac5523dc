"""The types of documents. Each type has its own indices, so that a store keeps several types side by side."""

import re
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class DocumentType:
    """A type of documents, with one index for each UTC day."""

    name: str
    """The beginning of the names of its indices, such as `packets` in `packets-2015-07-30`."""
    description: str
    """What its documents are, for people who administer a store."""

    @property
    def pattern(self) -> str:
        """The pattern that the names of its indices match, such as `packets-*`."""
        return self.index("*")

    @property
    def undated(self) -> str:
        """The name of the index for documents that have no day of their own."""
        return self.index("undated")

    def index(self, day: str) -> str:
        """Returns the name of the index of a day, such as `2015-07-30`."""
        return f"{self.name}-{day}"

    def owns(self, index: str) -> bool:
        """Returns whether an index of this name has documents of this type."""
        return index.startswith(self.index(""))


PACKETS = DocumentType("packets", "Network packets, one document each")
TYPES = (PACKETS,)
"""All types."""

_DAY = re.compile(r"[a-z]+-(\d{4}-\d\d-\d\d)")
_INDEX = re.compile(r"[a-z]+-[0-9a-z-]+")


def day_of(index: str) -> date | None:
    """Returns the day of an index; None for names without one, such as `packets-undated`, and for other names."""
    match = _DAY.fullmatch(index) if is_index(index) else None
    try:
        return date.fromisoformat(match[1]) if match else None
    except ValueError:
        return None


def is_index(name: str) -> bool:
    """Returns whether an index of documents can have this name."""
    return bool(_INDEX.fullmatch(name)) and any(each.owns(name) for each in TYPES)
