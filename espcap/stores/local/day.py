"""Searches the index of one day: translates queries for tantivy, counts values, finds the first documents of a sort.

tantivy is the library that the local index is made with. A term is a value in the form in which it is indexed.
"""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any

import tantivy
from tantivy import Occur

from espcap.base.errors import UsageError
from espcap.fields.field import Kind
from espcap.query import (
    And,
    Condition,
    Equals,
    Everything,
    Exists,
    Frames,
    Matches,
    Not,
    Or,
    Query,
    Range,
    Unsearchable,
    Wildcard,
    Words,
)
from espcap.query.words import TEXT_PATHS, whole_words_error, words
from espcap.stores import SIMPLER
from espcap.stores.local import values as local_values
from espcap.stores.local.expressions import expression_of, literal, split_range
from espcap.stores.local.values import DATE_LIKE, GREATEST, MARK, Term, is_marked

Sort = Sequence[tuple[str, bool]]
NUMBERS, TEXTS, UNSEARCHABLE = "numbers", "texts", "unsearchable"
CAPTURE, FRAME, MILLISECONDS, BODY = "capture", "frame", "milliseconds", "body"
INFO = "info"
_PAGE = 10_000
"""Values that a sort reads at a time. tantivy fails for answers of more than 65,000 buckets."""
_ALL = 10_000_000
_FEW_ADDRESSES = 1000
"""Largest number of addresses of a path for which a range is searched for as a list of its addresses."""
_BETWEEN_NAMES, _BEFORE_STRING = "\1", "\0s"
"""In the terms of a JSON field, the separator of the names in a path, and the characters before a string."""


def both(*queries: tantivy.Query) -> tantivy.Query:
    """Returns the query for documents that match all of these queries."""
    return tantivy.Query.boolean_query([(Occur.Must, query) for query in queries])


def any_of(queries: Sequence[tantivy.Query]) -> tantivy.Query:
    """Returns the query for documents that match at least one of these queries."""
    return tantivy.Query.boolean_query([(Occur.Should, query) for query in queries])


def without(query: tantivy.Query, excluded: tantivy.Query) -> tantivy.Query:
    """Returns the query for documents that match the first query and not the second."""
    return tantivy.Query.boolean_query([(Occur.Must, query), (Occur.MustNot, excluded)])


