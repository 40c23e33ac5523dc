"""Conditions on a message, which declarations write as display filters, as functions of its values."""

import re
from collections.abc import Callable, Mapping
from fnmatch import translate
from typing import Any

from espcap.base.errors import UsageError
from espcap.query import And, Equals, Everything, Exists, Matches, Not, Or, Query, Range, Unsearchable, Wildcard

Values = Mapping[str, list[Any]]
"""The values of a message by the names of their fields."""
Condition = Callable[[Values], bool]


def compile_query(query: Query, names: Mapping[str, str]) -> Condition:  # noqa: PLR0911 - one for each kind
    """Returns the function for a query. `names` has the name of the field at each path.

    Raises UsageError if the query has a condition that is not supported.
    """
    match query:
        case Everything():
            return lambda values: True
        case And(parts):
            conditions = [compile_query(part, names) for part in parts]
            return lambda values: all(condition(values) for condition in conditions)
        case Or(parts):
            alternatives = [compile_query(part, names) for part in parts]
            return lambda values: any(condition(values) for condition in alternatives)
        case Not(part):
            inner = compile_query(part, names)
            return lambda values: not inner(values)
        case Exists(path) if path in names:
            name = names[path]
            return lambda values: name in values
        case Exists():  # a protocol: the message is one of it
            return lambda values: True
        case Equals("payload_fields", _) | Unsearchable():  # messages have the values that documents leave out
            return lambda values: False
        case Equals(path, value) if path in names:
            name, wanted = names[path], _plain(value)
            return lambda values: name in values and wanted in values[name]
        case Range() | Wildcard() | Matches() if query.path in names:
            return _of_value(names[query.path], _test(query))
    raise UsageError("this condition cannot be used in a declaration", "compare a field with a value")


def _of_value(name: str, holds: Callable[[Any], bool]) -> Condition:
    return lambda values: name in values and any(map(holds, values[name]))


def _test(query: Range | Wildcard | Matches) -> Callable[[Any], bool]:
    match query:
        case Range():
            return _between(query)
        case Wildcard():
            pattern = re.compile(translate(query.pattern))
        case Matches():
            pattern = re.compile(query.pattern, re.DOTALL)
    return lambda value: isinstance(value, str) and bool(pattern.fullmatch(value))


def _plain(value: Any) -> Any:
    return value if isinstance(value, bool | int | float | str) else str(value)


def _between(query: Range) -> Callable[[Any], bool]:
    low, high = _plain(query.low), _plain(query.high)

    def holds(value: Any) -> bool:
        if query.low is not None and not (value > low or (query.include_low and value == low)):
            return False
        return query.high is None or value < high or (query.include_high and value == high)

    return holds
