"""The pages name files, tests, functions and paths of documents that exist."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

from espcap.fields.field import PATHS

ROOT = Path(__file__).parent.parent
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test of `page` runs once for each page."""
    if "page" in metafunc.fixturenames:
        pages = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
        metafunc.parametrize("page", pages, ids=lambda page: page.name)


def functions(path: Path) -> set[str]:
    """The names of a module's functions."""
    return {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}


def test_tests_of_the_promise_exist() -> None:
    named = TEST.findall((ROOT / "docs" / "reliability.md").read_text())
    assert len(named) > 40
    missing = [f"{path}::{name}" for path, name in named if name not in functions(ROOT / path)]
    assert missing == []


def test_files_exist(page: Path) -> None:
    named = re.findall(r"`((?:tests|docs|scripts|conf)/[\w/.-]+)(?:::\w+)?`", page.read_text())
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_promise_has_a_test() -> None:
    promised = (ROOT / "docs" / "reliability.md").read_text().partition("## What is not promised")[0]
    items = re.split(r"^- ", promised, flags=re.M)[1:]
    assert [item for item in items if not TEST.search(item)] == []


# The page about the architecture

SOURCE_FILE = re.compile(r"`((?:espcap|tests)/[\w/]+\.py)`")
SOURCE_NAME = re.compile(r"`((?:[A-Z]\w+\.)?[a-z_]\w*)\(\)`|`([A-Z]\w+)`")
"""A function or method, or a class or constant."""


def definitions(path: Path) -> set[str]:
    """The names that a module defines: functions, classes, constants, and methods as `Class.method`."""
    names = set[str]()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            names |= {f"{node.name}.{each.name}" for each in node.body if isinstance(each, ast.FunctionDef)}
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return names


def test_source_files_exist(page: Path) -> None:
    named = re.findall(r"`((?:espcap|native|kibana|tests)/[\w/.-]*)", page.read_text())
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize(("name", "least"), [("docs/architecture.md", 100), ("CONTRIBUTING.md", 10)])
def test_names_of_the_source_exist(name: str, least: int) -> None:
    """Each name is defined in one of the files that its row, or its paragraph, names."""
    missing, found = [], 0
    paragraphs = re.split(r"\n\n|\n(?=[-|])", (ROOT / name).read_text())
    for paragraph in paragraphs:
        files = SOURCE_FILE.findall(paragraph)
        known = set[str]().union(*(definitions(ROOT / file) for file in files))
        names = [function or other for function, other in SOURCE_NAME.findall(paragraph)]
        found += len(names)
        missing += [f"{each} in {' or '.join(files) or 'no file'}" for each in names if each not in known]
    assert missing == []
    assert found > least


def test_the_picture_shows_the_layers() -> None:
    rules = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers = [re.findall(r"\w+", layer) for layer in rules["contracts"][0]["layers"]]
    picture = re.search(r"## The rooms.*?```\n(.*?)```", (ROOT / "docs" / "architecture.md").read_text(), re.S)
    assert picture
    shown = [re.findall(r"\w+", line[:60]) for line in picture[1].splitlines()]
    assert [names for names in shown if names] == layers


def test_all_paths_outside_layers_are_documented() -> None:
    table = (ROOT / "docs" / "documents.md").read_text().partition("## Paths outside")[2]
    shown = dict(re.findall(r"^\| `([\w@.]+)` \| (\w+) \|", table, re.M))
    assert shown == PATHS
