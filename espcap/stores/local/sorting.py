"""Finds the first packets of a sort in one file after the other."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow.compute as pc

from espcap.base.arrays import Array
from espcap.fields.field import Kind
from espcap.stores.local import terms
from espcap.stores.local.conditions import View
from espcap.stores.local.layout import CAPTURE
from espcap.stores.local.segment import Values

Sort = Sequence[tuple[str, bool]]
"""Pairs of a path and whether its order is descending."""
_GREATEST = np.iinfo("i8").max


@dataclass(slots=True)
class Candidate:
    """A packet that may be among the first."""

    keys: list[Any]
    """For each path of the sort the term that counts; None if the packet has no value."""
    ties: tuple[Any, ...]
    """Decides between packets with equal keys: index, frame number and capture."""
    index: str
    view: View
    row: int


class First:
    """Collects the first packets of a sort."""

    def __init__(self, sort: Sort, wanted: int) -> None:
        self._sort = sort
        self._wanted = wanted
        self._found: list[Candidate] = []

    def add(self, index: str, view: View, mask: Array) -> None:
        """Adds the packets of a file that match."""
        if self._wanted:
            rows = np.flatnonzero(mask)
            self._found += self._candidates(index, view, rows)
            self._order()
            del self._found[self._wanted :]

    def needs(self, view: View) -> bool:
        """Returns False if no packet of the file can be among the first, because of the times of the file."""
        entry = view.segment.entry
        if not self._sort or self._sort[0][0] != "@timestamp" or len(self._found) < self._wanted or entry.last is None:
            return bool(self._wanted)
        worst = self._found[-1].keys[0] if self._found else None
        if worst is None:
            return True
        assert entry.first is not None
        return bool(entry.last >= worst if self._sort[0][1] else entry.first <= worst)

    def found(self) -> list[Candidate]:
        """Returns the packets in their order."""
        return self._found

    def _candidates(self, index: str, view: View, rows: Array) -> list[Candidate]:
        columns = [_Column(view, path, descending) for path, descending in self._sort]
        captures, frames = _Column(view, CAPTURE, False), view.frame_numbers()
        ranks = [part for column in columns for part in (column.is_absent, column.ranks)]
        rows = _first_rows(rows, [*ranks, frames], self._wanted)
        return [
            Candidate(
                [column.term(row) for column in columns],
                (index, int(frames[row]), captures.term(row)),
                index,
                view,
                row,
            )
            for row in rows.tolist()
        ]

    def _order(self) -> None:
        self._found.sort(key=lambda candidate: candidate.ties)
        for position in reversed(range(len(self._sort))):
            absent = [candidate for candidate in self._found if candidate.keys[position] is None]
            present = [candidate for candidate in self._found if candidate.keys[position] is not None]
            present.sort(key=lambda candidate: candidate.keys[position], reverse=self._sort[position][1])
            self._found = present + absent


def _first_rows(rows: Array, ranks: list[Array], wanted: int) -> Array:
    """Returns the first `wanted` rows by these ranks, and all that are equal to the last of them."""
    if len(rows) <= wanted or not ranks:
        return rows
    first = ranks[0][rows]
    last = np.partition(first, wanted - 1)[wanted - 1]
    sure, tied = rows[first < last], rows[first == last]
    return np.concatenate((sure, _first_rows(tied, ranks[1:], wanted - len(sure))))


class _Column:
    """A path of the sort in one file. Of several values, the least counts, or the greatest in descending order."""

    def __init__(self, view: View, path: str, descending: bool) -> None:
        self._kind = view.kind(path)
        self._values = view.values(path)
        self.is_absent = np.ones(view.length, "u1")
        """For each packet 1 if it has no value: these packets are last."""
        self.ranks = np.full(view.length, _GREATEST)
        """For each packet its place in the order of this file."""
        self._order = np.zeros(0, "i8")
        if self._values is not None:
            ordinals = self._ordinals(self._values)
            ranks = ~ordinals if descending else ordinals
            self.is_absent[self._values.row_numbers()] = 0
            if self._values.rows is None:
                self.ranks = ranks
            elif self._values.has_several:
                np.minimum.at(self.ranks, self._values.row_numbers(), ranks)
            else:
                self.ranks[self._values.row_numbers()] = ranks
        self._descending = descending

    def term(self, row: int) -> Any:
        """Returns the term of a packet; None if it has no value."""
        if self.is_absent[row] or self._values is None:
            return None
        rank = int(self.ranks[row])
        ordinal = ~rank if self._descending else rank
        if self._values.words is None:
            return ordinal
        place = int(self._order[ordinal])
        return terms.addresses(self._values)[place] if self._kind is Kind.IP else self._values.words[place].as_py()

    def _ordinals(self, values: Values) -> Array:
        if values.words is None:
            return terms.ordinals(self._kind, values.values)
        self._order = self._sorted_words(values)
        places = np.empty(len(self._order), "i8")
        places[self._order] = np.arange(len(self._order))
        return places[values.values]

    def _sorted_words(self, values: Values) -> Array:
        if self._kind is Kind.IP:
            found = terms.addresses(values)
            return np.array(sorted(range(len(found)), key=found.__getitem__), "i8")
        order: Array = pc.array_sort_indices(values.words).to_numpy().astype("i8")
        return order
