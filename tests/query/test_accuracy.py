"""Notes on packets that a query may not find."""

from espcap.fields.field import Kind
from espcap.query import Or, Query, Unsearchable, Wildcard
from espcap.query.accuracy import accuracy_notes, having_long


def test_paths_with_long_texts_are_found_in_few_questions() -> None:
    asked = []

    def count(query: Query) -> int:
        asked.append(query)
        return int(Unsearchable("p41") in query.parts) if isinstance(query, Or) else 0

    paths = [f"p{number}" for number in range(60)]
    assert having_long(paths, count) == ["p41"]
    assert len(asked) < 15
    asked.clear()
    assert having_long(paths[:41], count) == []
    assert len(asked) == 1
    assert having_long([], count) == []


def test_large_queries() -> None:
    """Where the question would be too large for a store, all packets with long texts are counted."""
    registry, questions = type("Registry", (), {"kind": lambda path: Kind.STRING}), []

    def count(query: Query) -> int:
        questions.append(query)
        return 7

    query = Or(tuple(Wildcard("a", f"*{number}*") for number in range(900)))
    [note] = accuracy_notes(query, registry, count)  # type: ignore[arg-type]
    assert note.startswith("a: 7 packets have a text of more than 8,191 characters, ")
    assert questions[-1] == Unsearchable("a")
