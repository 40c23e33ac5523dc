"""Operators of display filters: any value of a field, or all of them."""

import pytest

from espcap.base.errors import UsageError
from espcap.query import And, Equals, Exists, Not, Or, Query
from espcap.query.display_filter.relations import NOTHING, either, quantified


def some(relation: str) -> Query:
    return Equals("relation", relation)


@pytest.mark.parametrize(
    ("sign", "quantifier", "is_for_all", "relation"),
    [
        *(("==", "", False, "=="), ("eq", "", False, "=="), ("any_eq", "", False, "==")),
        *(("!=", "", True, "=="), ("ne", "", True, "=="), ("===", "", True, "!="), ("all_eq", "", True, "!=")),
        *(("!==", "", False, "!="), ("~=", "", False, "!="), (">", "", False, ">"), ("le", "", False, "<=")),
        *((">", "all", True, "<="), ("<=", "all", True, ">"), ("==", "all", True, "!="), ("!=", "any", False, "!=")),
        *(("contains", "", False, "contains"), ("~", "any", False, "matches")),
    ],
)
def test_quantified(sign: str, quantifier: str, is_for_all: bool, relation: str) -> None:
    """All values meet a relation if the field exists and no value meets the opposite relation."""
    present = Exists("a")
    expected = And((present, Not(some(relation)))) if is_for_all else some(relation)
    assert quantified("a", sign, quantifier, some, present) == expected


@pytest.mark.parametrize("sign", ["contains", "matches"])
def test_all_values_that_contain_a_text(sign: str) -> None:
    with pytest.raises(UsageError) as caught:
        quantified("http.host", sign, "all", some, Exists("a"))
    assert caught.value.message == f"filter: all http.host {sign} … cannot be searched for"


def test_either() -> None:
    one, two = Exists("a"), Exists("b")
    assert (either([]), either([one]), either([one, two])) == (NOTHING, one, Or((one, two)))
