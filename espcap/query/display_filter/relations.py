"""The signs of display filters: which relation they ask for, and of which of a field's values."""

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
"""Of each sign which of a field's values must meet the relation, and the relation."""
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
    """The condition that a field's values meet the relation of a sign: some of them, or all, as the sign says.

    `quantifier` (`any`, `all`) overrides the sign's own; `some` gives the condition that some value meets a relation,
    and `present` that there is a value. Raises UsageError if stores cannot answer it.
    """
    usual, relation = _SIGNS[sign]
    if (quantifier or usual) == "any":
        return some(relation)
    if relation not in _OPPOSITES:
        raise UsageError(f"filter: all {name} {sign} …: cannot be searched for", "leave out the word all")
    return And((present, Not(some(_OPPOSITES[relation]))))


def either(queries: list[Query]) -> Query:
    """One of them; nothing if there are none."""
    if len(queries) == 1:
        return queries[0]
    return Or(tuple(queries)) if queries else NOTHING
