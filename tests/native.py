"""The compiled native reader, for tests that need it; a test module takes the fixture with `pytest_plugins`."""

import os

import pytest

from espcap.errors import EspcapError
from espcap.native import build
from espcap.tshark.program import find_program


@pytest.fixture
def native_reader() -> None:
    """The native reader, compiled where it is not yet; without a compiler the test is skipped."""
    try:
        build(find_program())
    except EspcapError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"the native reader must be built here: {error.message} ({error.hint})")
        pytest.skip(f"no native reader: {error.message} ({error.hint})")
