"""Messages of errors in the forms that commands print."""

import pytest

from espcap.base.errors import EspcapError, StoreError, UsageError, shortened, with_hint


def test_message_and_hint() -> None:
    error = UsageError("'x' is not a size", "write 500MB")
    assert (str(error), error.message, error.hint) == ("'x' is not a size", "'x' is not a size", "write 500MB")
    assert EspcapError("no hint").hint == ""
    assert issubclass(UsageError, EspcapError)
    assert issubclass(StoreError, EspcapError)


def test_with_hint() -> None:
    assert with_hint("it is missing", "install it") == "it is missing (install it)"
    assert with_hint("it is missing", "") == "it is missing"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("x" * 120, "x" * 120),
        ("a" * 60 + "b" * 31 + "c" * 30, "a" * 60 + "…" + "c" * 30),
    ],
)
def test_shortened(text: str, expected: str) -> None:
    assert shortened(text) == expected
