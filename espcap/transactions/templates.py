"""Templates of declarations: text with fields in braces, such as `{http.request.method} {http.request.uri:path}`."""

import re
from collections.abc import Callable
from typing import Any

from espcap.base.errors import UsageError
from espcap.transactions.messages import LONGEST_TEXT, Message

_FIELD = re.compile(r"\{([\w.-]+)((?::\w+)*)\}")
_SPACES = re.compile(r"\s+")

NameOf = Callable[[str, Any], str | None]
"""Returns the name that Wireshark shows for a value of a field; None if there is none."""


class Template:
    """A template. Without braces it is the name of a field, whose value keeps its type."""

    def __init__(self, text: str, name_of: NameOf) -> None:
        """Raises UsageError if a change of a value does not exist, or if the text is not a field."""
        self._name_of = name_of
        parts = _FIELD.split(text if "{" in text else f"{{{text}}}")
        if "{" not in text and len(parts) == 1:
            raise UsageError(f"{text!r} is not the name of a field", "write a field, or text with fields in braces")
        self._texts = parts[::3]
        self._fields = [
            (name, tuple(filter(None, changes.split(":"))))
            for name, changes in zip(parts[1::3], parts[2::3], strict=True)
        ]
        self._only = "" if "{" in text else self._fields[0][0]
        self._is_list = len(self._fields) == 1 and "all" in self._fields[0][1]
        for change in (change for _, changes in self._fields for change in changes):
            if change not in _CHANGES and not change.isdecimal():
                raise UsageError(f"a value cannot be changed by {change!r}", f"write one of {', '.join(_CHANGES)}")

    def fill(self, message: Message) -> Any:
        """Returns the text; None if the message has none of the fields. Several values are joined by a space."""
        if self._only:
            values = message.values.get(self._only)
            return _cut(values[0]) if values else None
        texts: list[str] = []
        has_value = False
        for (name, changes), before in zip(self._fields, self._texts, strict=False):  # one text is behind the last
            values = message.values.get(name)
            value = self._changed(name, values, changes) if values else None
            if self._is_list:
                return value
            if value is not None:
                has_value = True
                texts += before, _text(value)
            elif before:
                texts.append(before)
        return "".join([*texts, self._texts[-1]]).strip()[:LONGEST_TEXT] if has_value else None

    def _changed(self, name: str, values: list[Any], changes: tuple[str, ...]) -> Any:
        for change in changes:
            if change.isdecimal():
                values = values[int(change) : int(change) + 1]
            elif change == "name":
                values = [self._name_of(name, value) or value for value in values]
            elif change == "all":
                return values
            elif change == "last":
                values = values[-1:]
            else:
                values = [_CHANGES[change](_text(value)) for value in values]
        if not values:
            return None
        return values[0] if len(values) == 1 else " ".join(map(_text, values))


def _cut(value: Any) -> Any:
    return value[:LONGEST_TEXT] if isinstance(value, str) else value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)


def bytes_as_text(text: str) -> str:
    """Returns the text that bytes such as `73:65:74` are, in UTF-8."""
    try:
        return bytes.fromhex(text.replace(":", "")[: 2 * LONGEST_TEXT]).decode("utf-8", "replace")
    except ValueError:
        return text


def _word(text: str) -> str:
    return _SPACES.split(text.strip(), maxsplit=1)[0]


_CHANGES: dict[str, Callable[[str], str]] = {
    "name": str,
    "all": str,
    "word": _word,
    "verb": lambda text: _word(text).upper(),
    "text": bytes_as_text,
    "path": lambda text: text.partition("?")[0],
    "upper": str.upper,
    "lower": str.lower,
    "last": str,
    "rest": lambda text: text.partition(" ")[2],
    "line": lambda text: text.rstrip("\r\n"),
}
"""Changes of a value. `name` is that of Wireshark, `all` gives a list."""
