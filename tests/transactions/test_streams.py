"""The numbers of streams of RTP, against the definitions of RFC 3550."""

import random
from itertools import pairwise

import pytest

from espcap.transactions.messages import Message
from espcap.transactions.streams import Stream

MILLISECOND = 1_000_000


def stream(*packets: tuple[int, int, int], payload_type: int = 0) -> Stream:
    """That of packets: the number, the time stamp, and the milliseconds at which it came."""
    found = Stream()
    for place, (number, stamp, time) in enumerate(packets):
        message = Message(place + 1, 0, time * MILLISECOND, time * MILLISECOND, 0, 172)
        values = {"rtp.seq": number % 65_536, "rtp.timestamp": stamp % 2**32, "rtp.p_type": payload_type}
        message.add((name, 1, value) for name, value in values.items())
        found.add(message)
    return found


def test_jitter_is_that_of_the_definition() -> None:
    """J = J + (|D(i-1, i)| - J) / 16, in units of the time stamp, which begin again at 0."""
    choose = random.Random(3)
    sent = [(65_500 + place, 2**32 - 2000 + 160 * place, 20 * place + choose.randrange(15)) for place in range(60)]
    jitter = 0.0
    for (_, before, came), (_, stamp, comes) in pairwise(sent):
        jitter += (abs((comes - came) * 8 - (stamp - before)) - jitter) / 16
    found = stream(*sent)
    assert found.jitter == pytest.approx(jitter / 8 * MILLISECOND)
    assert (found.packets, found.lost, found.out_of_order) == (60, 0, 0)


@pytest.mark.parametrize(
    ("numbers", "lost", "out_of_order"),
    [
        ([5], 0, 0),
        ([5, 6, 9], 2, 0),
        ([65_534, 65_535, 65_536, 65_538], 1, 0),
        ([5, 7, 6, 8], 0, 1),
        ([5, 4, 6], 0, 1),
        ([65_536, 65_535, 65_537], 0, 1),
        ([5, 5, 6], -1, 1),
    ],
)
def test_numbers(numbers: list[int], lost: int, out_of_order: int) -> None:
    found = stream(*((number, 0, 0) for number in numbers))
    assert (found.packets, found.lost, found.out_of_order) == (len(numbers), lost, out_of_order)


def test_clock_that_is_not_known() -> None:
    assert stream((1, 0, 0), (2, 160, 20), payload_type=96).intervals == 0
