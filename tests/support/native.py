"""The compiled native reader, for tests that need it; a test module takes the fixture with `pytest_plugins`."""

import os
from collections.abc import Iterator

import pytest

from espcap.base.errors import EspcapError
from espcap.documents.packets import HEAD
from espcap.fields.registry import Registry
from espcap.tshark.native import build
from espcap.tshark.plugin import Plugin, open_required_plugin
from espcap.tshark.program import Program, dissecting_user, find_program
from tests.support.requirements import unavailable


@pytest.fixture
def native_reader() -> None:
    """The native reader, compiled where it is not yet; without a compiler the test is skipped."""
    try:
        build(find_program())
    except EspcapError as error:
        unavailable(f"no native reader: {error.message} ({error.hint})")


@pytest.fixture
def plugin(program: Program, registry: Registry, native_reader: None) -> Iterator[Plugin]:
    """The native reader; a test module that takes it takes `tests.support.core_fixtures` too."""
    opened = open_required_plugin(program, registry, dissecting_user(program), HEAD)
    yield opened
    for descriptor in opened.descriptors:
        os.close(descriptor)
