"""Reads and fills in the templates of generated files, which are files of this package."""

from collections.abc import Iterable
from importlib.resources import files
from string import Template


def source_of(name: str) -> str:
    """The text of a file of this package."""
    return files("espcap.new_protocol").joinpath(name).read_text(encoding="utf-8")


def fill_in(template: str, /, **values: object) -> str:
    """The text of a template, with values in place of `$name`."""
    return Template(source_of(f"templates/{template}")).substitute({key: str(value) for key, value in values.items()})


def quoted(text: str) -> str:
    """The text as a string of Lua, Python and TOML, which have these escapes in common; without controls."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def literal(value: object) -> str:
    """A text, a number, or a dictionary or tuple of them, as Python source with double quotes."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{literal(key)}: {literal(each)}" for key, each in value.items()) + "}"
    if isinstance(value, tuple):
        return "(" + ", ".join(map(literal, value)) + ")"
    return quoted(value) if isinstance(value, str) else str(value)


def rows(values: Iterable[str]) -> str:
    """One indented line for each value, each with a comma at its end."""
    return "\n".join(f"    {value}," for value in values)


def title(name: str) -> str:
    """A name for people: `user_id` is `User id`."""
    return name.replace("_", " ").capitalize()
