"""The query tree that every store understands. Parsers make it of query strings and of display filters.

A condition holds for a packet if any value of the field meets it. NOT holds if the condition does not, also if the
field is missing.
"""

from dataclasses import dataclass

from espcap.base.frames import FrameSet
from espcap.query.values import Value


@dataclass(frozen=True)
class Everything:
    """Matches every document."""


@dataclass(frozen=True)
class And:
    """All parts match. Matches every document if there are no parts."""

    parts: "tuple[Query, ...]"


@dataclass(frozen=True)
class Or:
    """At least one part matches. Matches no document if there are no parts."""

    parts: "tuple[Query, ...]"


@dataclass(frozen=True)
class Not:
    """The part does not match."""

    part: "Query"


@dataclass(frozen=True)
class Equals:
    """A value at the path equals the value."""

    path: str
    value: Value


@dataclass(frozen=True)
class Range:
    """A value at the path is between two values. None is an open end."""

    path: str
    low: Value | None
    high: Value | None
    include_low: bool = True
    include_high: bool = True


@dataclass(frozen=True)
class Exists:
    """The path has a value. It is that of a field or an object, such as `layers.dns`."""

    path: str


@dataclass(frozen=True)
class Wildcard:
    """The whole text at the path matches: `*` is any text, `?` is one character, `\\` escapes the next character."""

    path: str
    pattern: str


@dataclass(frozen=True)
class Matches:
    """The whole text at the path matches a regular expression, in the syntax that both stores share.

    The syntax is: characters, `.` for any character, `[…]`, `(…)`, `|`, `*`, `+`, `?` and `{n,m}`; a backslash escapes
    one of these characters. It is case-sensitive. The character `"` must be written `["]`.
    """

    path: str
    pattern: str


@dataclass(frozen=True)
class Words:
    """The value contains the words of `text`, one directly after the other; see `espcap.query.words`."""

    path: str
    text: str


@dataclass(frozen=True)
class Unsearchable:
    """The document has a value at the path that is not indexed, such as a text that is too long."""

    path: str


@dataclass(frozen=True)
class Frames:
    """The packet is one of these."""

    captures: tuple[tuple[str, FrameSet], ...]
    """The `capture_id` of each capture, and frame numbers in it."""


Condition = Equals | Range | Exists | Wildcard | Matches | Words | Unsearchable
"""A condition on one path."""

Query = Everything | And | Or | Not | Condition | Frames


def combine(*parts: Query) -> Query:
    """Returns the query for packets that match all parts."""
    return And(tuple(part for part in parts if part != Everything()))
