"""Named questions to a store: a query, the columns of the answer, and their order. They are TOML files."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from espcap.base.errors import UsageError
from espcap.base.members import values_at
from espcap.base.text import printable
from espcap.documents.types import DocumentType, type_named
from espcap.query import Query, combine
from espcap.searches.intervals import FIGURES, regular_groups
from espcap.searches.searcher import Searcher

_BUILT_IN = Path(__file__).with_name("questions")


@dataclass(frozen=True)
class Question:
    """A question. Its members are the keys of its file."""

    about: str
    """What is asked, in one line."""
    columns: list[str]
    """Names or paths of fields."""
    type: str = "packets"
    query: str = ""
    filter: str = ""
    """A display filter."""
    group: list[str] = field(default_factory=list)
    """Fields: asked for are groups of documents with the same values of these, at regular intervals.

    `columns` can be these fields and FIGURES of `espcap.searches.intervals`; `sort` has no effect.
    """
    sort: str = "@timestamp"
    """A field; with `-` in front in descending order."""

    @property
    def of(self) -> DocumentType:
        """The type of the documents that are searched."""
        return type_named(self.type)

    @property
    def answers(self) -> str:
        """What the rows of an answer are."""
        return f"groups of {self.type}" if self.group else self.type

    def answer(self, searcher: Searcher, others: Query, size: int) -> tuple[list[list[Any]], int]:
        """Returns a row for each of the first `size` documents or groups, and the number of all.

        A cell has the values at a column: one, a list of several, or None. `others` is a further condition.
        """
        prepared = searcher.prepare(self.query, self.filter)
        if self.group:
            return self._groups(searcher, combine(prepared.query, others), size)
        paths = [searcher.path(name) for name in self.columns]
        sort = (searcher.path(self.sort.removeprefix("-")), self.sort.startswith("-"))
        found = searcher.store.search(combine(prepared.query, others), size, sort=[sort])
        return [[_cell(hit.source, path) for path in paths] for hit in found.hits], found.total

    def _groups(self, searcher: Searcher, query: Query, size: int) -> tuple[list[list[Any]], int]:
        paths = {name: searcher.path(name) for name in self.group}
        found = regular_groups(searcher, query, list(paths.values()))
        return [[group.get(paths.get(name, name)) for name in self.columns] for group in found[:size]], len(found)


def _cell(source: dict[str, Any], path: str) -> Any:
    values = values_at(source, path)
    return values[0] if len(values) == 1 else values or None


def questions(folders: Sequence[str] = ()) -> dict[str, Question]:
    """Returns all questions by their names: those of espcap, and those in folders, which may replace them.

    Raises UsageError if a folder does not exist or a file is not valid.
    """
    paths = sorted(_BUILT_IN.glob("*.toml"))
    for folder in folders:
        if not Path(folder).is_dir():
            raise UsageError(f"the folder {printable(folder)} does not exist", "name a folder with questions")
        paths += sorted(Path(folder).glob("*.toml"))
    return {path.stem: _read(path) for path in paths}


def _read(path: Path) -> Question:
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
        question = Question(**found)
        type_named(question.type)
        if question.group and (others := set(question.columns) - {*question.group, *FIGURES}):
            raise UsageError(f"groups have no column {sorted(others)[0]}")
    except (OSError, ValueError, TypeError, UsageError) as error:
        keys = ", ".join(each.name for each in fields(Question))
        reason = getattr(error, "message", str(error))
        raise UsageError(
            f"the question {printable(str(path))} is not valid: {reason}", f"its keys are {keys}"
        ) from error
    return question
