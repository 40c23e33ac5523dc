"""Reads declarations of protocols: TOML files that say what requests and answers are, and what documents have of them.

docs/transactions.md describes the keys.
"""

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from espcap.base.errors import UsageError
from espcap.base.text import printable
from espcap.base.times import SECOND
from espcap.fields.registry import Registry
from espcap.query import Query
from espcap.transactions import hooks
from espcap.transactions.conditions import Condition, compile_query
from espcap.transactions.messages import Message
from espcap.transactions.templates import NameOf, Template

ParseFilter = Callable[[str], Query]
Judge = Callable[[Message], bool]

_KINDS = (
    *("ignore", "repeat", "stream", "one_way", "unreported", "request", "request_part"),
    *("interim", "response", "response_part"),
)
"""What a message can be. The first whose condition holds is taken."""
_STATUS = ("ok", "client_error", "server_error", "error")
_STATUS_NAMES = {"ok": "OK", "client_error": "Client Error", "server_error": "Server Error", "error": "Error"}
_SIDES = {"from client": 0, "from server": 1}
_NAME = re.compile(r"(?<![\w.\"-])[A-Za-z_][\w-]*(?:\.[\w-]+)+(?![\w.\"-])")
_NAMED = re.compile(r"\{([\w.-]+)(?::\w+)*:name\b")
_QUOTED = re.compile(r'"(?:\\.|[^"\\])*"')
_KEYS = frozenset(_KINDS) | frozenset(
    "type layers begin join match scope key response_key same link complete timeout method resource query path "
    "status fields remember count records limits error names greeting early optional request_end "
    "response_begin hook wanted types methods renamed key_instead body".split()
)
_TEXTS = ("method", "resource", "query", "path")
_MATCHES = ("id", "order", "none")
_SCOPES = ("flow", "hosts", "all")
_HOOKS = ("", *(module.name for module in iter_modules(hooks.__path__)))
_TIMEOUT = {"tcp": 600, "udp": 10}


@dataclass(frozen=True)
class FieldRule:
    """A member of the document, and what it is taken from."""

    path: str
    template: Template
    side: str
    """`request` or `response`; empty for the first of them that has the fields."""


@dataclass(frozen=True)
class Memory:
    """Texts that a flow remembers, such as those of prepared statements."""

    store: tuple[Judge, Template, Template]
    """When a text is stored: the condition on a message, its key, and the template of the request's text."""
    side: str
    """Of which message: `request` or `response`."""
    use: tuple[Judge, Template, str]
    """When a request uses a text: the condition on it, its key, and the field that gets the text."""


@dataclass(frozen=True)
class RecordRule:
    """A list of objects in the document, such as the records of an answer of DNS."""

    path: str
    begin: str
    """The field with which an object begins."""
    members: dict[str, tuple[str, ...]]
    """For each member the fields that it is taken from."""
    side: str
    count: str = ""
    """The field with the number of objects in a message; empty if all are wanted."""


@dataclass(frozen=True)
class Declaration:
    """What is known of a protocol."""

    type: str
    layers: tuple[str, ...]
    judges: tuple[tuple[str, Judge], ...]
    match: str = "order"
    scope: str = "flow"
    begin: frozenset[str] = frozenset()
    join: frozenset[str] = frozenset()
    key: tuple[str, ...] = ()
    response_key: tuple[str, ...] = ()
    same: tuple[str, ...] = ()
    """Fields that a request and its answer have in common, if both have them."""
    key_instead: tuple[str, ...] = ()
    """The key, of both halves, of messages that have the first of these fields."""
    link: str = ""
    body: str = ""
    """The field with the size of a body that other dissectors take apart, which Wireshark's node then lacks."""
    complete: Judge | None = None
    """When an answer is the last one of a request; None for the first answer."""
    in_turns: bool = False
    """Whether answers go on until the next request."""
    response_begin: Judge | None = None
    """Which messages begin another answer, if answers consist of several messages."""
    request_end: Judge | None = None
    """When a part of a request is its last one."""
    optional: Judge | None = None
    """Which requests need no answer."""
    greeting: Judge | None = None
    """Which answers are normal without a request."""
    early: Judge | None = None
    """Which answers may come before their request."""
    types: tuple[tuple[str, Judge], ...] = ()
    """Names that documents have as their type instead, if a condition on the request holds."""
    methods: tuple[tuple[str, Judge], ...] = ()
    """Names of methods, if a condition on the request holds."""
    hook: str = ""
    """A module in `espcap.transactions.hooks` that completes the document."""
    timeout: dict[str, int] = field(default_factory=dict)
    """Nanoseconds for each transport."""
    texts: dict[str, Template] = field(default_factory=dict)
    status: tuple[tuple[str, Judge], ...] = ()
    error: Template | None = None
    fields: tuple[FieldRule, ...] = ()
    memory: Memory | None = None
    count: tuple[tuple[str, Judge], ...] = ()
    records: tuple[RecordRule, ...] = ()
    limits: str = ""
    names: frozenset[str] = frozenset()
    """The names that are wanted in messages."""
    renamed: dict[str, str] = field(default_factory=dict)
    """Names that some versions of Wireshark have for fields in some messages, and the name that is meant."""
    named_fields: frozenset[str] = frozenset()
    """Fields whose values have names of Wireshark's in documents."""

    def kind_of(self, message: Message) -> str:
        """Returns what a message is; empty if it is nothing that is declared."""
        for kind, holds in self.judges:
            if holds(message):
                return kind
        return ""


