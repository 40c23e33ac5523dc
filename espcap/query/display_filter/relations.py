"""The comparison operators of display filters: their relation, and whether any or all values must meet it."""

import operator
from collections.abc import Callable
from typing import Any

from espcap.base.errors import UsageError
from espcap.query import And, Everything, Not, Or, Query

NOTHING = Not(Everything())
_SIGNS = {
    **dict.fromkeys(["==", "eq", "any_eq"], ("any", "==")),
    **dict.fromkeys(["!=", "ne", "all_ne"], ("all", "!=")),
    **dict.fromkeys(["===", "all_eq"], ("all", "==")),
    **dict.fromkeys(["!==", "~=", "any_ne"], ("any", "!=")),
    **dict.fromkeys([">", "gt"], ("any", ">")),
    **dict.fromkeys([">=", "ge"], ("any", ">=")),
    **dict.fromkeys(["<", "lt"], ("any", "<")),
    **dict.fromkeys(["<=", "le"], ("any", "<=")),
    "contains": ("any", "contains"),
    **dict.fromkeys(["matches", "~"], ("any", "matches")),
}
"""For each operator, whether any or all values of a field must meet the relation, and the relation."""
RELATIONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
_OPPOSITES = {"==": "!=", "!=": "==", ">": "<=", "<=": ">", "<": ">=", ">=": "<"}


def quantified(name: str, sign: str, quantifier: str, some: Callable[[str], Query], present: Query) -> Query:
    """Returns the condition that any or all values of a field meet the relation of an operator, `sign`.

    A `quantifier` (`any`, `all`) overrides that of the operator. `some` returns the condition that any value meets a
    relation. `present` is the condition that the field has a value. Raises UsageError if stores cannot answer it.
    """
    usual, relation = _SIGNS[sign]
    if (quantifier or usual) == "any":
        return some(relation)
    if relation not in _OPPOSITES:
        raise UsageError(f"filter: all {name} {sign} … cannot be searched for", "leave out the word all")
    return And((present, Not(some(_OPPOSITES[relation]))))


def either(queries: list[Query]) -> Query:
    """Returns the query for packets that match at least one of the queries; without queries, it matches no packet."""
    if len(queries) == 1:
        return queries[0]
    return Or(tuple(queries)) if queries else NOTHING
