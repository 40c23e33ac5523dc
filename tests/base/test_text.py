"""No character that changes a terminal is left in a text."""

import json
import os
import subprocess

import orjson
import pytest

from espcap.base.text import printable, shell_word, without_controls

UNSAFE = [*range(0x20), *range(0x7F, 0xA0), *range(0x2028, 0x202F), *range(0x2066, 0x206A)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain, é, 漢, \U0001f600", "plain, é, 漢, \U0001f600"),
        ("\x1b[31m", "\\x1b[31m"),
        ("a\nb\tc\r", "a\\x0ab\\x09c\\x0d"),
        ("\x7f\x9b", "\\x7f\\x9b"),
        ("\u2028\u202e", "\\u2028\\u202e"),
        ("\udcff", "\\udcff"),  # a byte of a file name that is not UTF-8
    ],
)
def test_printable(text: str, expected: str) -> None:
    assert printable(text) == expected


@pytest.mark.parametrize(
    "name", ["plain.pcap", "a b", "it's", "$(id)", "é 漢", "a\nb", "\udcffb 'c' \\d", "\x1b[31m", "\u202ea"]
)
def test_shell_word(name: str) -> None:
    word = shell_word(name)
    assert printable(word) == word
    ran = subprocess.run(["bash", "-c", f"printf %s {word}"], capture_output=True, check=True)
    assert os.fsdecode(ran.stdout) == name


def test_printable_leaves_no_unsafe_character() -> None:
    for code in UNSAFE:
        assert printable(f"a{chr(code)}b").isprintable(), hex(code)


def test_without_controls() -> None:
    text = "".join(map(chr, UNSAFE)) + "é漢"
    safe = without_controls(orjson.dumps({"text": text}))
    assert json.loads(safe) == {"text": text}
    assert safe.decode().isprintable()
    assert without_controls(b'{"text":"\xc3\xa9"}') == b'{"text":"\xc3\xa9"}'