class Reader:
    """Reads declarations for one version of tshark."""

    def __init__(self, registry: Registry, parse: ParseFilter, name_of: NameOf) -> None:
        self._registry = registry
        self._parse = parse
        self._name_of = name_of

    def read(self, path: Path) -> Declaration:
        """Returns the declaration of a file. Raises UsageError if it is not valid."""
        try:
            found = tomllib.loads(path.read_text())
            return self._declaration(found)
        except (tomllib.TOMLDecodeError, OSError, UnicodeDecodeError) as error:
            raise UsageError(f"the declaration {printable(str(path))} cannot be read: {error}") from error
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise UsageError(f"the declaration {printable(str(path))} is not complete: {error!r}") from error
        except UsageError as error:
            raise UsageError(f"{printable(str(path))}: {error.message}", error.hint) from error

    def _declaration(self, found: dict[str, Any]) -> Declaration:
        for key in found:
            if key not in _KEYS:
                raise UsageError(f"the key {key!r} does not exist", f"the keys are {', '.join(sorted(_KEYS))}")
        _check(found, "match", _MATCHES)
        _check(found, "scope", _SCOPES)
        _check(found, "hook", _HOOKS)
        names = self._names_in(found)
        renamed = self._renamed(found.get("renamed", {}), names)
        paths = {each.path: name for name in names if (each := self._registry.field(name))}

        def judge(text: str) -> Judge:
            return self._judge(text, paths)

        def template(text: str) -> Template:
            return Template(text, name_of)

        def optional(key: str) -> Judge | None:
            return judge(found[key]) if key in found else None

        own_names = found.get("names", {})
        name_of = _with_own(own_names, self._name_of) if own_names else self._name_of
        complete = found.get("complete", "")
        return Declaration(
            type=found["type"],
            layers=tuple(found["layers"]),
            judges=tuple((kind, judge(found[kind])) for kind in _KINDS if kind in found),
            match=found.get("match", "order"),
            scope=found.get("scope", "flow"),
            begin=frozenset(found.get("begin", ())),
            join=frozenset(found.get("join", ())),
            key=tuple(found.get("key", ())),
            response_key=tuple(found.get("response_key", found.get("key", ()))),
            same=tuple(found.get("same", ())),
            key_instead=tuple(found.get("key_instead", ())),
            link=found.get("link", ""),
            body=found.get("body", ""),
            complete=None if complete == "turn" else optional("complete"),
            in_turns=complete == "turn",
            response_begin=optional("response_begin"),
            request_end=optional("request_end"),
            optional=optional("optional"),
            greeting=optional("greeting"),
            early=optional("early"),
            types=tuple((name, judge(text)) for name, text in found.get("types", {}).items()),
            methods=tuple((name, judge(text)) for name, text in found.get("methods", {}).items()),
            hook=found.get("hook", ""),
            timeout={name: int(found.get("timeout", seconds) * SECOND) for name, seconds in _TIMEOUT.items()},
            texts={name: template(found[name]) for name in _TEXTS if name in found},
            status=tuple((_STATUS_NAMES[name], judge(text)) for name, text in found.get("status", {}).items()),
            error=template(found["error"]) if "error" in found else None,
            fields=tuple(_field_rule(path, text, template) for path, text in found.get("fields", {}).items()),
            memory=_memory(found["remember"], judge, template) if "remember" in found else None,
            count=tuple((path, judge(text)) for path, text in found.get("count", {}).items()),
            records=tuple(map(_record_rule, found.get("records", ()))),
            limits=found.get("limits", ""),
            names=names | renamed.keys(),
            renamed=renamed,
            named_fields=frozenset(_NAMED.findall(repr(found))) & names,
        )

    def _judge(self, text: str, paths: Mapping[str, str]) -> Judge:
        """Returns the function of a condition: a display filter, perhaps after `from client` or `from server`."""
        side, _, rest = text.partition(" && ") if text.startswith("from ") else ("", "", text)
        if side and side not in _SIDES:
            raise UsageError(f"{side!r} is not a side", "write from client or from server")
        condition: Condition = compile_query(self._parse(rest), paths) if rest else lambda values: True
        if not side:
            return lambda message: condition(message.values)
        direction = _SIDES[side]
        return lambda message: message.direction == direction and condition(message.values)

    def _names_in(self, found: dict[str, Any]) -> frozenset[str]:
        """Returns the names of all protocols and fields in a declaration. Raises UsageError if one does not exist."""
        texts = [_QUOTED.sub("", text) if is_filter else text for text, is_filter in _texts(found)]
        names = {name for text in texts for name in _NAME.findall(text)}
        names |= {*found["layers"], *found.get("begin", ()), *found.get("join", ())}
        for name in sorted(names):
            if self._registry.field(name) is None and not self._registry.is_protocol(name):
                raise UsageError(f"tshark has no field {name!r}", "see tshark -G fields")
        return frozenset(names)

    def _renamed(self, found: Mapping[str, Sequence[str]], names: frozenset[str]) -> dict[str, str]:
        """Returns the other names that this version of Wireshark has for fields, with the names that are meant."""
        if missing := found.keys() - names:
            raise UsageError(f"{min(missing)!r} has other names, but the declaration does not use it")
        return {other: name for name, others in found.items() for other in others if self._registry.field(other)}


