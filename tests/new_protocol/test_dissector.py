"""The generated dissectors: messages that are cut, messages in one segment, wrong messages. Oracle: what was sent."""

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from espcap.new_protocol.capture import Capture
from espcap.new_protocol.checks import checked
from espcap.new_protocol.choices import Field, Protocol
from espcap.new_protocol.samples import exchanges, layout_of
from tests.new_protocol.examples import ALL, Messages, fields_of, messages, protocol, tshark, write
from tests.support.hostile.writers import record, tcp, udp, write_pcap
from tests.support.requirements import needs_open_root_folder

pytestmark = needs_open_root_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that the user who dissects can enter."""
    tmp_path.chmod(0o755)
    return tmp_path / "made"


def captured(made: Protocol, *parts: bytes) -> bytes:
    """A capture in which the client sends these parts."""
    capture = Capture(made.transport, made.ports[0])
    capture.open()
    for part in parts:
        capture.send(True, part)
    return capture.content()


def requests(made: Protocol) -> list[dict[str, Any]]:
    """The values of the sample requests."""
    return [each.request for each in exchanges(checked(made))]


def encoded(made: Protocol) -> list[bytes]:
    """The sample requests as bytes."""
    return list(map(layout_of(checked(made)).encode, requests(made)))


def values(found: Messages, made: Protocol) -> list[dict[str, Any]]:
    """The values of messages in the form of samples."""

    def value(field: Field, text: str) -> str | int:
        if field.type.startswith("uint"):
            return int(text)
        return text.replace(":", "") if field.type == "bytes" else text

    fields = [field for field in checked(made).layout if field.name != "length"]
    return [{field.name: value(field, shown[field.name]) for field in fields} for _, shown in found]


def cuts(data: bytes, size: int) -> Iterator[bytes]:
    """The data in parts of this size."""
    return (data[start : start + size] for start in range(0, len(data), size))


TCP = {name: made for name, made in ALL.items() if made.transport == "tcp"}


@pytest.mark.parametrize("name", TCP)
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_messages_cut_at_every_place(name: str, size: int, folder: Path) -> None:
    made = TCP[name]
    write(folder, made)
    found = messages(folder, captured(made, *cuts(b"".join(encoded(made)), size)))
    assert values(found, made) == requests(made)
    assert not any("malformed" in shown for _, shown in found)
    if size == 10_000:
        assert [number for number, _ in found] == [4] * 4


@pytest.mark.parametrize("name", [name for name, made in ALL.items() if made.transport == "udp"])
def test_messages_in_one_datagram(name: str, folder: Path) -> None:
    made = ALL[name]
    write(folder, made)
    found = messages(folder, captured(made, b"".join(encoded(made))))
    assert values(found, made) == requests(made)
    assert [number for number, _ in found] == [1] * 4


@pytest.mark.parametrize("name", ALL)
def test_values_are_those_of_tsharks_fields(name: str, folder: Path) -> None:
    """Also each value of a packet with several messages."""
    made = ALL[name]
    write(folder, made)
    names = [field.name for field in checked(made).layout if field.name != "length"]
    columns = [word for each in names for word in ("-e", f"sample.{each}")]
    form = ["-T", "fields", "-E", "aggregator=;", *columns, "-Y", "sample"]
    (line,) = tshark(folder, captured(made, b"".join(encoded(made))), *form).splitlines()
    shown = [column.split(";") for column in line.split("\t")]
    assert shown == [[str(each[name]) for each in requests(made)] for name in names]


@pytest.mark.parametrize("name", ["line-tcp", "fixed-udp"])
def test_types_of_fields(name: str, folder: Path) -> None:
    made = ALL[name]
    write(folder, made)
    filters = " && ".join(
        ["sample.id > 600000000000000", "sample.at == 192.0.2.0/24", "sample.raw contains 68:65", "sample.n < 99999999"]
    )
    assert tshark(folder, captured(made, encoded(made)[0]), "-Y", filters)


def test_largest_numbers(folder: Path) -> None:
    made = protocol("line", fields_of("line", "a:uint8", "b:uint16", "c:uint32", "d:uint64"))
    write(folder, made)
    line = b"255 65535 4294967295 18446744073709551615\n000 0 00 0\n"
    found = messages(folder, captured(made, line))
    assert [[shown[name] for name in "abcd"] for _, shown in found] == [
        ["255", "65535", "4294967295", "18446744073709551615"],
        ["0", "0", "0", "0"],
    ]


def test_column_texts(folder: Path) -> None:
    made = ALL["echo-tcp"]
    write(folder, made)
    columns = ("-Y", "sample", "-T", "fields", "-e", "_ws.col.Protocol", "-e", "_ws.col.Info")
    shown = tshark(folder, captured(made, b">one\n>two w\xc3\xb6rds\r\n"), *columns)
    assert shown == "SAMPLE\trequest > one; request > two wörds\n"


WRONG = {
    "number": (b"a 256 1.2.3.4\n", "n is not of type uint8"),
    "no number": (b"a b 1.2.3.4\n", "n is not of type uint8"),
    "address": (b"a 1 1.2.3.256\n", "at is not of type ipv4"),
    "name for an address": (b"a 1 localhost\n", "at is not of type ipv4"),
    "missing": (b"a 1\n", "it has no at"),
    "empty": (b"\n", "it has no op"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_lines(name: str, folder: Path) -> None:
    """A wrong message has expert information; the next one is dissected."""
    line, problem = WRONG[name]
    made = protocol("line", fields_of("line", "op:string", "n:uint8", "at:ipv4"))
    write(folder, made)
    wrong, right = messages(folder, captured(made, line + b"a 1 1.2.3.4\n"))
    assert wrong[1]["_ws.expert.message"] == f"Malformed message: {problem}"
    assert "malformed" not in right[1]
    assert right[1]["at"] == "1.2.3.4"


def test_neither_request_nor_answer(folder: Path) -> None:
    write(folder, ALL["echo-tcp"])
    ((_, shown),) = messages(folder, captured(ALL["echo-tcp"], b"?hello\n"))
    assert "role" not in shown
    assert shown["_ws.expert.message"] == "Malformed message: it is neither a request nor an answer"


@pytest.mark.parametrize("length", [0, 2, 0xFFFF_FFFF])
def test_impossible_lengths(length: int, folder: Path) -> None:
    """The rest of the segment is one malformed message, and no segment waits for gigabytes."""
    made = protocol("length", fields_of("length", "text:string"))
    whole = made.length.__class__(0, 4, counts_header=True)
    made = Protocol("sample", framing="length", fields=made.fields, length=whole)
    write(folder, made)
    good = (9).to_bytes(4) + b"right"
    found = messages(folder, captured(made, length.to_bytes(4) + b"wrong", good))
    assert [number for number, _ in found] == [4, 5]
    assert found[0][1]["_ws.expert.message"] == "Malformed message: its length cannot be right"
    assert found[1][1]["text"] == "right"


def test_a_line_without_an_end(folder: Path) -> None:
    made = ALL["echo-tcp"]
    write(folder, made)
    found = messages(folder, captured(made, *[b">" + b"x" * 10_000] * 8))
    assert "longer than 65536 bytes" in found[0][1]["_ws.expert.message"]
    assert found[0][0] == 10


@pytest.mark.parametrize("name", ["line-udp", "length-udp", "fixed-udp"])
def test_a_datagram_that_is_cut(name: str, folder: Path) -> None:
    made = ALL[name]
    write(folder, made)
    first, second = encoded(made)[:2]
    whole, cut = messages(folder, captured(made, first + second[:20]))
    assert "malformed" not in whole[1]
    assert cut[1]["_ws.expert.message"].startswith("Malformed message: it is cut short")


def test_bytes_that_no_field_covers(folder: Path) -> None:
    made = protocol("fixed", fields_of("fixed", "n:uint16"), size=6)
    write(folder, made)
    found = messages(folder, captured(made, b"\0\1abcd\0\2efgh"))
    assert [(shown["n"], shown["rest"]) for _, shown in found] == [("1", "61:62:63:64"), ("2", "65:66:67:68")]


def test_the_side_without_a_mark(folder: Path) -> None:
    """Without a condition, the port says which messages are requests."""
    made = protocol("line", fields_of("line", "text:string"))
    write(folder, made)
    capture = Capture("tcp", 7777)
    capture.open()
    capture.send(True, b"one\n")
    capture.send(False, b"two\n")
    assert [shown["role"] for _, shown in messages(folder, capture.content())] == ["request", "response"]


def test_other_ports(folder: Path) -> None:
    made = protocol("line", fields_of("line", "text:string"), ports=(7000, 7001))
    write(folder, made)
    capture = Capture("tcp", 7001)
    capture.open()
    capture.send(True, b"one\n")
    assert [shown["role"] for _, shown in messages(folder, capture.content())] == ["request"]


def test_texts_that_are_not_utf8(folder: Path) -> None:
    """They have replacement characters, also in the column Info, which the dissector cannot cut within a character."""
    made = ALL["echo-tcp"]
    write(folder, made)
    columns = ("-Y", "sample", "-T", "fields", "-e", "sample.text", "-e", "_ws.col.Info")
    shown = tshark(folder, captured(made, b">a\xff\xefb\n", b">\xf0\x9f\x98\x80\xff\n"), *columns)
    texts, info = zip(*(line.split("\t") for line in shown.splitlines()), strict=True)
    assert texts == ("a\ufffd\ufffdb", "\U0001f600\ufffd")
    assert all(text.startswith(f"request > {start}") for text, start in zip(info, "a\U0001f600", strict=True))


@pytest.mark.parametrize("name", ALL)
def test_random_messages(name: str, folder: Path) -> None:
    """The dissector never fails, and tshark always ends in order."""
    made, random = ALL[name], Random(1)
    write(folder, made)
    capture, good = Capture(made.transport, 7777), b"".join(encoded(made))
    capture.open()
    for _ in range(300):
        changed = bytearray(good)
        for _ in range(random.randrange(8)):
            changed[random.randrange(len(good))] = random.choice([0, 10, 13, 32, 255, random.randrange(256)])
        start = random.randrange(len(good))
        capture.send(random.random() < 0.6, bytes(changed[start : random.randrange(start, len(good)) + 1]))
    fields = ("-T", "fields", "-e", "_ws.lua.error", "-e", "_ws.lua.text", "-e", "frame.number")
    lines = tshark(folder, capture.content(), *fields).splitlines()
    assert len(lines) == 300 + (3 if made.transport == "tcp" else 0)
    assert not any(line.split("\t")[:2] != ["", ""] for line in lines)


@pytest.mark.parametrize("frame", [tcp, udp])
def test_a_packet_of_which_only_the_start_was_captured(frame: Callable[[bytes, int], bytes], folder: Path) -> None:
    """Its last message is cut short."""
    made = ALL[f"echo-{frame.__name__}"]
    write(folder, made)
    path = write_pcap(folder / "cut.pcap", [record(frame(b">one\n>two and more\n", 7777)[:-7], cut=7)])
    first, second = messages(folder, path.read_bytes())
    assert (first[1]["text"], second[1]["text"]) == ("one", "two an")
    assert second[1]["_ws.expert.message"] == "Malformed message: it is cut short"
