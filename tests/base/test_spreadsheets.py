"""Texts that spreadsheets take for formulas."""

import pytest

from espcap.base.spreadsheets import safe_cell


@pytest.mark.parametrize(
    "text", ["=1+1", "+A1", "-A1", "@SUM(A1)", "-1+2", "\t=1", "\n=1", "\uff1d1+1", "\uff20A1", "-inf", "-1\n"]
)
def test_formulas(text: str) -> None:
    assert safe_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["-1", "+2.5", "-.5", "-1e-09", "1e+20", "text", "a=b", "", "'"])
def test_numbers_and_other_texts(text: str) -> None:
    assert safe_cell(text) == text
