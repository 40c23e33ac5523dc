import pytest

from espcap.base.errors import UsageError
from espcap.base.sizes import parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("10GB", 10**10),
        ("500 mb", 5 * 10**8),
        ("1.5T", 1_500_000_000_000),
        ("1000B", 1000),
        ("1000000", 10**6),
        ("0", 0),
    ],
)
def test_size(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "GB", "-1GB", "10PB", "ten", "10", "1000", "9" * 400 + "GB"])
def test_text_that_is_not_a_size(text: str) -> None:
    with pytest.raises(UsageError, match="is not a size"):
        parse_size(text)
