"""Declarations: those of espcap are valid for the installed tshark, and errors name the file and the place."""

from pathlib import Path

import pytest

from espcap.base.errors import UsageError
from espcap.documents.types import FLOWS, PACKETS, TRANSACTIONS
from espcap.fields.field import PATHS, Kind
from espcap.fields.registry import Registry
from espcap.query.display_filter import parse
from espcap.query.filter_language import Language
from espcap.transactions.declaration import Reader
from espcap.transactions.loading import declaration_files, load_declarations
from espcap.transactions.paths import kinds_of
from espcap.transactions.templates import bytes_as_text
from tests.support.conversations import ACK, Conversation

pytest_plugins = ["tests.support.core_fixtures"]

VALID = """
type = "web"
layers = ["http"]
request = "http.request"
response = "http.response"
"""


@pytest.fixture
def reader(registry: Registry) -> Reader:
    return Reader(registry, lambda text: parse(text, registry, lambda field: [], Language((4, 0))), lambda *_: None)


def test_all_are_valid(reader: Reader) -> None:
    found = load_declarations(reader)
    assert len(found) == len(declaration_files()) > 30
    layers = [layer for each in found for layer in each.layers]
    assert len(layers) == len(set(layers))
    assert all(each.judges for each in found)


def test_all_paths_have_a_kind(registry: Registry) -> None:
    kinds = kinds_of(TRANSACTIONS, registry)
    assert (kinds["event.duration"], kinds["http.response.status_code"]) == (Kind.INTEGER, Kind.INTEGER)
    assert (kinds["url.path"], kinds["mysql.num_rows"]) == (Kind.STRING, Kind.INTEGER)
    assert kinds_of(FLOWS, registry)["source.ip"] is Kind.IP
    assert kinds_of(PACKETS, registry) is PATHS


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ('match = "never"', "match cannot be 'never'"),
        ('scope = "world"', "scope cannot be 'world'"),
        ('nothing = "x"', "the key 'nothing' does not exist"),
        ('key = ["http.nothing"]', "tshark has no field 'http.nothing'"),
        ('method = "{http.request.method:loud}"', "a value cannot be changed by 'loud'"),
        ('interim = "from nobody && http"', "'from nobody' is not a side"),
        ('interim = "http.request[0:3] == 47:45"', "slices"),
        ('error = "no field"', "'no field' is not the name of a field"),
        ('hook = "nothing"', "hook cannot be 'nothing'"),
        ('[renamed]\n"http.nothing" = ["http.other"]', "'http.nothing' has other names"),
        ("[status", "cannot be read"),
        ('[[records]]\npath = "a"', "is not complete"),
    ],
)
def test_errors_name_the_file(reader: Reader, tmp_path: Path, more: str, message: str) -> None:
    path = tmp_path / "web.toml"
    path.write_text(f"{VALID}{more}\n")
    with pytest.raises(UsageError) as caught:
        reader.read(path)
    assert str(path) in caught.value.message
    assert message in caught.value.message


def test_one_of_the_user_replaces_ours(reader: Reader, tmp_path: Path) -> None:
    (tmp_path / "web.toml").write_text(VALID.replace('"web"', '"http"'))
    found = {each.type: each for each in load_declarations(reader, [str(tmp_path)])}
    assert found["http"].texts == {}
    with pytest.raises(UsageError, match="does not exist"):
        load_declarations(reader, [str(tmp_path / "none")])


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("http.response.code", 404),
        ("{http.response.code}", "404"),
        ("{http.request.method} {http.request.uri:path}", "GET /a"),
        ("{http.host:upper}", "EXAMPLE.TEST"),
        ("{http.user_agent:word}", "curl/8"),
        ("{http.user_agent:rest}", "(x y)"),
        ("{http.cookie}", "a b"),
        ("{http.cookie:1}", "b"),
        ("{http.cookie:last:upper}", "B"),
        ("{http.cookie:all}", ["a", "b"]),
        ("{http.file_data:text}", "hé"),
        ("{http.referer}", None),
    ],
)
def test_templates(reader: Reader, tmp_path: Path, template: str, expected: object) -> None:
    path = tmp_path / "web.toml"
    path.write_text(VALID.replace("http.response", "http.response.code") + f'[fields]\nfound = "{template}"\n')
    made = Conversation([reader.read(path)])
    values: dict[str, object] = {
        "http.request": None,
        "http.request.method": "GET",
        "http.request.uri": "/a?b",
        "http.host": "example.test",
    }
    values |= {"http.user_agent": "curl/8 (x y)", "http.file_data": "68:c3:a9", "http.response.code": 404}
    values["http.cookie"] = ["a", "b"]
    made.tcp(0, ACK, ("http", {name: value for name, value in values.items() if name in made.names}))
    made.finish()
    [found] = made.transactions()
    assert found.get("found") == expected


def test_bytes_that_are_no_text() -> None:
    assert bytes_as_text("zz") == "zz"
    assert bytes_as_text("ff:41") == "\ufffdA"
