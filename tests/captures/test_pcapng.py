"""The blocks of pcapng."""

import io
import struct

import pytest

from espcap.captures.pcapng import PcapngWriter, UnknownForm, packets, packets_of_all_types


def block(kind: int, body: bytes) -> bytes:
    length = struct.pack("=I", 12 + len(body))
    return struct.pack("=I", kind) + length + body + length


def interface(*options: tuple[int, bytes]) -> bytes:
    words = [struct.pack("=2H", kind, len(value)) + value + bytes(-len(value) % 4) for kind, value in options]
    return block(1, struct.pack("=2HI", 1, 0, 0) + b"".join(words))


def packet(index: int, units: int) -> bytes:
    return block(6, struct.pack("=5I", index, units >> 32, units & 0xFFFFFFFF, 4, 4) + b"data")


@pytest.mark.parametrize(
    ("options", "nanoseconds"),
    [
        ((), 5_000_000),
        (((9, b"\x09"),), 5_000),
        (((2, b"name!"), (9, b"\x03")), 5_000_000_000),
        (((9, b"\x8a"),), 5_000 * 10**9 // 1024),
        (((14, struct.pack("=q", 7)),), 7_005_000_000),
    ],
    ids=["microseconds", "nanoseconds", "milliseconds", "a power of two", "offset"],
)
def test_times(options: tuple[tuple[int, bytes], ...], nanoseconds: int) -> None:
    stream = io.BytesIO(interface(*options) + packet(0, 5_000))
    [only] = packets(stream, PcapngWriter(io.BytesIO()))
    assert (only.number, only.time) == (1, nanoseconds)


def test_sources_keep_their_interfaces_apart() -> None:
    written = io.BytesIO()
    writer = PcapngWriter(written)
    secrets, statistics = block(10, b"keys"), block(5, bytes(12))
    for kind in (b"\x09", b"\x06"):
        source = interface() + interface((9, kind)) + secrets + packet(1, 1) + statistics + block(9, b"log!")
        for each in packets_of_all_types(io.BytesIO(source), writer):
            writer.add_packet(each)
    section, body = written.getvalue()[:28], written.getvalue()[28:]
    assert section[:4] == bytes.fromhex("0a0d0d0a")
    first, second = interface((9, b"\x09")), interface((9, b"\x06"))
    assert body == (
        interface() + first + secrets + packet(1, 1) + block(9, b"log!")
        + interface() + second + secrets + packet(3, 1) + block(9, b"log!")
    )  # fmt: skip
    assert writer.packets == 4


def test_damage() -> None:
    for read in (packets, packets_of_all_types):
        with pytest.raises(UnknownForm):
            list(read(io.BytesIO(struct.pack("=2I", 6, 1 << 30)), PcapngWriter(io.BytesIO())))
        assert list(read(io.BytesIO(interface() + packet(0, 1)[:-9]), PcapngWriter(io.BytesIO()))) == []


@pytest.mark.parametrize("kind", [3, 2, 9, 0x40000BAD], ids=["simple packet", "packet", "journal", "custom"])
def test_unusual_blocks(kind: int) -> None:
    """tshark counts some of them as packets, so that numbers after them are its matter."""
    stream = io.BytesIO(interface() + packet(0, 1) + block(kind, bytes(24)) + packet(0, 2))
    read = packets(stream, PcapngWriter(io.BytesIO()))
    assert next(read).number == 1
    with pytest.raises(UnknownForm):
        next(read)
    with pytest.raises(UnknownForm):
        next(packets(io.BytesIO(interface() + packet(1, 1)), PcapngWriter(io.BytesIO())))
