"""Parses Wireshark's display filters, in the language of the installed version, into the query tree.

Times without a zone are UTC. Filters that documents cannot answer (slices, arithmetic, functions of values, comparisons
of two fields, the layer operator) are errors that name the reason.
"""

from collections.abc import Sequence
from functools import reduce

from espcap.base.errors import UsageError
from espcap.fields.field import Field
from espcap.fields.registry import Registry
from espcap.query import And, Everything, Not, Or, Query
from espcap.query.aliases import current_name
from espcap.query.display_filter import addresses, conditions
from espcap.query.display_filter.addresses import AddressConditions
from espcap.query.display_filter.grammar import (
    TSHARK_CAN,
    Comparison,
    Existence,
    Logic,
    Membership,
    Node,
    Operand,
    Word,
    read,
    unknown_function,
)
from espcap.query.display_filter.literals import NameLookup
from espcap.query.display_filter.names import resolve
from espcap.query.display_filter.value_names import NameConditions, compares_names
from espcap.query.filter_language import Language
from espcap.query.limits import TOO_DEEP, bounded, check_utf8

_Conditions = conditions.Conditions | NameConditions | AddressConditions


def parse(text: str, registry: Registry, named_values: NameLookup, language: Language) -> Query:
    """Returns the query of a filter. Empty text matches everything.

    `named_values` returns the names that Wireshark shows for values of a field (`ip.proto == "TCP"`).

    Raises UsageError if the syntax is invalid, if documents cannot answer the filter, or if a value does not fit its
    field.
    """
    if not text.strip():
        return Everything()
    check_utf8(text)
    try:
        return bounded(_Builder(registry, named_values, language).build(read(text)))
    except RecursionError:
        raise TOO_DEEP from None


class _Builder:
    def __init__(self, registry: Registry, named_values: NameLookup, language: Language) -> None:
        self._registry = registry
        self._named_values = named_values
        self._language = language

    def build(self, node: Node) -> Query:
        match node:
            case Logic("not", (part,)):
                return Not(self.build(part))
            case Logic(word, parts):
                return self._joined(word, [self.build(part) for part in parts])
            case Existence(operand):
                return self._exists(operand)
            case Comparison(operand, sign, literal, quantifier):
                return self._compare(operand, sign, literal, quantifier)
            case Membership():
                return self._within(node)
        raise TypeError(node)

    def _joined(self, word: str, queries: list[Query]) -> Query:
        if word == "xor":
            self._language.require_newer("xor", "write (A and not B) or (not A and B)")
            return reduce(lambda one, other: Or((And((one, Not(other))), And((Not(one), other)))), queries)
        return And(tuple(queries)) if word == "and" else Or(tuple(queries))

    def _exists(self, operand: Operand) -> Query:
        if operand.functions:
            found = self._conditions(operand)
            if isinstance(found, conditions.Conditions):
                raise UsageError(f"filter: {operand.functions[0]}() is not a condition", "compare its result")
            return found.exists()
        name = current_name(operand.name, self._registry)
        field = resolve(name, self._registry)
        return conditions.has_protocol(name) if field is None else conditions.exists(field)

    def _compare(self, operand: Operand, sign: str, literal: Word, quantifier: str) -> Query:
        if sign == "~=" and self._language.is_newer:
            message = f"filter: ~= is not an operator of tshark {self._language.version}"
            raise UsageError(message, "write !== (any value differs) or != (all values differ)")
        return self._conditions(operand, literal, sign=sign).compare(sign, literal, quantifier)

    def _within(self, node: Membership) -> Query:
        words = [word for element in node.elements for word in element]
        found = self._conditions(node.operand, *words).within(node.elements, node.quantifier)
        if not node.is_negative:
            return found
        return And((self._exists(node.operand), Not(found))) if self._language.is_newer else Not(found)

    def _conditions(self, operand: Operand, *literals: Word, sign: str = "") -> _Conditions:
        field = resolve(current_name(operand.name, self._registry), self._registry)
        self._check_literals(literals)
        if field is None:
            raise UsageError(
                f"filter: {operand.name} is a protocol, and documents do not contain its bytes",
                f"compare one of its fields, or only check that it exists; {TSHARK_CAN}",
            )
        return self._conditions_on(field, operand.functions, sign)

    def _conditions_on(self, field: Field, functions: tuple[str, ...], sign: str) -> _Conditions:
        match functions:
            case (("lower" | "upper") as function, "vals"):
                return self._names(field, function)
            case ("vals",):
                return self._names(field)
            case (function,) if function in addresses.FUNCTIONS:
                self._language.require_newer(f"{function}()", "compare with networks: ip.src == 10.0.0.0/8")
                return AddressConditions(field, function)
            case () | ("lower" | "upper",):
                if not functions and compares_names(field, sign, self._language):
                    return self._names(field)
                function = functions[0] if functions else ""
                return conditions.Conditions(field, function, self._named_values, self._language)
        raise unknown_function(functions[0])

    def _names(self, field: Field, function: str = "") -> NameConditions:
        self._language.require_newer("vals()", 'compare the field: ip.proto == "TCP"')
        return NameConditions(field, function, self._named_values, self._language)

    def _check_literals(self, literals: Sequence[Word]) -> None:
        for literal in literals:
            name = current_name(literal.text.removeprefix("."), self._registry)
            if not literal.quote and (self._registry.field(name) or self._registry.is_protocol(name)):
                message = f"filter: {literal.text} is a field; two fields cannot be compared"
                raise UsageError(message, f"put quotes around text; {TSHARK_CAN}")