class Day:
    """The index of one day, as it was when it was opened. `kind` returns the kind of a path."""

    def __init__(self, index: tantivy.Index, kind: Callable[[str], Kind]) -> None:
        self._index = index
        self._schema = index.schema
        self._kind = kind
        self.searcher = index.searcher()
        self._known_addresses: dict[str, list[str] | None] = {}

    # Queries

    def translate(self, query: Query) -> tantivy.Query:
        """Returns the query for tantivy. Raises UsageError if it cannot be searched for."""
        match query:
            case Everything():
                return tantivy.Query.all_query()
            case And(parts):
                return both(*(self.translate(part) for part in parts)) if parts else tantivy.Query.all_query()
            case Or(parts):
                return any_of([self.translate(part) for part in parts])
            case Not(part):
                return without(tantivy.Query.all_query(), self.translate(part))
            case Frames(captures):
                return any_of([both(self.of_capture(capture), self.of_frames(frames)) for capture, frames in captures])
        return self._leaf(query)

    def _leaf(self, query: Condition) -> tantivy.Query:
        if query.path in TEXT_PATHS:
            return self._text(query)
        match query:
            case Equals(path, value):
                return self._equals(path, value)
            case Range():
                return self._range(query)
            case Exists(path):
                return self._exists(path)
            case Unsearchable(path):
                return self._unsearchable(path)
        return self._matching(query)

    def _text(self, query: Condition) -> tantivy.Query:
        match query:
            case Equals(path, str() as text) | Words(path, text):
                return self._phrase(path, words(text))
            case Exists(path):
                return self._exists(path)
        raise whole_words_error(query.path)

    def _phrase(self, path: str, found: list[str]) -> tantivy.Query:
        if len(found) < 2:  # tantivy's phrases have two words at least
            return tantivy.Query.term_query(self._schema, path, found[0]) if found else tantivy.Query.empty_query()
        return tantivy.Query.phrase_query(self._schema, path, list(found))

    def has_terms(self, path: str) -> tantivy.Query:
        """Returns the query for documents with a term at the path or, if it is an object, under it."""
        every = [tantivy.Query.exists_query(f"{name}.{path}", json_subpaths=True) for name in (NUMBERS, TEXTS)]
        return any_of(every)

    def _exists(self, path: str) -> tantivy.Query:
        unsearchable = self._unsearchable(path)
        return unsearchable if path in TEXT_PATHS else any_of([self.has_terms(path), unsearchable])

    def _unsearchable(self, path: str) -> tantivy.Query:
        return tantivy.Query.term_query(self._schema, UNSEARCHABLE, path)

    def column(self, path: str) -> str:
        """Returns tantivy's name of the column with the terms of a path."""
        return f"{NUMBERS if self._kind(path) in local_values.NUMBERS else TEXTS}.{path}"

    def any_text(self, path: str, texts: Iterable[Term]) -> tantivy.Query:
        """Returns the query for documents with one of these terms of the kind text at the path."""
        found = list(texts)
        if not found:
            return tantivy.Query.empty_query()
        return tantivy.Query.term_set_query(self._schema, f"{TEXTS}.{path}", found)

    def _any_of_successive(self, path: str, terms: list[Term]) -> tantivy.Query:
        """Returns the query for documents with one of these terms. The index has no other terms between them."""
        if self._kind(path) in local_values.NUMBERS:
            return self._between(path, min(terms), max(terms))
        return self.any_text(path, terms)

    def _matching(self, query: Wildcard | Matches | Words | Range) -> tantivy.Query:
        expression = expression_of(query)
        if expression is None:
            return tantivy.Query.empty_query()
        path, dates = query.path, self._strings(query.path, DATE_LIKE)
        plain = self._strings(path, expression)
        if not self.count(dates):
            return plain
        marked = both(dates, self._strings(path, f"({expression}){MARK}"))
        in_doubt = both(plain, without(dates, marked))  # a value that is not a date matches, or a date with its MARK
        found = (term for term in self.count_values(in_doubt, path, f"(?s)({expression})") if not is_marked(term))
        return any_of([without(plain, dates), marked, both(in_doubt, self.any_text(path, found))])

    def _between_texts(self, query: Range) -> tantivy.Query:
        decided, starts = split_range(query)
        every, kind = tantivy.Query.all_query(), self._kind(query.path)
        parts = [self._matching(decided)]
        for start in starts:
            found = self.count_values(every, query.path, f"(?s){literal(start)}.*")
            within = (term for term in found if _is_within(local_values.decode(kind, term), query))
            parts.append(self.any_text(query.path, within))
        return any_of(parts)

    def _strings(self, path: str, expression: str) -> tantivy.Query:
        """Returns the query for documents with a string that the regular expression matches.

        tantivy needs memory for only one of the matching strings at a time. Raises UsageError if the expression is too
        complex.
        """
        names = _BETWEEN_NAMES.join(map(literal, path.split(".")))
        try:
            return tantivy.Query.regex_query(self._schema, TEXTS, f"{names}{_BEFORE_STRING}(?s)({expression})")
        except ValueError as error:
            if "exceeds size limit" not in str(error):
                raise
            raise UsageError(f"{path}: the pattern is too complex", SIMPLER) from error

    def _equals(self, path: str, value: Any) -> tantivy.Query:
        if path == "_id":
            return self._identified(value)
        kind = self._kind(path)
        if kind in local_values.NUMBERS:
            return self._range(Range(path, value, value))
        if kind is Kind.IP:
            value = local_values.term(kind, local_values.ordinal(kind, value))
        elif kind is Kind.STRING:
            value = local_values.encode(kind, value)
        return tantivy.Query.term_query(self._schema, f"{TEXTS}.{path}", value)

    def _identified(self, identifier: str) -> tantivy.Query:
        capture, _, frame = identifier.rpartition("-")
        if not frame.isdecimal() or int(frame) > GREATEST:
            return tantivy.Query.empty_query()
        return both(self.of_capture(capture), tantivy.Query.term_query(self._schema, FRAME, int(frame)))

    def of_capture(self, capture: str) -> tantivy.Query:
        """Returns the query for documents of one capture."""
        return tantivy.Query.term_query(self._schema, CAPTURE, capture)

    def made_with(self, settings_id: str) -> tantivy.Query:
        """Returns the query for documents with this `settings_id`."""
        return tantivy.Query.term_query(self._schema, f"{TEXTS}.settings_id", settings_id)

    def of_frames(self, frames: Iterable[int]) -> tantivy.Query:
        """Returns the query for documents with these frame numbers."""
        return tantivy.Query.term_set_query(self._schema, FRAME, list(frames))

    def frames_between(self, low: int, high: int) -> tantivy.Query:
        """Returns the query for documents whose frame number is at least `low` and at most `high`."""
        return tantivy.Query.range_query(self._schema, FRAME, tantivy.FieldType.Unsigned, low, high)

    def _range(self, query: Range) -> tantivy.Query:
        kind = self._kind(query.path)
        if kind not in local_values.ORDERED:
            return self._between_texts(query)
        low, high = local_values.extent(kind)
        if query.low is not None:
            low = local_values.ordinal(kind, query.low) + (not query.include_low)
        if query.high is not None:
            high = local_values.ordinal(kind, query.high) - (not query.include_high)
        if not local_values.extent(kind)[0] <= low <= high <= local_values.extent(kind)[1]:
            return tantivy.Query.empty_query()
        first, last = local_values.term(kind, low), local_values.term(kind, high)
        if kind is Kind.IP and (addresses := self._addresses(query.path)) is not None:
            return self.any_text(query.path, [each for each in addresses if str(first) <= each <= str(last)])
        return self._between(query.path, first, last)

    def _addresses(self, path: str) -> list[str] | None:
        """Returns all addresses of a path; None if there are many. A search for a few is faster than for a range."""
        if path not in self._known_addresses:
            found, others = self.likely_values(tantivy.Query.all_query(), path, _FEW_ADDRESSES)
            self._known_addresses[path] = None if others else [str(term) for term in found]
        return self._known_addresses[path]

    def _between(self, path: str, low: Term, high: Term) -> tantivy.Query:
        """Returns the query for documents with a term from `low` to `high`, both included."""
        column = re.sub(r"([^\w.])", r"\\\1", self.column(path))  # only tantivy's parser makes ranges of JSON fields
        return self._index.parse_query(f"{column}:[{low} TO {high}]")

    # Values

    def count_values(self, query: tantivy.Query, path: str, expression: str | None = None) -> Counter[Term]:
        """Returns the number of matching documents for each term of a path.

        With `expression`, only strings that it matches are counted.
        """
        counts: Counter[Term] = Counter()
        for bucket in self.value_buckets(query, path, expression):
            counts[bucket["key"]] += bucket["doc_count"]
        return counts

    def value_buckets(
        self, query: tantivy.Query, path: str, expression: str | None = None, sums: dict[str, Any] | None = None
    ) -> Iterator[dict[str, Any]]:
        """Yields tantivy's buckets for the terms of a path; a term may have several buckets.

        `sums` are aggregations over the documents of each bucket, by name.
        """
        terms: dict[str, Any] = {"field": self.column(path), "size": _ALL, "segment_size": _ALL}
        if expression is not None:
            terms["include"] = expression
        return self._buckets(query, {"terms": terms} | ({"aggs": sums} if sums else {}), 0, self._last_frame())

    def likely_values(self, query: tantivy.Query, path: str, size: int) -> tuple[list[Term], int]:
        """Returns up to `size` terms that are probably the most frequent, and the most documents of any other term."""
        terms = {"field": self.column(path), "size": size, "segment_size": 10 * size}
        answer = self.searcher.aggregate(query, {"values": {"terms": terms}})["values"]
        buckets, error = answer["buckets"], answer.get("doc_count_error_upper_bound") or 0
        is_complete = not answer.get("sum_other_doc_count") and not error
        return [bucket["key"] for bucket in buckets], 0 if is_complete else buckets[-1]["doc_count"] + error

    def _buckets(self, query: tantivy.Query, request: dict[str, Any], low: int, high: int) -> Iterator[dict[str, Any]]:
        """Yields the buckets for frame numbers from low to high. Halves the range if it has too many values."""
        try:
            answer = self.searcher.aggregate(both(query, self.frames_between(low, high)), {"values": request})
        except ValueError:  # there are more values than tantivy makes buckets
            if low == high:
                raise
            middle = (low + high) // 2
            yield from self._buckets(query, request, low, middle)
            yield from self._buckets(query, request, middle + 1, high)
        else:
            yield from answer["values"]["buckets"]

    def _last_frame(self) -> int:
        answer = self.searcher.aggregate(tantivy.Query.all_query(), {"last": {"max": {"field": FRAME}}})
        return int(answer["last"]["value"] or 0)

    def _first_values(self, query: tantivy.Query, path: str, descending: bool, size: int) -> list[tuple[Term, int]]:
        terms = {"field": self.column(path), "size": size, "order": {"_key": "desc" if descending else "asc"}}
        buckets = self.searcher.aggregate(query, {"values": {"terms": terms}})["values"]["buckets"]
        return [(bucket["key"], bucket["doc_count"]) for bucket in buckets]

    # Documents

    def count(self, query: tantivy.Query) -> int:
        """Returns the number of matching documents."""
        total: int = self.searcher.search(query, 1).count  # type: ignore[attr-defined]
        return total

    def addresses(self, query: tantivy.Query, wanted: int) -> list[tantivy.DocAddress]:
        """Returns tantivy's addresses of matching documents, at most `wanted`, in no order."""
        limit = min(wanted, self.searcher.num_docs)
        return [address for _, address in self.searcher.search(query, limit, count=False).hits] if limit else []

    def first(self, query: tantivy.Query, sort: Sort, wanted: int) -> list[tantivy.DocAddress]:
        """Returns the addresses of the first `wanted` documents of a sort, in no order.

        Of several values at a path, the least counts, or the greatest if the order is descending.
        """
        if wanted <= 0 or not self.searcher.num_docs:
            return []
        if not sort:
            return self.addresses(query, wanted)
        in_order = self._first_in_time if sort[0][0] == "@timestamp" else self._first_by_value
        return in_order(query, sort, wanted)

    def _first_in_time(self, query: tantivy.Query, sort: Sort, wanted: int) -> list[tantivy.DocAddress]:
        """As `first`, for @timestamp. The index is fast for milliseconds: only the last one needs nanoseconds."""
        present = both(query, self.has_terms("@timestamp"))
        limit = min(wanted, self.searcher.num_docs)
        order = tantivy.Order.Desc if sort[0][1] else tantivy.Order.Asc
        hits = self.searcher.search(present, limit, count=False, order_by_field=MILLISECONDS, order=order).hits
        if len(hits) < wanted:
            absent = without(query, self.has_terms("@timestamp"))
            return [address for _, address in hits] + self.first(absent, sort[1:], wanted - len(hits))
        last = int(hits[-1][0])
        earlier = [address for milliseconds, address in hits if milliseconds != last]
        same = tantivy.Query.range_query(self._schema, MILLISECONDS, tantivy.FieldType.Integer, last, last)
        return earlier + self._first_by_value(both(present, same), sort, wanted - len(earlier))

    def _first_by_value(self, query: tantivy.Query, sort: Sort, wanted: int) -> list[tantivy.DocAddress]:
        """As `first`. Reads the values of the first path in their order until they have enough documents.

        The other paths matter only for the documents of the last of these values.
        """
        (path, descending), rest = sort[0], sort[1:]
        found: list[tantivy.DocAddress] = []
        present = both(query, self.has_terms(path))
        while len(found) < wanted:
            values = self._first_values(present, path, descending, min(wanted - len(found), _PAGE))
            if not values:
                absent = without(query, self.has_terms(path))
                return found + self.first(absent, rest, wanted - len(found))
            before, last = _until(values, wanted - len(found))
            earlier = self._any_of_successive(path, before) if before else tantivy.Query.empty_query()
            found += self.addresses(both(present, earlier), self.searcher.num_docs) if before else []
            tied = without(both(present, self._any_of_successive(path, [last])), earlier)
            found += self.first(tied, rest, wanted - len(found))
            present = without(present, self._any_of_successive(path, [*before, last]))
        return found


def _until(values: list[tuple[Term, int]], wanted: int) -> tuple[list[Term], Term]:
    """Returns the values before the one with which there are `wanted` documents, and that one."""
    totals = list(accumulate(count for _, count in values))
    position = min(bisect_left(totals, wanted), len(values) - 1)
    return [value for value, _ in values[:position]], values[position][0]


def _is_within(value: Any, query: Range) -> bool:
    above = query.low is None or value > query.low or (query.include_low and value == query.low)
    below = query.high is None or value < query.high or (query.include_high and value == query.high)
    return above and below
