"""Fields of the user's own dissectors: their record, and what becomes of two records."""

from pathlib import Path

import pytest

from espcap.base.errors import StoreError
from espcap.fields.field import Field, Kind
from espcap.fields.own_fields import OwnFields, parse_own_fields, write_own_fields


def field(name: str, kind: Kind = Kind.INTEGER) -> Field:
    layer, _, key = name.partition(".")
    return Field(name, layer, key, kind, "BASE_DEC", "FT_UINT8")


OWN = OwnFields((field("hello.kind"),), (("hello", "Hello"),), {"hello.kind": ((1, 1, "one"), (2, 9, "more"))})


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "own.json"
    write_own_fields(path, OWN)
    assert parse_own_fields(path.read_bytes()) == OWN
    assert list(path.parent.iterdir()) == [path]
    assert (OWN.names_of("hello.kind"), OWN.names_of("hello.none")) == ([(1, 1, "one"), (2, 9, "more")], [])


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 2}', '{"version": 1, "fields": [["a"]]}', '"x"'])
def test_other_texts_are_not_records(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the reason is the parser's
        parse_own_fields(text)


def test_merged() -> None:
    """The newer definition counts, also if it has no names of values any more."""
    newer = OwnFields((field("hello.kind"), field("hello.age")), (("bye", "Bye"), ("hello", "Hello 2")))
    merged = OWN.merged(newer, "the store")
    assert [one.name for one in merged.fields] == ["hello.age", "hello.kind"]
    assert merged.protocols == (("bye", "Bye"), ("hello", "Hello 2"))
    assert merged.values == {}
    assert OwnFields().merged(OWN, "the store") == OWN


def test_a_field_of_another_kind() -> None:
    with pytest.raises(StoreError) as caught:
        OWN.merged(OwnFields((field("hello.kind", Kind.STRING),)), "the store")
    assert caught.value.message == "the store has hello.kind as integer, and the profile as string"


def test_nothing_is_false() -> None:
    assert not OwnFields()
    assert OWN
