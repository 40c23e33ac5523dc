"""Conditions of display filters on one field. Fields with several values are compared as in Wireshark."""

import re
from collections.abc import Sequence

from espcap.base.errors import UsageError, shortened
from espcap.fields.field import PRESENCE, Field, Kind
from espcap.fields.glossaries import COLUMNS
from espcap.query import Equals, Everything, Exists, Matches, Or, Query, Range, Wildcard
from espcap.query.display_filter import literals, patterns
from espcap.query.display_filter.grammar import TSHARK_CAN, Word
from espcap.query.display_filter.literals import NameLookup
from espcap.query.display_filter.relations import NOTHING, RELATIONS, either, quantified
from espcap.query.filter_language import Language
from espcap.query.values import Span, Value
from espcap.query.words import TEXT_PATHS

_TIMES = {"frame.time", "frame.time_epoch"}
_UNORDERED = literals.BYTES | literals.IDENTIFIERS


def exists(field: Field) -> Query:
    """Returns the query for packets that have a field.

    Documents can also contain its value as text (NULL for a time that is not set), or only its name (for payload).
    """
    if field.name.startswith(f"{COLUMNS}."):  # every packet has all columns
        return Everything()
    places: list[Query] = [Exists(field.path), *_unparsed(field)]
    if field.kind is Kind.BYTES:
        places.append(Equals("payload_fields", field.name))
    return places[0] if len(places) == 1 else Or(tuple(places))


def _unparsed(field: Field) -> list[Exists]:
    if field.kind not in (Kind.TIME, Kind.FLOAT):
        return []
    return [Exists("unparsed.frame.time_epoch" if field.name in _TIMES else f"unparsed.{field.layer}.{field.key}")]


def has_protocol(name: str) -> Query:
    """Returns the query for packets that have a protocol."""
    return Equals("protocols", name)


