"""Reads Wireshark's display filters, as version 4.0 means them, into the query tree.

Times without a zone are UTC. What documents cannot tell (slices, arithmetic, functions of values, one field against
another, the layer operator) is refused by name.
"""

from collections.abc import Sequence

from espcap.errors import UsageError
from espcap.fields import Registry
from espcap.query import And, Everything, Not, Or, Query
from espcap.query.display_filter import conditions
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
)
from espcap.query.display_filter.literals import NameLookup
from espcap.query.display_filter.names import resolve
from espcap.query.limits import TOO_DEEP, bounded, refuse_surrogates


def parse(text: str, registry: Registry, named_values: NameLookup) -> Query:
    """Reads a filter. Empty text is everything.

    `named_values` gives the ranges of values that a field shows under a name (`ip.proto == "TCP"`).
    Raises UsageError for wrong syntax, for what cannot be searched, and for a value that does not fit its field.
    """
    if not text.strip():
        return Everything()
    refuse_surrogates(text)
    try:
        return bounded(_Builder(registry, named_values).build(read(text)))
    except RecursionError:
        raise TOO_DEEP from None


class _Builder:
    def __init__(self, registry: Registry, named_values: NameLookup) -> None:
        self._registry = registry
        self._named_values = named_values

    def build(self, node: Node) -> Query:
        match node:
            case Logic("not", (part,)):
                return Not(self.build(part))
            case Logic(word, parts):
                queries = tuple(self.build(part) for part in parts)
                return And(queries) if word == "and" else Or(queries)
            case Existence(operand):
                return self._exists(operand)
            case Comparison(operand, sign, literal, quantifier):
                return self._conditions(operand, literal).compare(sign, literal, quantifier)
            case Membership(operand, elements, quantifier):
                return self._conditions(operand, *(word for element in elements for word in element)).within(
                    elements, quantifier
                )
        raise TypeError(node)

    def _exists(self, operand: Operand) -> Query:
        if operand.function:
            raise UsageError(f"filter: {operand.function}() is no condition", "compare its result")
        field = resolve(operand.name, self._registry)
        return conditions.has_protocol(operand.name) if field is None else conditions.exists(field)

    def _conditions(self, operand: Operand, *literals: Word) -> conditions.Conditions:
        field = resolve(operand.name, self._registry)
        self._refuse_fields(literals)
        if field is None:
            raise UsageError(
                f"filter: {operand.name} is a protocol, and its bytes are not in the documents",
                f"compare one of its fields, or only ask whether it is there; {TSHARK_CAN}",
            )
        return conditions.Conditions(field, operand.function, self._named_values)

    def _refuse_fields(self, literals: Sequence[Word]) -> None:
        for literal in literals:
            name = literal.text.removeprefix(".")
            if not literal.quote and (self._registry.field(name) or self._registry.is_protocol(name)):
                message = f"filter: {literal.text} is a field, and two fields cannot be compared"
                raise UsageError(message, f"put quotes around text; {TSHARK_CAN}")
