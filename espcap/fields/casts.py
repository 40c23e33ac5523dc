"""Converts the texts that tshark prints to typed values."""

import re
from collections.abc import Callable
from math import isfinite
from socket import AF_INET, AF_INET6, inet_pton
from typing import Any

from espcap.fields.field import PRESENCE, Field, Kind

Value = str | int | float | bool

_MONTHS = {
    name: f"{number:02}" for number, name in enumerate("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1)
}
_TEXT_TIME = re.compile(r"([A-Z][a-z]{2}) ([ \d]\d), (\d{4}) (\d\d:\d\d:\d\d)(?:\.(\d{1,9}))? (?:UTC|GMT)")
_ISO_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:Z|\+0000| UTC)")


def _time(text: str) -> str:
    if match := _TEXT_TIME.fullmatch(text):
        month, day, year, clock, fraction = match.groups()
        month, day = _MONTHS[month], day.replace(" ", "0")
    elif match := _ISO_TIME.fullmatch(text):  # tshark 4.2 and later
        year, month, day, clock, fraction = match.groups()
    else:
        raise ValueError(text)
    return f"{year}-{month}-{day}T{clock}.{(fraction or ''):0<9}Z"


def _boolean(text: str) -> bool:
    return {"0": False, "1": True, "False": False, "True": True}[text]


def _ip(text: str) -> str:
    inet_pton(AF_INET6 if ":" in text else AF_INET, text)
    return text


def _integer(text: str) -> int:
    return int(text, 16) if text[:2] == "0x" else int(text)  # tshark prints fields with BASE_OCT in decimal


def _float(text: str) -> float:
    number = float(text)
    if not isfinite(number):  # JSON cannot represent it
        raise ValueError(text)
    return number


_CASTS: dict[Kind, Callable[[str], Any]] = {
    Kind.INTEGER: _integer,
    Kind.UNSIGNED: _integer,
    Kind.FLOAT: _float,
    Kind.BOOLEAN: _boolean,
    Kind.TIME: _time,
    Kind.IP: _ip,
}


def cast(field: Field, text: str) -> Value:
    """Converts tshark's text for a field to a value of the field's type.

    Raises ValueError if the text does not fit the type.
    """
    return True if field.base == PRESENCE else cast_to(field.kind, text)


def cast_to(kind: Kind, text: str) -> Value:
    """Converts tshark's text to a value of a kind. Raises ValueError if the text does not fit it."""
    convert = _CASTS.get(kind)
    try:
        return convert(text) if convert else text
    except (ValueError, KeyError, OSError) as error:
        raise ValueError(text) from error
