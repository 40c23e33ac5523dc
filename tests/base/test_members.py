"""Members of documents of which any part may be missing or have another type."""

from typing import Any

import pytest

from espcap.base.members import frame_number, part


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"layers": {"frame": {"number": 7}}}, {"number": 7}),
        ({"layers": {"frame": 7}}, {}),
        ({"layers": [{"frame": {"number": 7}}]}, {}),
        ({"layers": None}, {}),
        ({}, {}),
    ],
)
def test_part(document: dict[str, Any], expected: dict[str, Any]) -> None:
    assert part(document, "layers", "frame") == expected


@pytest.mark.parametrize(("number", "expected"), [(7, 7), ("7", None), (None, None), ([7], None), (7.5, None)])
def test_frame_number(number: Any, expected: int | None) -> None:
    assert frame_number({"layers": {"frame": {"number": number}}}) == expected
    assert frame_number({}) is None
