"""Parses display filters into a syntax tree. It contains names and literals, which other modules look up."""

import re
from dataclasses import dataclass
from functools import lru_cache

from lark import Lark, Token, Tree, UnexpectedCharacters, UnexpectedEOF, UnexpectedInput, UnexpectedToken

from espcap.base.errors import UsageError, shortened

TSHARK_CAN = "search the captures: espcap search --captures -Y FILTER"
"""The hint for a filter that stores cannot answer."""
_GRAMMAR = r"""
?start: disjunction
?disjunction: exclusion (("or" | "||") exclusion)*
?exclusion: conjunction (("xor" | "^^") conjunction)*
?conjunction: negation (("and" | "&&") negation)*
?negation: ("not" | "!") negation -> negated
         | "(" disjunction ")"
         | test
?test: operand -> existence
     | [quantifier] operand sign literal -> comparison
     | [quantifier] operand [negative] "in" "{" element ("," element)* "}" -> membership
operand: WORD
       | WORD "(" argument ("," argument)* ")" -> function
?argument: operand | STRING | CHARACTER
element: literal [".." literal]
literal: WORD | STRING | CHARACTER
!negative: "not"
!quantifier: "any" | "all"
!sign: "==" | "eq" | "any_eq" | "!=" | "ne" | "all_ne" | "===" | "all_eq" | "!==" | "~=" | "any_ne"
     | ">" | "gt" | ">=" | "ge" | "<" | "lt" | "<=" | "le" | "contains" | "matches" | "~"

WORD: /[-+]?(?:(?!\.\.)[\w.:])(?:(?!\.\.)[\w.:-])*(?:\/\d+)?/
STRING.2: /r?"(?:\\.|[^"\\])*"/s
CHARACTER: /'(?:\\.[0-9A-Fa-f]*|[^'\\])'/
%ignore /\s+/
"""
_UNSUPPORTED = {
    "[": "slices ([…])",
    "#": "the layer operator (#)",
    "$": "references to another packet and macros ($…)",
    "@": "raw values (@)",
    "&": "bitwise conditions (&)",
    **dict.fromkeys("+-*/%{", "arithmetic"),
}
_SYNTAX = "put quotes around text; https://www.wireshark.org/docs/man-pages/wireshark-filter.html has the syntax"
_JOINING = {"disjunction": "or", "exclusion": "xor", "conjunction": "and"}
_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|([0-7]{1,3})|(.))", re.DOTALL)


@dataclass(frozen=True)
class Word:
    """A literal. `quote` is `"`, `'` or empty; the text is without quotes and escapes."""

    text: str
    quote: str = ""


@dataclass(frozen=True)
class Operand:
    """The left side of a condition: a field, and functions of it, the outermost first."""

    name: str
    functions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Existence:
    """The condition that a field or protocol exists."""

    operand: Operand


@dataclass(frozen=True)
class Comparison:
    """A comparison of a field with a literal, such as `tcp.port >= 1024`."""

    operand: Operand
    sign: str
    literal: Word
    quantifier: str
    """`any`, `all`, or empty for that of the sign."""


@dataclass(frozen=True)
class Membership:
    """A test whether a field is in a set, such as `tcp.port in {80, 443}`."""

    operand: Operand
    elements: tuple[tuple[Word, ...], ...]
    """Each is one word, or the two ends of a range."""
    quantifier: str
    is_negative: bool
    """Whether the operator is `not in`."""


@dataclass(frozen=True)
class Logic:
    """Conditions that are joined by a logical operator."""

    word: str
    """`and`, `or`, `xor` or `not`."""
    parts: "tuple[Node, ...]"


Node = Existence | Comparison | Membership | Logic
_Tree = Tree[Token]


def read(text: str) -> Node:
    """Returns the syntax tree of a filter. Raises UsageError if its syntax is invalid."""
    try:
        return _node(_parser().parse(text))
    except UnexpectedInput as error:
        raise _syntax_error(text, error) from error


@lru_cache(1)
def _parser() -> Lark:
    return Lark(_GRAMMAR, parser="lalr", lexer="basic", maybe_placeholders=True)


