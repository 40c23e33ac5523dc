"""tshark's own answers to hold documents against: `-T fields` for values, `-T pdml` for the names that occur."""

import re
import subprocess
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from espcap.fields.field import Field, Kind
from espcap.fields.registry import Registry
from espcap.tshark.program import environment
from tests.support.readers import POINTER
from tests.support.wireshark_versions import installed

SEPARATOR = "\x1f"
_NAME = re.compile(rb'<(?:field|proto) name="([^"]+)"')
_TIME = re.compile(r"(\d{4,})-(\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d+)(?:Z|\+0000)")
_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}


def without_pointers(field: Field, text: str) -> str:
    """Text without addresses of memory, which notes of Wireshark's HTTP/3 dissector have from 4.4 on."""
    return POINTER.sub("0x…", text) if field.name == "_ws.expert.message" else text


def tshark(capture: Path, *arguments: str) -> bytes:
    """What `tshark -n` prints for a capture, whatever its exit status."""
    with capture.open("rb") as file:
        command = ["tshark", "-n", *arguments, "-r", "-"]
        return subprocess.run(command, stdin=file, capture_output=True, env=environment(), check=False).stdout


def packet_count(capture: Path) -> int:
    """Packets of a capture, as `capinfos -c` counts them."""
    answer = subprocess.run(
        ["capinfos", "-c", "-M", "-T", "-r", str(capture)], capture_output=True, text=True, check=False
    )
    return int(answer.stdout.split("\t")[1])


def names_in(capture: Path, registry: Registry, *options: str) -> list[str]:
    """Names of the registered fields that occur in a capture."""
    names = {name.decode() for name in _NAME.findall(tshark(capture, *options, "-T", "pdml"))}
    return sorted(name for name in names if registry.field(name))


def rows(capture: Path, names: Sequence[str], *options: str) -> Iterator[list[str]]:
    """For each packet and each name its values as `-T fields -E occurrence=a` prints them, joined by SEPARATOR."""
    columns = [word for name in names for word in ("-e", name)]
    form = ["-E", "occurrence=a", "-E", f"aggregator={SEPARATOR}", "-E", "separator=/t", "-E", "quote=n"]
    output = tshark(capture, *options, "-T", "fields", *form, *columns).decode("utf-8", "replace")
    for line in output.split("\n")[:-1]:
        yield line.split("\t")


def expected(field: Field, text: str) -> Any:  # noqa: PLR0911 - a table of types
    """The value that a document must hold for tshark's text; ValueError where the text does not fit the type."""
    if field.base == "presence":
        return True
    match field.kind:
        case Kind.INTEGER | Kind.UNSIGNED:
            return int(text, 16 if text.startswith("0x") else 10)
        case Kind.FLOAT:
            return float(text)
        case Kind.BOOLEAN:
            return {"0": False, "1": True, "True": True, "False": False}[text]
        case Kind.TIME:
            if match := _TIME.fullmatch(text):  # from Wireshark 4.6 on
                return f"{match[1]}-{match[2]}.{match[3]:0<9}Z"
            clock, _, fraction = text.removesuffix(" UTC").partition(".")
            moment = datetime.strptime(clock, "%b %d, %Y %H:%M:%S").replace(tzinfo=UTC)
            return f"{moment:%Y-%m-%dT%H:%M:%S}.{fraction:0<9}Z".rjust(30, "0")
        case Kind.BYTES:
            return "" if text in ("<MISSING>", "<none>") else re.sub("[:.\\- ]", "", text)
    return text


def shown(field: Field, value: Any) -> Any:
    """A document's value in the form of `expected`: bytes without punctuation, controls as `-T fields` shows them."""
    if field.kind is Kind.BYTES:
        return re.sub("[:.\\- ]", "", value)
    if field.kind is Kind.STRING:
        if installed().doubles_backslashes:
            value = value.replace("\\", "\\\\")
        return "".join(_ESCAPES.get(character, character) for character in value)
    return value


def is_payload(field: Field, text: str) -> bool:
    """Whether a value stays out of documents."""
    octets = len(re.sub("[:.\\- ]", "", text)) / 2
    return field.kind is Kind.BYTES and (octets > 64 or field.name.endswith(".reassembled.data"))


def differences(capture: Path, documents: Sequence[dict[str, Any]], registry: Registry, *options: str) -> Iterator[str]:
    """What documents have other than tshark: wrong, missing, surplus or reordered values."""
    names = names_in(capture, registry, *options)
    fields = [field for name in names if (field := registry.field(name))]
    paths = {(field.layer, field.key) for field in fields}
    shared = [other for other in fields if sum((f.layer, f.key) == (other.layer, other.key) for f in fields) > 1]
    for document, row in zip(documents, rows(capture, names, *options), strict=True):
        number = document["layers"]["frame"]["number"]
        for field, cell in zip(fields, row, strict=True):
            if field not in shared and (problem := _difference(document, field, cell)):
                yield f"frame {number}: {field.name}: {problem}"
        for layer, keys in document["layers"].items():
            for key in keys:
                if (layer, key) not in paths and key != "envelope":
                    yield f"frame {number}: layers.{layer}.{key} is no field of the packet"


def _difference(document: dict[str, Any], field: Field, cell: str) -> str:
    got = [shown(field, value) for value in _values(document["layers"], field)]
    if field.kind is Kind.STRING:  # compared as one text: a value may hold the separator
        return (
            ""
            if without_pointers(field, SEPARATOR.join(got)) == without_pointers(field, cell)
            else f"{got[:8]} for {cell[:500]!r}"
        )
    wanted: list[Any] = []
    unparsed: list[str] = []
    for text in cell.split(SEPARATOR) if cell else []:
        if is_payload(field, text):
            continue
        try:
            wanted.append(expected(field, text))
        except (ValueError, KeyError):
            unparsed.append(text)
    if got != wanted:
        return f"{got[:8]} for {wanted[:8]}"
    left_over = _values(document.get("unparsed", {}), field)
    return (
        ""
        if left_over == unparsed or field.name == "frame.time_epoch"
        else f"unparsed {left_over[:8]} for {unparsed[:8]}"
    )


def _values(layers: dict[str, Any], field: Field) -> list[Any]:
    value = layers.get(field.layer, {}).get(field.key, [])
    return value if isinstance(value, list) else [value]
