"""The stores that the contract is asked of."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from espcap.fields.registry import Registry
from espcap.stores import Store
from espcap.stores.elasticsearch.connection import Connection
from espcap.stores.elasticsearch.store import ElasticsearchStore
from espcap.stores.local.store import LocalStore
from tests.support import documents


def _local(request: pytest.FixtureRequest, registry: Registry) -> Store:
    return LocalStore(request.getfixturevalue("tmp_path") / "local", registry)


def _elasticsearch(request: pytest.FixtureRequest, registry: Registry) -> Store:
    return ElasticsearchStore(Connection((request.getfixturevalue("elasticsearch_url"),)), registry)


def _elasticsearch8(request: pytest.FixtureRequest, registry: Registry) -> Store:
    return ElasticsearchStore(Connection((request.getfixturevalue("elasticsearch8_url"),)), registry)


FACTORIES: dict[str, Callable[[pytest.FixtureRequest, Registry], Store]] = {
    "local": _local,
    "elasticsearch": _elasticsearch,
    "elasticsearch8": _elasticsearch8,
}
"""Each opens an empty store."""


@pytest.fixture
def packet_registry(tmp_path: Path) -> Registry:
    """The registry of `tests.support.documents`."""
    return documents.registry(tmp_path)


@pytest.fixture(params=FACTORIES)
def empty_store(request: pytest.FixtureRequest, packet_registry: Registry) -> Iterator[Store]:
    """A store that is ready for documents."""
    opened = FACTORIES[request.param](request, packet_registry)
    opened.prepare()
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1 and its key."""
    folder = tmp_path_factory.mktemp("tls")
    files = folder / "certificate.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-out", str(files[0]), "-keyout", str(files[1])]
    subprocess.run(command, check=True, capture_output=True)
    return files
