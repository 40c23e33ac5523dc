"""Recognizes display filters and capture filters that a user gives as a query string.

A text is a display filter if it contains the name of an existing field or protocol and an operator of display filters.
Everything else, such as words and fields with a colon, is a query string.
"""

import re
from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING

from espcap.base.errors import UsageError, shortened
from espcap.fields.field import PATHS
from espcap.fields.registry import Registry
from espcap.query import Everything, Query
from espcap.query.aliases import current_name

if TYPE_CHECKING:
    from espcap.query.display_filter.literals import NameLookup
    from espcap.query.filter_language import Language

_QUOTED = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])\'', re.DOTALL)
_NAME = r"(?<![\w.:\-/@])\.?([A-Za-z_][\w-]*(?:\.[\w-]+)*)"
_LETTERS = r"\b(?:any_|all_)?(?:eq|ne)\b|\b(?:gt|ge|lt|le|contains|matches)\b|(?:\bnot\s+)?\bin\s*\{"
_SIGN = rf"===?|!==?|~=|>=?|<=?|=(?=\s)|&|{_LETTERS}"
_COMPARED = re.compile(rf"{_NAME}\s*(?:#\s*\S+\s*|\[[^\]]*\]\s*|\)\s*)*({_SIGN})")
_SYMBOL = re.compile(r"(?<![:(<>=!~])(?:===?|!==?|~=)(?!=)|(?<=\s)=(?=\s)")
_ASSIGNED = re.compile(rf"{_NAME}=(?=[^=\s])")
_BOUND = re.compile(r"(?<=\w)[<>]=?(?=\d)")
_UPPER = re.compile(r"(?<![\w.-])(?:AND|OR|NOT)(?![\w.-])")
_FIELD = re.compile(r"(?<!\S)[-+!(]*[A-Za-z_@][\w.@-]*:")
_ALONE = re.compile(rf"{_NAME}(?![\w.:*?-])")
_JOINED = re.compile(r"(?<![\w.-])(?:and|or|not)(?![\w.-])")
_WORD = re.compile(r"[\w.:*?/-]+")
_LONGEST = 500
"""Characters of the longest text that is tried in the other language after an error."""

FILTER_NOTE = "the query is used as a display filter, as with -Y; put quotes around words to search for them"
WORDS_NOTE = "'{}' is searched for like any other word; AND, OR and NOT join conditions"


class Sign(Enum):
    """Why a text may be a display filter."""

    NONE = 0
    LOGIC = 1
    """It consists of names of protocols, joined by `and`, `or` and `not`."""
    NAMES = 2
    """It contains a field or a comparison."""


def sign_of_filter(text: str, registry: Registry) -> Sign:
    """Returns whether and why a text may be a display filter."""
    plain = _QUOTED.sub('""', text)

    def is_name(name: str) -> bool:
        name = current_name(name, registry)
        return registry.field(name) is not None or registry.is_protocol(name)

    compared = [match[1] for match in _COMPARED.finditer(plain)]
    if any("." in name or is_name(name) or name in PATHS for name in compared):
        return Sign.NAMES
    if any(_is_path(match[1]) for match in _ASSIGNED.finditer(plain)) or _SYMBOL.search(plain) or _BOUND.search(plain):
        return Sign.NAMES
    if any("." in match[1] and is_name(match[1]) for match in _ALONE.finditer(plain)):
        return Sign.NAMES
    words = [word for word in _WORD.findall(plain) if not _JOINED.fullmatch(word)]
    if words and _JOINED.search(plain) and '"' not in plain and all(map(is_name, words)):
        return Sign.LOGIC
    return Sign.NONE


def read_query(
    text: str, sign: Sign, parse_string: Callable[[str], Query], parse_filter: Callable[[str], Query]
) -> tuple[Query, list[str]]:
    """Returns the query of a text in either language, and notes on how it is understood.

    Raises UsageError if the text is invalid in the language of its sign.
    """
    if sign is Sign.NONE:
        return _string(text, parse_string, parse_filter)
    try:
        return parse_filter(text), [FILTER_NOTE]
    except UsageError as error:
        hint = _as_path(text) or _slip(text, error.message) or error.hint
        raise UsageError(f"{error.message}; {_as_string(text, parse_string)}", hint) from error


def read_filter(text: str, registry: Registry, named_values: "NameLookup", language: "Language") -> Query:
    """Returns the query of a display filter. Empty text matches everything, without loading the grammar.

    Raises UsageError if the filter is invalid, or if documents cannot answer it.
    """
    if not text.strip():
        return Everything()
    from espcap.query.display_filter import parse as parse_filter

    try:
        return parse_filter(text, registry, named_values, language)
    except UsageError as error:
        if translation := capture_filter(text):
            raise capture_filter_error(text, translation) from error
        raise


def _string(
    text: str, parse_string: Callable[[str], Query], parse_filter: Callable[[str], Query]
) -> tuple[Query, list[str]]:
    if translation := capture_filter(text):
        raise capture_filter_error(text, translation)
    try:
        query = parse_string(text)
    except UsageError as error:
        if len(text) > _LONGEST or _FIELD.search(text):
            raise
        raise UsageError(f"{error.message}; {_as_filter(text, parse_filter)}", error.hint) from error
    joined = sorted(set(_JOINED.findall(_QUOTED.sub("", text))))
    return query, [WORDS_NOTE.format("', '".join(joined))] if joined else []


