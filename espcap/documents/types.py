"""The types of documents. Each type has its own indices, so that a store keeps several types side by side."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from espcap.base.errors import UsageError


@dataclass(frozen=True)
class DocumentType:
    """A type of documents, with one index for each UTC day."""

    name: str
    """The beginning of the names of its indices, such as `packets` in `packets-2015-07-30`."""
    description: str
    """What its documents are, for people who administer a store."""
    mark: str = ""
    """Stands before the number in identifiers."""

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

    def identifier(self, capture: str, number: int) -> str:
        """Returns the identifier of a document of a capture."""
        return f"{capture}-{self.mark}{number}"

    def owns(self, index: str) -> bool:
        """Returns whether an index of this name has documents of this type."""
        return index.startswith(self.index(""))


PACKETS = DocumentType("packets", "Network packets, one document each")
FLOWS = DocumentType("flows", "Flows between two hosts", "f")
TRANSACTIONS = DocumentType("transactions", "Requests with their answers", "t")
TYPES = (PACKETS, FLOWS, TRANSACTIONS)
"""All types."""
_MARKS = "".join(each.mark for each in TYPES)
MESSAGES_OF_PACKET = 1 << 15
"""Numbers of transactions are those of the request's packet times this, and the place of the message in the packet."""

_DAY = re.compile(r"[a-z]+-(\d{4}-\d\d-\d\d)")
_INDEX = re.compile(r"[a-z]+-[0-9a-z-]+")
_IDENTIFIER = re.compile(rf"[^\s/]+-([{_MARKS}]?)\d{{1,18}}")


def is_identifier(identifier: str, index: str) -> bool:
    """Returns whether a document of an index can have this identifier. `is_index` is true for `index`."""
    match = _IDENTIFIER.fullmatch(identifier)
    return match is not None and match[1] == type_of(index).mark


def type_of(index: str) -> DocumentType:
    """Returns the type of an index. `index` is a name for which `is_index` is true."""
    return next(each for each in TYPES if each.owns(index))


def type_named(name: str) -> DocumentType:
    """Returns the type of a name. Raises UsageError if there is none."""
    for each in TYPES:
        if each.name == name:
            return each
    raise UsageError(f"{name!r} is not a type of documents", f"name {', '.join(each.name for each in TYPES)}")


def types_named(names: Iterable[str]) -> tuple[DocumentType, ...]:
    """Returns the types of these names in the order of TYPES.

    Raises UsageError if one does not exist, or without names.
    """
    wanted = {type_named(name.strip()) for name in names if name.strip()}
    if not wanted:
        raise UsageError("no type of documents is named", f"name {', '.join(each.name for each in TYPES)}")
    return tuple(each for each in TYPES if each in wanted)


def number_in(identifier: str) -> tuple[str, int]:
    """Returns the capture and the number of an identifier. Raises ValueError if the text is not an identifier."""
    capture, _, number = identifier.rpartition("-")
    return capture, int(number.lstrip(_MARKS))


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