def _with_own(names: Mapping[str, Mapping[str, str]], name_of: NameOf) -> NameOf:
    """Returns a function that knows the names that a declaration gives to values, before those of Wireshark."""

    @lru_cache(10_000, typed=True)
    def find(field: str, value: Any) -> str | None:
        return names.get(field, {}).get(str(value)) or name_of(field, value)

    return find


def _check(found: dict[str, Any], key: str, choices: tuple[str, ...]) -> None:
    if found.get(key, choices[0]) not in choices:
        raise UsageError(f"{key} cannot be {found[key]!r}", f"write one of {', '.join(filter(None, choices))}")


def _texts(found: dict[str, Any]) -> Iterable[tuple[str, bool]]:
    """Yields the texts of a declaration in which names of fields occur, and whether each is a filter."""
    for key in (
        *_KINDS,
        *_TEXTS,
        "complete",
        "response_begin",
        "request_end",
        "optional",
        "greeting",
        "early",
        "link",
        "body",
        "error",
    ):
        yield found.get(key, ""), "{" not in found.get(key, "")
    for key in ("key", "response_key", "key_instead", "same", "wanted"):
        yield from ((text, True) for text in found.get(key, ()))
    yield from ((text, True) for text in found.get("status", {}).values())
    yield from ((text, True) for key in ("count", "types", "methods") for text in found.get(key, {}).values())
    yield from (
        (text.partition(":")[2] if has_side(text) else text, False) for text in found.get("fields", {}).values()
    )
    for part in found.get("remember", {}).values():
        yield from ((text, key == "when") for key, text in part.items())
    for record in found.get("records", ()):
        yield record["begin"], False
        yield record.get("count", ""), False
        for names in record["members"].values():
            yield from ((name, False) for name in ([names] if isinstance(names, str) else names))


def has_side(text: str) -> bool:
    """Returns whether a rule says of which message it is."""
    return text.startswith(("request:", "response:"))


def _field_rule(path: str, text: str, template: Callable[[str], Template]) -> FieldRule:
    side, _, rest = text.partition(":") if has_side(text) else ("", "", text)
    return FieldRule(path, template(rest), side)


def _memory(found: dict[str, Any], judge: Callable[[str], Judge], template: Callable[[str], Template]) -> Memory:
    store, use = found["store"], found["use"]
    return Memory(
        (judge(store["when"]), template(store["key"]), template(store["value"])),
        store.get("side", "response"),
        (judge(use["when"]), template(use["key"]), use["as"]),
    )


def _record_rule(found: dict[str, Any]) -> RecordRule:
    members = {
        name: (fields,) if isinstance(fields, str) else tuple(fields) for name, fields in found["members"].items()
    }
    return RecordRule(found["path"], found["begin"], members, found.get("side", "response"), found.get("count", ""))
