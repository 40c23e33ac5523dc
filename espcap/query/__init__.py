"""One query for every store: a small tree whose values are typed. Each language has a room that reads it.

On a field with several values a condition holds when any of them meets it; NOT holds wherever the condition does not,
also where the field is missing.
"""

from dataclasses import dataclass

from espcap.base.frames import FrameSet
from espcap.query.values import Value


@dataclass(frozen=True)
class Everything:
    """Every document."""


@dataclass(frozen=True)
class And:
    parts: "tuple[Query, ...]"


@dataclass(frozen=True)
class Or:
    parts: "tuple[Query, ...]"


@dataclass(frozen=True)
class Not:
    part: "Query"


@dataclass(frozen=True)
class Equals:
    path: str
    value: Value


@dataclass(frozen=True)
class Range:
    """None is an open end."""

    path: str
    low: Value | None
    high: Value | None
    include_low: bool = True
    include_high: bool = True


@dataclass(frozen=True)
class Exists:
    """The path, a field or an object such as `layers.dns`, has a value."""

    path: str


@dataclass(frozen=True)
class Wildcard:
    """`*` is any text, `?` one character; a backslash takes the meaning from them and from itself."""

    path: str
    pattern: str


@dataclass(frozen=True)
class Matches:
    """The whole text matches a regular expression in what Elasticsearch and tantivy have in common.

    That is: characters, `.` for any character, `[…]`, `(…)`, `|`, `*`, `+`, `?` and `{n,m}`, and a backslash before
    each of these characters that means itself. Case counts. A `"` stands in brackets.
    """

    path: str
    pattern: str


@dataclass(frozen=True)
class Words:
    """The words of `text` stand one after the other in the value; see `espcap.query.words`."""

    path: str
    text: str


@dataclass(frozen=True)
class Unsearchable:
    """The path has a value in the document that is not in the index, such as a text that is too long for it."""

    path: str


@dataclass(frozen=True)
class Frames:
    """Packets by their numbers in their captures; a capture by its `capture_id`."""

    captures: tuple[tuple[str, FrameSet], ...]


Condition = Equals | Range | Exists | Wildcard | Matches | Words | Unsearchable
"""What is asked of one path."""

Query = Everything | And | Or | Not | Condition | Frames
