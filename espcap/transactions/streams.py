"""Measures streams of RTP: packets, losses and jitter, as RFC 3550 computes them."""

from dataclasses import dataclass

from espcap.base.times import SECOND
from espcap.transactions.messages import Message

_RATES = {
    **dict.fromkeys([0, 3, 4, 5, 7, 8, 9, 12, 13, 15, 18], 8000),
    **dict.fromkeys([14, 25, 26, 28, 31, 32, 33, 34], 90_000),
    6: 16_000,
    10: 44_100,
    11: 44_100,
    16: 11_025,
    17: 22_050,
}
"""Units of the time stamps in a second, by the payload types of RFC 3551. Those of others are agreed in a session."""
_NUMBERS, _STAMPS = 1 << 16, 1 << 32


@dataclass(slots=True)
class Stream:
    """What is known of a stream so far. Jitter is in nanoseconds."""

    packets: int = 0
    out_of_order: int = 0
    """Packets that came after one with the same number or a higher one."""
    bytes: int | None = 0
    """The size of all packets of RTP; None if the reader does not know it."""
    first: int = 0
    """The least sequence number. Like `highest` it counts on after 65,535."""
    highest: int = 0
    jitter: float = 0
    """As after the last packet."""
    jitter_sum: float = 0
    jitter_max: float = 0
    intervals: int = 0
    """The number of packets with a jitter."""
    last_time: int = 0
    last_stamp: int = 0

    def add(self, message: Message) -> None:
        """Counts a packet."""
        number, stamp = message.first("rtp.seq"), message.first("rtp.timestamp")
        if not isinstance(number, int) or not isinstance(stamp, int):
            return
        self.packets += 1
        if self.bytes is not None:
            self.bytes = None if message.size is None else self.bytes + message.size
        if self.packets == 1:
            self.first = self.highest = number
        else:
            self._add_number(number)
            self._add_jitter(message, stamp)
        self.last_time, self.last_stamp = message.time, stamp

    def _add_number(self, number: int) -> None:
        step = _signed(number - self.highest, _NUMBERS)
        if step > 0:
            self.highest += step
        else:
            self.out_of_order += 1
            self.first = min(self.first, self.highest + step)

    def _add_jitter(self, message: Message, stamp: int) -> None:
        """Adds the difference of the times between two packets at their sender and here (RFC 3550, 6.4.1)."""
        rate = _RATES.get(message.first("rtp.p_type"))
        if rate is None:
            return
        sent = _signed(stamp - self.last_stamp, _STAMPS) * SECOND / rate
        self.jitter += (abs(message.time - self.last_time - sent) - self.jitter) / 16
        self.jitter_max = max(self.jitter_max, self.jitter)
        self.jitter_sum += self.jitter
        self.intervals += 1

    @property
    def lost(self) -> int:
        """Packets that did not come; less than 0 if some came more than once."""
        return self.highest - self.first + 1 - self.packets


def _signed(difference: int, numbers: int) -> int:
    """Returns a difference of numbers that begin again at 0 after the last one: the one that is nearer to 0."""
    return (difference + numbers // 2) % numbers - numbers // 2
