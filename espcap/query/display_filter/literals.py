"""Converts literals of display filters into values of fields."""

import re
from collections.abc import Callable
from datetime import datetime
from ipaddress import ip_network

from espcap.base.errors import UsageError, shortened
from espcap.base.times import SECOND
from espcap.fields.field import Field, Kind
from espcap.query.display_filter.grammar import Word
from espcap.query.filter_language import Language
from espcap.query.values import Span, Time, span

NameLookup = Callable[[str], list[tuple[int, int, str]]]
"""Returns (least value, greatest value, name) for each name that Wireshark shows for values of a field."""

TEXTS = {"FT_STRING", "FT_STRINGZ", "FT_UINT_STRING", "FT_STRINGZPAD", "FT_STRINGZTRUNC"}
BYTES = {"FT_BYTES", "FT_UINT_BYTES"}
ADDRESSES = {"FT_ETHER": 6, "FT_EUI64": 8, "FT_FCWWN": 8}
"""Types that are written as bytes, and their number of bytes."""
IDENTIFIERS = {"FT_GUID", "FT_OID", "FT_REL_OID"}
_SIGNED, _UNSIGNED = re.compile(r"FT_INT(\d+)"), re.compile(r"FT_(?:UINT|CHAR|FRAMENUM)(\d*)")
_WIDTHS = {"FT_CHAR": 8, "FT_FRAMENUM": 32}
_FORMS = {16: "0[xX][0-9A-Fa-f]{1,99}", 2: "0[bB][01]{1,99}", 8: "0[0-7]{1,99}", 10: "0|[1-9][0-9]{0,98}"}
_DECIMAL = re.compile(r"[-+]?[0-9]{1,99}(?:\.([0-9]{0,9}))?")
_SCIENTIFIC = re.compile(r"[-+]?[0-9]{1,99}(?:\.[0-9]{1,99})?[eE][-+]?[0-9]{1,3}")
_LEGACY_TIME = re.compile(r"([A-Z][a-z]{2}) +(\d{1,2}), (\d{4}) (\d\d:\d\d:\d\d)(\.\d{1,9})?(?: (?:UTC|Z))?")


def read(field: Field, word: Word, named_values: NameLookup, language: Language) -> Span:
    """Returns the values that a literal means. Raises UsageError if it does not fit the field."""
    readers: dict[Kind, Callable[[Field, Word], Span]] = {
        Kind.IP: _network,
        Kind.TIME: _time,
        Kind.FLOAT: _epoch if field.name == "frame.time_epoch" else _number,
    }
    if language.is_newer and (found := _newer_time(field, word)):
        return found
    if field.kind in readers:
        return readers[field.kind](field, word)
    if field.kind in (Kind.STRING, Kind.BYTES):
        return _text(field, word, language)
    return _integer(field, word, named_values)


def misfit(field: Field, word: Word, expected: str) -> UsageError:
    """Returns the error for a literal that does not fit its field."""
    return UsageError(f"{field.name}: {shortened(word.text)!r} is not {expected}")


def text_of(field: Field, word: Word) -> str:
    """Returns the text of a literal. Raises UsageError if its bytes are not UTF-8, like all text in documents."""
    if any("\ud800" <= character <= "\udfff" for character in word.text):
        raise misfit(field, word, "UTF-8, like all text in documents")
    return word.text


def as_bytes(field: Field, word: Word, language: Language) -> str:
    """Returns bytes as documents contain them: `aa:bb:cc`. Newer versions of Wireshark read a number as one byte.

    Raises UsageError if the literal is not bytes.
    """
    if word.quote and field.type in BYTES:
        return word.text.encode("utf-8", "surrogateescape").hex(":")
    if language.is_newer and (number := _whole_number(word)) is not None:
        if field.type in ADDRESSES or not 0 <= number <= 0xFF:
            raise misfit(field, word, "bytes such as 47:45:54")
        return f"{number:02x}"
    text = word.text.removeprefix("0x") if len(word.text) == 4 else word.text
    groups = re.split("[:.-]", text.lower())
    digits = "".join(group.zfill(2) for group in groups)
    if not re.fullmatch("(?:[0-9a-f]{2})*", digits):
        raise misfit(field, word, "bytes such as 47:45:54")
    return bytes.fromhex(digits).hex(":")


