"""Conditions on the names that Wireshark shows for values of a field: `vals(ip.proto) == "TCP"`."""

import re
from collections.abc import Callable, Iterable, Sequence

from espcap.base.errors import UsageError, shortened
from espcap.fields.field import PRESENCE, Field, Kind
from espcap.query import Equals, Everything, Exists, Query, Range
from espcap.query.display_filter import literals, patterns
from espcap.query.display_filter.grammar import TSHARK_CAN, Word
from espcap.query.display_filter.relations import RELATIONS, either, quantified
from espcap.query.filter_language import Language

_NAMED = (Kind.INTEGER, Kind.UNSIGNED, Kind.BOOLEAN)
_WIDEST = 16
"""Bits of the widest field whose values without a name are tested one by one."""
_NUMBER = re.compile("[0-9A-Fa-fxX]*")


def compares_names(field: Field, sign: str, language: Language) -> bool:
    """Returns whether an operator for text compares the names of a field's values, as in newer Wireshark versions."""
    knows = language.is_newest if sign == "contains" else language.is_newer and sign in ("matches", "~")
    return knows and field.kind in _NAMED and field.base != PRESENCE


class NameConditions:
    """Conditions on the names of a field's values, or on these names in lower or upper case.

    Raises UsageError if the values have no names.
    """

    def __init__(self, field: Field, function: str, named_values: literals.NameLookup, language: Language) -> None:
        self._field = field
        self._operand = f"vals({field.name})"
        self._change: Callable[[str], str] = {"lower": str.lower, "upper": str.upper}.get(function, str)
        self._language = language
        names = named_values(field.name) if field.kind in _NAMED else []
        if not names:
            raise UsageError(f"filter: the values of {field.name} have no names", "compare with == or in {…}")
        self._names = names if language.is_newest or field.kind is not Kind.BOOLEAN else []

    def exists(self) -> Query:
        """Returns the condition that a value has a name."""
        return Exists(self._field.path) if self._language.is_newest else self._values(lambda name: True)

    def compare(self, sign: str, word: Word, quantifier: str) -> Query:
        """Returns the condition `vals(FIELD) sign word`. Raises UsageError if it cannot be searched for."""
        if not word.quote:
            message = f"filter: {self._operand} {sign} {shortened(word.text)}: names of values are text"
            raise UsageError(message, "put quotes around it")
        text = literals.text_of(self._field, word)
        present = Everything() if self._change is not str and self._language.is_newest else self.exists()
        return quantified(self._operand, sign, quantifier, lambda relation: self._some(relation, text), present)

    def within(self, elements: Sequence[Sequence[Word]], quantifier: str) -> Query:
        """Raises UsageError: tshark does not allow it."""
        raise UsageError(f"filter: {self._operand} in …: only fields can be compared with a set", "compare with ==")

    def _some(self, relation: str, text: str) -> Query:
        test = self._test(relation, text)
        unnamed = self._unnamed(test, relation, text) if self._language.is_newest else ()
        return self._values(test, unnamed)

    def _test(self, relation: str, text: str) -> Callable[[str], bool]:
        if relation == "matches":
            expression = re.compile(patterns.translate(text), re.DOTALL)
            return lambda name: expression.fullmatch(name) is not None
        if relation == "contains":
            return lambda name: text in name
        wanted = text.encode()
        return lambda name: RELATIONS[relation](name.encode(), wanted)

    def _values(self, test: Callable[[str], bool], unnamed: Iterable[int] = ()) -> Query:
        """Returns the condition for values whose name passes the test, and for `unnamed` values."""
        path = self._field.path
        passing = [(low, high) for low, high, name in self._names if test(self._change(name))]
        if self._field.kind is Kind.BOOLEAN:
            return either([Equals(path, bool(value)) for value, _ in sorted(passing)])
        spans = _joined(sorted([*passing, *((value, value) for value in unnamed)]))
        return either([Equals(path, low) if low == high else Range(path, low, high) for low, high in spans])

    def _unnamed(self, test: Callable[[str], bool], relation: str, text: str) -> Iterable[int]:
        """Returns values without a name whose number passes the test.

        Raises UsageError if there may be too many values to test.
        """
        if self._field.kind is Kind.BOOLEAN or not _may_be_number(relation, text):
            return ()
        least, greatest = literals.limits(self._field)
        show = _shown(self._field, greatest)
        if show is None or greatest - least >= 1 << _WIDEST:
            message = (
                f"filter: {self._operand} {relation} …: the numbers of values without a name cannot be searched for"
            )
            raise UsageError(message, TSHARK_CAN)
        named = [(low, high) for low, high, _ in self._names]
        return (
            value
            for value in range(least, greatest + 1)
            if test(self._change(show(value))) and not any(low <= value <= high for low, high in named)
        )


def _may_be_number(relation: str, text: str) -> bool:
    """Returns whether the text of a number may meet the relation, as its words can be in the text of a number."""
    needs_all = relation in ("==", "contains") or (relation == "matches" and re.fullmatch(r"[\w ]*", text))
    return not needs_all or all(_NUMBER.fullmatch(word) for word in re.findall(r"\w+", text))


def _shown(field: Field, greatest: int) -> Callable[[int], str] | None:
    if field.base == "BASE_DEC":
        return str
    if field.base == "BASE_HEX" and greatest >= 0xFF:
        digits = greatest.bit_length() // 4
        return lambda value: f"0x{value:0{digits}x}"
    return None


def _joined(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Merges spans that touch or overlap. The spans are sorted."""
    joined: list[tuple[int, int]] = []
    for low, high in spans:
        if joined and low <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    return joined
