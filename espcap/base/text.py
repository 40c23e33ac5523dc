"""Text that is safe on a terminal."""

import re

_CONTROLS = {code: f"\\x{code:02x}" for code in [*range(0x20), *range(0x7F, 0xA0)]}
_CONTROLS |= {code: f"\\u{code:04x}" for code in [*range(0x2028, 0x202F), *range(0x2066, 0x206A)]}


def printable(text: str) -> str:
    """Text that is safe on a terminal: control and direction characters, and what is no UTF-8, written out."""
    return text.translate(_CONTROLS).encode("utf-8", "backslashreplace").decode()


_UNSAFE_BYTES = re.compile(rb"\x7f|\xc2[\x80-\x9f]|\xe2\x80[\xa8-\xae]|\xe2\x81[\xa6-\xa9]")


def without_controls(text: bytes) -> bytes:
    """JSON that a terminal takes for nothing but text. orjson itself leaves DEL, C1 and changes of direction raw."""
    return _UNSAFE_BYTES.sub(_escape, text)


def _escape(match: re.Match[bytes]) -> bytes:
    """JSON's escape; these characters occur in JSON only inside strings."""
    return f"\\u{ord(match[0].decode()):04x}".encode()
