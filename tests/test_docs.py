"""The pages of `docs` name tests and files that exist."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted((ROOT / "docs").glob("*.md"))
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def functions(path: Path) -> set[str]:
    """The names of a module's functions."""
    return {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}


def test_tests_of_the_promise_exist() -> None:
    named = TEST.findall((ROOT / "docs" / "reliability.md").read_text())
    assert len(named) > 40
    missing = [f"{path}::{name}" for path, name in named if name not in functions(ROOT / path)]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_exist(page: Path) -> None:
    named = re.findall(r"`((?:tests|docs|scripts|conf)/[\w/.-]+)(?:::\w+)?`", page.read_text())
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_promise_has_a_test() -> None:
    promised = (ROOT / "docs" / "reliability.md").read_text().partition("## What is not promised")[0]
    items = re.split(r"^- ", promised, flags=re.M)[1:]
    assert [item for item in items if not TEST.search(item)] == []
