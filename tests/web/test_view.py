"""The state of the page and its address."""

from urllib.parse import parse_qsl

import pytest

from espcap.base.errors import UsageError
from espcap.documents.types import FLOWS
from espcap.web.view import COLUMNS_OF, DEFAULT_COLUMNS, View


def test_address_and_back() -> None:
    view = View.of({"filter": " dns ", "sort": "-length", "columns": "", "other": "x"})
    assert view == View(filter="dns", sort="-length")
    assert view.columns == DEFAULT_COLUMNS
    assert view.address() == "filter=dns&sort=-length"
    assert View.of(dict(parse_qsl(view.address()))) == view
    assert view.address(filter="", packet="a&b") == "sort=-length&packet=a%26b"
    assert View().address() == ""


def test_types_of_documents() -> None:
    """Each has its own columns, which the address leaves out; another type keeps the query and the times."""
    view = View.of({"type": "flows", "query": "10.0.0.1", "since": "2024", "filter": "tcp.state", "sort": "bytes"})
    assert view.documents is FLOWS
    assert view.columns == COLUMNS_OF["flows"]
    assert view.address() == "type=flows&filter=tcp.state&query=10.0.0.1&since=2024&sort=bytes"
    assert View.of(dict(parse_qsl(view.address()))) == view
    assert view.address_of_type("packets") == "query=10.0.0.1&since=2024"
    assert view.address_of_type("transactions", "type:dns") == "type=transactions&query=type%3Adns"
    assert (view.all(), View().all()) == ("type=flows", "")
    assert view.only("x-f1") == "type=flows&packet=x-f1"
    with pytest.raises(UsageError, match="'nonsense' is not a type of documents"):
        View.of({"type": "nonsense"})


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("number, time  number", ["number", "time"]),
        (",,,", []),
        (" ".join(map(str, range(50))), [*map(str, range(30))]),
    ],
)
def test_names_of_columns(text: str, names: list[str]) -> None:
    assert View(columns=text).column_names == names


def test_one_more_condition() -> None:
    assert View().with_term("protocol:dns") == "protocol:dns"
    assert View(query="a OR b").with_term("protocol:dns") == "(a OR b) AND protocol:dns"
    assert View().with_condition("dns") == "dns"
    assert View(filter="a || b").with_condition("dns") == "(a || b) && dns"


def test_the_open_packet() -> None:
    view = View(packet="0a-1", filter="dns")
    assert dict(parse_qsl(view.only_packet())) == {"query": '_id:"0a-1"'}
    assert view.only_open() == "packet=0a-1"
