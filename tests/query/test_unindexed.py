"""What a query leaves open because texts are too long for the index."""

import random
from itertools import product

from espcap.fields.field import Kind
from espcap.query import And, Equals, Not, Or, Query, Unsearchable, Wildcard
from espcap.query.unindexed import undecided

PATHS = "abcd"
KINDS = dict.fromkeys(PATHS, Kind.STRING)


def _query(source: random.Random, paths: list[str]) -> Query:
    """A random query in which each path stands once."""
    if len(paths) == 1:
        [path] = paths
        return Wildcard(path, "*x*") if path != "d" else Equals(path, "x")
    cut = source.randint(1, len(paths) - 1)
    parts = _query(source, paths[:cut]), _query(source, paths[cut:])
    made: Query = And(parts) if source.random() < 0.5 else Or(parts)
    return Not(made) if source.random() < 0.5 else made


def _holds(query: Query, matching: set[str], long: set[str]) -> bool:
    match query:
        case And(parts):
            return all(_holds(part, matching, long) for part in parts)
        case Or(parts):
            return any(_holds(part, matching, long) for part in parts)
        case Not(part):
            return not _holds(part, matching, long)
        case Unsearchable(path):
            return path in long
        case Wildcard(path) | Equals(path):
            return path in matching
    raise TypeError(query)


def _subsets(paths: str) -> list[set[str]]:
    return [
        {path for path, is_in in zip(paths, chosen, strict=True) if is_in}
        for chosen in product((0, 1), repeat=len(paths))
    ]


def test_undecided() -> None:
    """A packet is if its long texts matter, and only then. `c` has none, and `d` is compared with a short text."""
    source, matters = random.Random(12), 0
    for _ in range(200):
        query = _query(source, source.sample(PATHS, len(PATHS)))
        found = undecided(query, "a", KINDS.__getitem__, "ab".__contains__)
        for matching, long in product(_subsets(PATHS), _subsets("ab")):
            worlds = {_holds(query, matching | hidden, long) for hidden in _subsets("ab") if hidden <= long}
            assert _holds(found, matching, long) == ("a" in long and len(worlds) == 2), query
            matters += len(worlds) == 2
    assert matters
