"""Packets are taken apart into messages."""

from typing import Any

import pytest

from espcap.flows.packets import FlowPacket
from espcap.transactions.declaration import Declaration
from espcap.transactions.splitting import SEGMENTS, Splitter

NAMES = ["mail", "mail.line", "mail.word", "imf", "imf.subject", SEGMENTS, "tcp.segment", "web", "web.code"]
LINES = Declaration("mail", ("mail",), (), begin=frozenset(["mail.line"]), join=frozenset(["imf"]))
WEB = Declaration("web", ("web",), ())


def part(layer: str, size: int, *values: tuple[str, int, Any]) -> list[Any]:
    return [NAMES.index(layer), 0, size, *(each for name, *rest in values for each in (NAMES.index(name), *rest))]


@pytest.fixture
def splitter() -> Splitter:
    return Splitter([LINES, WEB], NAMES)


def packet(*parts: list[Any]) -> FlowPacket:
    return FlowPacket(9, 900, 60, application=list(parts))


def test_each_layer_is_a_message(splitter: Splitter) -> None:
    found = splitter.split(packet(part("web", 10, ("web.code", 1, 200)), part("web", 20, ("web.code", 1, 404))), 1, {})
    assert [(each.type, message.place, message.size, message.values) for each, message in found] == [
        ("web", 0, 10, {"web.code": [200]}),
        ("web", 1, 20, {"web.code": [404]}),
    ]
    assert {(message.frame, message.time, message.begins, message.direction) for _, message in found} == {
        (9, 900, 900, 1)
    }


def test_a_message_does_not_count_the_bytes_of_the_next(splitter: Splitter) -> None:
    """Wireshark's node of a pipelined message can go on to the end of the packet."""
    parts = [part("web", size) for size in (30, 20, 10)]
    for each, position in zip(parts, (54, 64, 74), strict=True):
        each[1] = position
    assert [message.size for _, message in splitter.split(packet(*parts), 0, {})] == [10, 10, 10]


def test_messages_of_one_layer_begin_with_a_field(splitter: Splitter) -> None:
    """What is before the first beginning, and beginnings that are deeper, are no messages."""
    lines = part(
        *("mail", 50),
        *[("mail.word", 2, "before"), ("mail.line", 1, 12), ("mail.word", 2, "a"), ("mail.line", 2, 1)],
        *[("mail.line", 1, 7), ("mail.word", 2, "b"), ("mail.word", 2, "c")],
    )
    first, second = (message for _, message in splitter.split(packet(lines), 0, {}))
    assert (first.size, first.values["mail.word"], second.size, second.values["mail.word"]) == (
        12,
        ["a"],
        7,
        ["b", "c"],
    )


def test_a_layer_joins_the_message_before_it(splitter: Splitter) -> None:
    lines, mail = part("mail", 5, ("mail.line", 1, 5)), part("imf", 9, ("imf.subject", 1, "hello"))
    [(_, message)] = splitter.split(packet(lines, mail), 0, {})
    assert message.first("imf.subject") == "hello"
    assert splitter.split(packet(mail), 0, {}) == []


def test_a_message_begins_with_its_first_segment(splitter: Splitter) -> None:
    segments = part(SEGMENTS, 0, ("tcp.segment", 1, 3), ("tcp.segment", 1, 9))
    parts = [segments, part("web", 1, ("web.code", 1, 200)), part("web", 1, ("web.code", 1, 201))]
    first, second = (message for _, message in splitter.split(packet(*parts), 0, {3: 300}))
    assert (first.begins, second.begins) == (300, 900)


def test_other_names_of_a_field_are_read_as_the_one_that_is_declared() -> None:
    names = [*NAMES, "web.ok_code"]
    web = Declaration("web", ("web",), (), renamed={"web.ok_code": "web.code"})
    other = [names.index("web"), 0, 10, names.index("web.ok_code"), 1, 200]
    [(_, message)] = Splitter([web], names).split(packet(other), 0, {})
    assert message.values == {"web.code": [200]}