def _as_string(text: str, parse_string: Callable[[str], Query]) -> str:
    """Returns a hint on how to write the text as a query string, or the reason why that is not possible."""
    try:
        parse_string(text)
    except UsageError as error:
        return f"it is not a query string either: {error.message}"
    return "to search for its words, put it in double quotes"


def _as_path(text: str) -> str:
    """Returns a hint on how to write a comparison with a path of documents; empty without such a path."""
    plain = _QUOTED.sub('""', text)
    paths = [(match[1], match[2]) for match in _COMPARED.finditer(plain) if _is_path(match[1])]
    paths += [(match[1], "=") for match in _ASSIGNED.finditer(plain) if _is_path(match[1])]
    if not paths:
        return ""
    name, operator = paths[0]
    sign = operator if operator in ("<", "<=", ">", ">=") else ""
    return f"{name} is a path of documents: write {name}:{sign}VALUE"


def _is_path(name: str) -> bool:
    return name in PATHS or name.startswith("layers.")


def _slip(text: str, message: str) -> str:
    """Returns a hint on how to correct `=`, `AND` or a set without commas; empty if the error is another."""
    if "'=' was not expected" in message:
        return "write == for equal"
    if (joined := _UPPER.search(_QUOTED.sub('""', text))) and f"'{joined[0]}' was not expected" in message:
        return f"in a display filter write {joined[0].lower()}; {joined[0]} joins conditions such as ip.src:10.0.0.4"
    if re.search(r"\bin\s*\{[^,}]*\s", text) and "was not expected" in message:
        return 'write commas in a set, and quotes around text: in {"GET", "POST"}'
    return ""


def _as_filter(text: str, parse_filter: Callable[[str], Query]) -> str:
    try:
        parse_filter(text)
    except UsageError as error:
        return f"it is not a display filter either: {error.message}"
    return "as a display filter it is valid: use it with -Y"


# Capture filters

_ADDRESS = r"[0-9A-Fa-f]*[.:][0-9A-Fa-f.:]+(?:/\d{1,3})?|[\w-]+(?:\.[\w-]+)+"
_ENDS = r"(?:(?P<end>src or dst|src|dst)\s+)?"
_PRIMITIVE = re.compile(
    rf"(?:(?P<layer>ether|ip6?|tcp|udp|sctp|arp)\s+)?{_ENDS}"
    rf"(?:(?P<kind>host|net|gateway)\s+(?P<address>{_ADDRESS})|(?P<port>port|portrange)\s+(?P<number>\d+(?:-\d+)?|[a-z]+))"
)
_FILLING = re.compile(r"(?:\s|[()]|\b(?:and|or|not|ip6?|tcp|udp|sctp|arp|icmp6?)\b|&&|\|\||!)*")


def capture_filter(text: str) -> str:
    """Returns the display filter that means the same as a capture filter; empty if the text is not a capture filter."""
    found = list(_PRIMITIVE.finditer(text))
    if not found or any(match["number"] and not _is_port(match) for match in found):
        return ""
    if not _FILLING.fullmatch(_PRIMITIVE.sub(" ", text)):
        return ""
    return _PRIMITIVE.sub(_translated, text).strip()


def capture_filter_error(text: str, translation: str) -> UsageError:
    """Returns the error for a capture filter, with the display filter to use instead."""
    message = f"{shortened(text)!r} is a capture filter; stored packets are found by display filters"
    return UsageError(message, f"write -Y '{translation}', or put quotes around words")


def _is_port(match: re.Match[str]) -> bool:
    """A number is a port. A name is one only after a protocol, as packets contain the text `port unreachable`."""
    return match["number"][0].isdecimal() or bool(match["layer"])


def _translated(match: re.Match[str]) -> str:
    if match["kind"]:
        return _address_condition(match)
    layers = [match["layer"]] if match["layer"] in ("tcp", "udp", "sctp") else ["tcp", "udp"]
    field = {"src": "srcport", "dst": "dstport"}.get(match["end"] or "", "port")
    low, _, high = match["number"].partition("-")
    number = low if low.isdecimal() else f'"{low}"'
    value = f"in {{{low}..{high}}}" if high else f"== {number}"
    conditions = [f"{layer}.{field} {value}" for layer in layers]
    return conditions[0] if len(conditions) == 1 else f"({' || '.join(conditions)})"


def _address_condition(match: re.Match[str]) -> str:
    address, field = match["address"], {"src": "src", "dst": "dst"}.get(match["end"] or "", "addr")
    if match["layer"] == "ether":
        return f"eth.{field} == {address}"
    if not re.fullmatch(r"[0-9A-Fa-f.:]+(?:/\d+)?", address):  # a host name: addresses are not looked up
        return f'(dns.qry.name == "{address}" || http.host == "{address}")'
    return f"{'ipv6' if ':' in address else 'ip'}.{field} == {address}"
