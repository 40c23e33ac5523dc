"""Makes text safe to print on a terminal."""

import os
import re
import shlex

_CONTROLS = {code: f"\\x{code:02x}" for code in [*range(0x20), *range(0x7F, 0xA0)]}
_CONTROLS |= {code: f"\\u{code:04x}" for code in [*range(0x2028, 0x202F), *range(0x2066, 0x206A)]}


def printable(text: str) -> str:
    """The text with characters that are not safe on a terminal as escapes, such as `\\x1b`.

    These are control characters, characters that separate lines or change the direction of text, and bytes that are
    not UTF-8.
    """
    return text.translate(_CONTROLS).encode("utf-8", "backslashreplace").decode()


def shell_word(text: str) -> str:
    """The text as one word of a command for bash, as `printable` leaves it: `'a b'`, or `$'a\\xffb'`."""
    if printable(text) == text:
        return shlex.quote(text)
    letters = (chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}" for byte in os.fsencode(text))
    return "$'" + "".join(f"\\{letter}" if letter in "\\'" else letter for letter in letters) + "'"


_UNSAFE_BYTES = re.compile(rb"\x7f|\xc2[\x80-\x9f]|\xe2\x80[\xa8-\xae]|\xe2\x81[\xa6-\xa9]")


def without_controls(text: bytes) -> bytes:
    """The JSON with escapes for the unsafe characters that orjson does not escape.

    These are DEL, C1 control characters, and characters that separate lines or change the direction of text.
    """
    return _UNSAFE_BYTES.sub(_escape, text)


def _escape(match: re.Match[bytes]) -> bytes:
    """The JSON escape of a character. The unsafe characters occur in JSON only inside strings."""
    return f"\\u{ord(match[0].decode()):04x}".encode()


def quoted(text: str) -> str:
    """Returns text in quotes, for a query string."""
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'
