"""A capture whose fields have every type and extreme values, for the protocol of `every_type.lua`."""

import random
import struct
from pathlib import Path

from .writers import record, udp, write_pcap

PORT = 40_001
LENGTH = 64
_UNFINISHED = bytes([0xE2, 0x80, 0xC2, 0xED, 0xA0, 0xF0, 0x90, 0xF4, 0x8F, 0xC0, 0xFF, 0x41, 0x00])
"""Bytes that begin a character of UTF-8, that end one, and that are in none."""

_STARTS = [
    *(bytes(64), b"\xff" * 64, b"\x80" + bytes(63), b"\x7f" + b"\xff" * 63),
    *(struct.pack(">d", number) for number in (1e22, 0.1, -0.0, 123456.0, 5e-324, 1.7976931348623157e308)),
    *(struct.pack(kind, float(word)) for kind in (">d", ">f", "<d") for word in ("nan", "inf", "-inf")),
    *(struct.pack(">II", 1 << 31, part) for part in (0, 1, 999_999_999, 1_000_000_000, 2**31, 2**32 - 1)),
    b'quotes"\\, NUL \0, \x7f\x1b[31m</script>' + "€\u0085\u202e\U0001f600".encode(),
]


def profile(folder: Path) -> Path:
    """A configuration folder in which tshark knows the protocol."""
    folder.mkdir(mode=0o755)
    (folder / "init.lua").write_bytes(Path(__file__).with_suffix(".lua").read_bytes())
    return folder


def capture(path: Path, seed: int = 1, count: int = 100) -> Path:
    """Packets of each kind that the protocol has, `count` of each that depends on their bytes."""
    chance = random.Random(seed)
    extremes = [bytes(chance.choices(b"\x00\x01\x7f\x80\xff", k=LENGTH)) for _ in range(count)]
    noise = [chance.randbytes(LENGTH) for _ in range(count)]
    payloads = [b"\0" + start.ljust(LENGTH, b"\0")[:LENGTH] for start in [*_STARTS, *extremes, *noise]]
    payloads += [bytes([kind]) + chance.randbytes(LENGTH) for kind in (1, 2, 3, 5)]
    payloads += [b"\4" + bytes(chance.choices(_UNFINISHED, k=LENGTH)) for _ in range(count)]
    return write_pcap(path, [record(udp(payload, PORT)) for payload in payloads])