def _text(field: Field, word: Word, language: Language) -> Span:
    if field.type in TEXTS:
        text = text_of(field, word)
    elif field.type in IDENTIFIERS:
        text = word.text.lower()
    elif field.type in BYTES or field.type in ADDRESSES:
        text = as_bytes(field, word, language)
        if field.type in ADDRESSES and len(text) != 3 * ADDRESSES[field.type] - 1:
            raise misfit(field, word, f"an address of {ADDRESSES[field.type]} bytes")
    else:
        message = f"filter: values of {field.name} ({field.type}) cannot be compared"
        raise UsageError(message, "only check that it exists")
    return text, text


def _network(field: Field, word: Word) -> Span:
    version = 4 if field.type == "FT_IPv4" else 6
    try:
        network = ip_network(word.text, strict=False)
    except ValueError:
        network = None
    if network is None or network.version != version:
        example = "10.0.0.0/8" if version == 4 else "2001:db8::/32"
        raise misfit(field, word, f"an IPv{version} address or network such as {example}; names are not looked up")
    return network[0], network[-1]


def _time(field: Field, word: Word) -> Span:
    """Returns the first point in time that a text means, as in Wireshark: midnight for a day."""
    text = word.text
    if match := _LEGACY_TIME.fullmatch(text):
        try:
            day = datetime.strptime(" ".join(match.groups()[:3]), "%b %d %Y")
        except ValueError as error:
            raise misfit(field, word, 'a time such as "2015-07-30 05:22:12.662"') from error
        text = f"{day:%Y-%m-%d} {match[4]}{match[5] or ''}"
    moment, _ = span(field.name, Kind.TIME, text)
    return moment, moment


def _epoch(field: Field, word: Word) -> Span:
    match = _DECIMAL.fullmatch(word.text)
    moment = int(word.text.partition(".")[0]) * SECOND if match else -1
    if not match or not 0 <= moment < 2**63 - SECOND:
        raise misfit(field, word, "a number of seconds since 1970 such as 1438233732.662")
    moment += int((match[1] or "").ljust(9, "0"))
    return Time(moment), Time(moment)


def _newer_time(field: Field, word: Word) -> Span | None:
    """Returns a time in a form that Wireshark 4.0 did not accept; None if it is in another form.

    The forms are: seconds instead of a date, a date instead of seconds, and 1e-5 seconds.
    """
    if field.kind is Kind.TIME and not word.quote and _DECIMAL.fullmatch(word.text):
        return (Time(-1), Time(-1)) if word.text.startswith("-") else _epoch(field, word)
    if field.name == "frame.time_epoch" and word.quote:
        return _time(field, word)
    if field.type == "FT_RELATIVE_TIME" and field.name != "frame.time_epoch" and _SCIENTIFIC.fullmatch(word.text):
        return span(field.name, Kind.FLOAT, word.text)
    return None


def _number(field: Field, word: Word) -> Span:
    if field.type == "FT_RELATIVE_TIME" and not _DECIMAL.fullmatch(word.text):
        raise misfit(field, word, "a number of seconds with at most nine decimals")
    return span(field.name, Kind.FLOAT, word.text)


def _integer(field: Field, word: Word, named_values: NameLookup) -> Span:
    if field.kind is Kind.BOOLEAN and not word.quote and word.text.lower() in ("true", "false"):
        return (1, 1) if word.text.lower() == "true" else (0, 0)
    number = _whole_number(word)
    if number is None:
        return _named(field, word, named_values)
    least, greatest = limits(field)
    if not (least if field.kind is Kind.BOOLEAN else min(least, -greatest)) <= number <= greatest:
        raise misfit(field, word, f"a number from {least} to {greatest}")
    return number, number


def _whole_number(word: Word) -> int | None:
    if word.quote:
        one = word.text.encode("utf-8", "surrogateescape") if word.quote == "'" else b""
        return one[0] if len(one) == 1 else None
    bases = (base for base, form in _FORMS.items() if re.fullmatch(f"[-+]?(?:{form})", word.text))
    return next((int(word.text, base) for base in bases), None)


def limits(field: Field) -> tuple[int, int]:
    """Returns the smallest and the greatest value of a field of integers."""
    if match := _SIGNED.fullmatch(field.type):
        return -(2 ** (int(match[1]) - 1)), 2 ** (int(match[1]) - 1) - 1
    match = _UNSIGNED.fullmatch(field.type)
    width = int(match[1]) if match and match[1] else _WIDTHS.get(field.type, 64)
    return 0, 2**width - 1


def _named(field: Field, word: Word, named_values: NameLookup) -> Span:
    names = named_values(field.name)
    for least, greatest, name in names:
        if name.lower() == word.text.lower():
            return least, greatest
    if names:
        raise misfit(field, word, "a number or the name that Wireshark shows for a number")
    raise misfit(field, word, "a number" + (" (leave out the quotes)" if word.quote else ""))