def _syntax_error(text: str, error: UnexpectedInput) -> UsageError:
    position = error.pos_in_stream or 0
    start = f"filter {shortened(text)!r}"
    if isinstance(error, UnexpectedEOF) or (isinstance(error, UnexpectedToken) and error.token.type == "$END"):
        return UsageError(f"{start}: it ends too early", "complete it, and close quotes and parentheses")
    character = text[position]
    if character in _UNSUPPORTED:
        return UsageError(f"{start}: {_UNSUPPORTED[character]} cannot be searched for", TSHARK_CAN)
    if character in "\"'" and isinstance(error, UnexpectedCharacters):
        return UsageError(f"{start}: the quote at position {position + 1} is not closed", _SYNTAX)
    found = str(error.token) if isinstance(error, UnexpectedToken) else character
    return UsageError(f"{start}: {shortened(found)!r} was not expected at position {position + 1}", _SYNTAX)


def _node(tree: _Tree) -> Node:
    match tree.data:
        case "disjunction" | "exclusion" | "conjunction":
            return Logic(_JOINING[tree.data], tuple(map(_node, tree.children)))  # type: ignore[arg-type]
        case "negated":
            return _negation(_node(tree.children[0]))  # type: ignore[arg-type]
    return _test(str(tree.data), tree.children)


def _negation(node: Node) -> Node:
    return node.parts[0] if isinstance(node, Logic) and node.word == "not" else Logic("not", (node,))


def _test(kind: str, children: list[Token | _Tree]) -> Node:
    if kind == "existence":
        return Existence(_operand(children[0]))
    quantifier = _token(children[0]) if children[0] else ""
    operand = _operand(children[1])
    if kind == "comparison":
        return Comparison(operand, _token(children[2]), _word(children[3]), quantifier)
    elements = tuple(tuple(_word(word) for word in element.children if word) for element in children[3:])  # type: ignore[union-attr]
    return Membership(operand, elements, quantifier, is_negative=bool(children[2]))


def _token(tree: Token | _Tree) -> str:
    return tree if isinstance(tree, Token) else str(tree.children[0])


def _operand(tree: Token | _Tree) -> Operand:
    assert isinstance(tree, Tree)
    if tree.data == "operand":
        return Operand(_name(tree))
    function, *arguments = tree.children
    if len(arguments) != 1 or isinstance(arguments[0], Token):
        raise unknown_function(str(function))
    inner = _operand(arguments[0])
    return Operand(inner.name, (str(function), *inner.functions))


def unknown_function(name: str) -> UsageError:
    """Returns the error for a function that documents cannot answer."""
    return UsageError(f"filter: the function {shortened(name)}() cannot be searched for", TSHARK_CAN)


def _name(tree: Token | _Tree) -> str:
    """Returns a field's name, without the dot that can mark it as one."""
    return _token(tree).removeprefix(".")


def _word(tree: Token | _Tree) -> Word:
    text = _token(tree)
    if text.startswith('r"'):
        return Word(text[2:-1].replace(r"\"", '"'), '"')
    if text[0] in "\"'":
        return Word(_unquoted(text[1:-1]), text[0])
    return Word(text)


def _unquoted(text: str) -> str:
    """Replaces escapes by their characters. Bytes that are not UTF-8 become lone surrogates."""
    plain = _ESCAPE.sub(_unescaped, text)
    return plain.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")


def _unescaped(escape: re.Match[str]) -> str:
    byte, point, octal, character = escape[1], escape[2] or escape[3], escape[4], escape[5]
    if character in _ESCAPES or character in ("'", '"', "\\"):
        return _ESCAPES.get(character, character)
    if byte or octal:
        return bytes([int(byte or octal, 16 if byte else 8) & 0xFF]).decode("ascii", "surrogateescape")
    if point and int(point, 16) <= 0x10FFFF and not 0xD800 <= int(point, 16) <= 0xDFFF:
        return chr(int(point, 16))
    if point:
        raise UsageError(f"filter: {escape[0]} is not a character")
    raise UsageError(
        f"filter: \\{character} is not a valid escape",
        r'write \\ for a backslash, or put r before the text: r"\d"',
    )
