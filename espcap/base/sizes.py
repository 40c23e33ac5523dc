"""Sizes in bytes, as users write them: 500MB, 20GB."""

import re

from espcap.base.errors import UsageError

_SIZE = re.compile(r"(\d{1,12}(?:\.\d{1,12})?)\s*([kmgt]?)(b?)", re.IGNORECASE | re.ASCII)
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_SMALLEST_PLAIN = 1_000_000
"""The smallest number of bytes that is accepted without a unit."""


def parse_size(text: str) -> int:
    """Returns the bytes of `10GB`, `500 MB`, `1.5T` or `1000000`. Units are powers of 1000.

    A small number without a unit is an error: a user who means gigabytes would delete almost all packets.
    Raises UsageError if the text is not a size.
    """
    match = _SIZE.fullmatch(text.strip())
    if not match:
        raise UsageError(f"{text!r} is not a size", "write a number with a unit, such as 500MB or 10GB")
    size = int(float(match[1]) * _UNITS[match[2].lower()])
    if 0 < size < _SMALLEST_PLAIN and not (match[2] or match[3]):
        raise UsageError(f"{text!r} is not a size: it has no unit", f"write {text}GB, or {text}B for bytes")
    return size
