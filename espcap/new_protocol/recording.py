"""Writes the capture of the generated client and server, and the test that knows its messages."""

from espcap.new_protocol.capture import Capture
from espcap.new_protocol.choices import Protocol
from espcap.new_protocol.samples import Exchange, Values, exchanges, layout_of
from espcap.new_protocol.templating import fill_in, literal, rows


def capture(protocol: Protocol) -> bytes:
    """A capture of the messages of the client and the server, in the format pcap.

    Over TCP, the requests after the first are pipelined, and one of them is cut over two segments.
    """
    made, encode = exchanges(protocol), layout_of(protocol).encode
    recorded = Capture(protocol.transport, protocol.ports[0])
    recorded.open()
    alone = made if protocol.transport == "udp" else made[:1]
    for each in alone:
        recorded.send(True, encode(each.request))
        recorded.send(False, encode(each.answer))
    if others := made[len(alone) :]:
        _send_pipelined(recorded, [[encode(each.request), encode(each.answer)] for each in others])
    recorded.close()
    return recorded.content()


def _send_pipelined(recorded: Capture, messages: list[list[bytes]]) -> None:
    requests, answers = (b"".join(half) for half in zip(*messages, strict=True))
    cut = len(requests) - len(messages[-1][0]) + 1
    recorded.send(True, requests[:cut])
    recorded.send(True, requests[cut:])
    recorded.send(False, answers)


def tests_of(protocol: Protocol) -> str:
    """The test of the capture, the client and the server."""
    messages = rows(literal(message) for message in _messages(protocol))
    return fill_in("test.py.template", name=protocol.name, messages=messages)


def _messages(protocol: Protocol) -> list[tuple[int, str, Values]]:
    """The messages of the capture in the order of their frames: frame number, role and values."""
    made = exchanges(protocol)
    if protocol.transport == "udp":
        return [message for index, each in enumerate(made) for message in _pair(each, 2 * index + 1, 2 * index + 2)]
    first = _pair(made[0], 4, 5)
    others = [_pair(each, 7 if each is made[-1] else 6, 8) for each in made[1:]]
    return [*first, *(request for request, _ in others), *(answer for _, answer in others)]


def _pair(exchange: Exchange, request: int, answer: int) -> list[tuple[int, str, Values]]:
    return [(request, "request", exchange.request), (answer, exchange.role, exchange.answer)]