class Conditions:
    """Conditions on the values of a field, or on these values in lower or upper case.

    Raises UsageError if the field cannot be compared.
    """

    def __init__(self, field: Field, function: str, named_values: NameLookup, language: Language) -> None:
        self._field = field
        self._path = field.path
        self._function = function
        self._named_values = named_values
        self._language = language
        if self._path in TEXT_PATHS:
            message = f"filter: {field.name} is indexed by its words and cannot be compared"
            raise UsageError(message, f'search for words, {self._path}:"GET /index"; {TSHARK_CAN}')
        if field.base == PRESENCE:
            raise UsageError(f"filter: {field.name} has no value to compare", "only check that it exists")
        if function and field.type not in literals.TEXTS:
            raise UsageError(
                f"filter: {function}() fits text, and {field.name} is of type {field.type}", f"leave {function} out"
            )

    def compare(self, sign: str, word: Word, quantifier: str) -> Query:
        """Returns the condition `FIELD sign word`. A quantifier (`any`, `all`) overrides that of the sign.

        Raises UsageError if the word does not fit the field, or if the condition cannot be searched for.
        """
        # in newer versions, `all` holds for a missing field after these functions
        is_vacuous = self._function and self._language.is_newer
        present = Everything() if is_vacuous else exists(self._field)
        return quantified(self._field.name, sign, quantifier, lambda relation: self._any(relation, word), present)

    def within(self, elements: Sequence[Sequence[Word]], quantifier: str) -> Query:
        """Returns the condition `FIELD in {…}`. An element is a word, or the two ends of a range.

        Raises UsageError if a word does not fit the field, or if the condition cannot be searched for.
        """
        if self._function:
            call = f"{self._function}({self._field.name})"
            raise UsageError(f"filter: {call} in …: only fields can be compared with a set", f"compare {call} with ==")
        if quantifier == "all":
            raise UsageError(f"filter: all {self._field.name} in … cannot be searched for", "leave out the word all")
        return either([self._range(*element) for element in elements])

    def _range(self, first: Word, last: Word | None = None) -> Query:
        if last is None:
            return self._any("==", first)
        self._check_order("..")
        low, high = self._read(first)[0], self._read(last)[1]
        if self._is_below_all(low) and (self._is_below_all(high) or not self._language.is_newest):
            return NOTHING
        return self._between(0 if self._is_below_all(low) else low, high)

    def _any(self, relation: str, word: Word) -> Query:
        """Returns the condition that a value of the field meets the relation."""
        if relation == "contains":
            return self._contains(word)
        if relation == "matches":
            return self._matches(word)
        if self._function:
            return self._folded(relation, word)
        span = self._read(word)
        if self._field.kind is Kind.BOOLEAN:
            return self._truth(relation, bool(span[0]))
        if relation not in ("==", "!="):
            self._check_order(relation)
        if self._is_below_all(span[0]):
            return self._compared_to_smaller(relation)
        return self._compared(relation, span)

    def _read(self, word: Word) -> Span:
        return literals.read(self._field, word, self._named_values, self._language)

    def _is_below_all(self, value: Value) -> bool:
        """Returns whether a value is smaller than all values of the field's type."""
        kind = self._field.kind
        is_unsigned = kind in (Kind.INTEGER, Kind.UNSIGNED) and literals.limits(self._field)[0] == 0
        return (is_unsigned or kind is Kind.TIME) and isinstance(value, int) and value < 0

    def _compared_to_smaller(self, relation: str) -> Query:
        """Returns the condition that a value meets the relation to a number that is smaller than all values."""
        is_met = relation in ("!=", ">", ">=") and (self._language.is_newest or self._field.kind is Kind.TIME)
        return Exists(self._path) if is_met else NOTHING

    def _compared(self, relation: str, span: Span) -> Query:
        low, high = span
        match relation:
            case "==":
                return Equals(self._path, low) if low == high else Range(self._path, low, high)
            case ">" | ">=":
                return Range(self._path, high, None, False) if relation == ">" else Range(self._path, low, None)
            case "<" | "<=":
                return Range(self._path, None, low, True, False) if relation == "<" else Range(self._path, None, high)
        others = (Range(self._path, None, low, True, False), Range(self._path, high, None, False))
        return Or((*others, *_unparsed(self._field)))

    def _between(self, low: Value, high: Value) -> Query:
        if self._field.kind is Kind.BOOLEAN:
            return either([Equals(self._path, value) for value in (False, True) if bool(low) <= value <= bool(high)])
        return Range(self._path, low, high)

    def _truth(self, relation: str, wanted: bool) -> Query:
        return either([Equals(self._path, value) for value in (False, True) if RELATIONS[relation](value, wanted)])

    def _check_order(self, relation: str) -> None:
        if self._function or self._field.type in _UNORDERED:
            values = f"{self._function}()" if self._function else f"type {self._field.type}"
            raise UsageError(
                f"filter: {self._field.name} {relation} …: the order of {values} cannot be searched for", TSHARK_CAN
            )

    # Text

    def _folded(self, relation: str, word: Word) -> Query:
        """Returns the condition that a value in lower or upper case equals the word."""
        if relation != "==":
            self._check_order(relation)
        text = literals.text_of(self._field, word)
        return Matches(self._path, patterns.caseless(text)) if self._can_be(word) else NOTHING

    def _can_be(self, word: Word) -> bool:
        return not re.search("[A-Z]" if self._function == "lower" else "[a-z]", word.text)

    def _contains(self, word: Word) -> Query:
        kind = self._field.type
        if kind in literals.BYTES or kind in literals.ADDRESSES:
            text = literals.as_bytes(self._field, word, self._language)
        elif kind in literals.TEXTS:
            text = literals.text_of(self._field, word)
        else:
            message = f"filter: contains fits text and bytes, and {self._field.name} is of type {kind}"
            raise UsageError(message, "compare with ==, <, > or in {…}")
        if not text and kind in literals.BYTES:  # as in tshark: bytes contain the empty value, texts do not
            return Exists(self._path)
        if not text or (self._function and not self._can_be(word)):
            return NOTHING
        if self._function:
            return Matches(self._path, f".*{patterns.caseless(text)}.*")
        return Wildcard(self._path, "*" + re.sub(r"([*?\\])", r"\\\1", text) + "*")

    def _matches(self, word: Word) -> Query:
        if word.quote != '"':
            message = f"filter: {self._field.name} matches {shortened(word.text)}: it must be in double quotes"
            raise UsageError(message, f'write {self._field.name} matches "…"')
        if self._field.type not in literals.TEXTS:
            message = f"filter: matches fits text, and {self._field.name} is of type {self._field.type}"
            raise UsageError(message, TSHARK_CAN if self._field.type in literals.BYTES else "compare with == or in {…}")
        if self._function:
            raise UsageError(f"filter: matches ignores case, with or without {self._function}()", "leave it out")
        return Matches(self._path, patterns.translate(literals.text_of(self._field, word)))
