"""Names of indices, and the types and days that they belong to."""

from datetime import date

import pytest

from espcap.documents.types import PACKETS, DocumentType, day_of, is_index


def test_names() -> None:
    assert (PACKETS.pattern, PACKETS.undated, PACKETS.index("2024-05-01")) == (
        "packets-*",
        "packets-undated",
        "packets-2024-05-01",
    )


def test_only_its_own_indices() -> None:
    flows = DocumentType("flow", "Flows")
    assert flows.owns("flow-2024-05-01")
    assert not flows.owns("flows-2024-05-01")
    assert not flows.owns("flow")


@pytest.mark.parametrize(
    ("index", "day"),
    [
        ("packets-2024-05-01", date(2024, 5, 1)),
        ("packets-undated", None),
        ("packets-2024-02-30", None),
        ("packets-2024-05-01x", None),
        ("others-2024-05-01", None),
        ("packets", None),
        ("", None),
    ],
)
def test_day(index: str, day: date | None) -> None:
    assert day_of(index) == day


def test_names_of_others_are_no_indices() -> None:
    assert is_index("packets-2024-05-01")
    assert not is_index("packets-../x")
    assert not is_index("packets-")
    assert not is_index("logs-2024-05-01")
