"""The installed tshark, its registry, and a job; a test module takes them with `pytest_plugins`."""

from collections.abc import Iterator

import pytest

from espcap.fields.protocols import read_list
from espcap.fields.registry import Registry
from espcap.ingest.job import Job
from espcap.tshark.arguments import Settings
from espcap.tshark.program import Program, find_program
from espcap.tshark.registry import open_registry


@pytest.fixture(scope="session")
def program() -> Program:
    """The installed tshark."""
    return find_program()


@pytest.fixture(scope="session")
def registry(program: Program, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """The registry of the installed tshark, made anew."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield open_registry(program)


@pytest.fixture
def job(program: Program, registry: Registry) -> Job:
    """A job with nothing but defaults."""
    return Job(program, registry, read_list(), Settings())
