"""The import into Kibana, against a server that stands in for one: what is sent, and how each failure is told."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from espcap.base.errors import EspcapError, StoreError, UsageError
from espcap.stores.elasticsearch.connection import Connection, connect
from espcap.stores.elasticsearch.kibana import import_objects, kibana_connection, objects_file
from tests.stores.test_elasticsearch_faults import fingerprint
from tests.support.fake_kibana import IMPORT, STATUS, FakeKibana, Reply, fake_kibana
from tests.support.fault_server import tls_context

SECRET = "s3cret"
TYPES = ("packets", "flows", "transactions")
OURS = [(kind, f"espcap-{name}") for kind in ("index-pattern", "search") for name in TYPES]
OURS += [("dashboard", f"espcap-{name}") for name in ("packets", "services")]
STRANGER: dict[str, str] = {}
"""The headers of somebody who is no Kibana."""


@pytest.fixture
def kibana() -> Iterator[FakeKibana]:
    with fake_kibana() as running:
        yield running


def failure(address: str, **credentials: Any) -> EspcapError:
    """How an import fails: in one line with a next step, and without a secret."""
    with pytest.raises(EspcapError) as caught:
        import_objects(kibana_connection(address, **credentials))
    assert caught.value.hint
    assert "\n" not in caught.value.message
    assert SECRET not in caught.value.message + caught.value.hint
    return caught.value


def test_objects_arrive_as_they_are(kibana: FakeKibana) -> None:
    imported = import_objects(kibana_connection(kibana.url))
    sent = [json.loads(line) for line in objects_file().read_text().splitlines()]
    assert kibana.spaces[""] == dict(zip(OURS, sent, strict=True))
    assert kibana.requests == [STATUS, IMPORT]
    titles = [f"{kind} {name.capitalize()} (espcap)" for kind in ("data view", "list") for name in TYPES]
    assert imported.titles == [*titles, "dashboard Packets (espcap)", "dashboard Services (espcap)"]
    dashboards = f"{kibana.url}/app/dashboards#/view"
    assert imported.dashboards == [f"{dashboards}/espcap-packets", f"{dashboards}/espcap-services"]


def test_again_replaces(kibana: FakeKibana) -> None:
    first = import_objects(kibana_connection(kibana.url))
    assert import_objects(kibana_connection(kibana.url)) == first
    assert list(kibana.spaces[""]) == OURS


def test_space(kibana: FakeKibana) -> None:
    """The dashboard has another identifier where the default space has ours."""
    import_objects(kibana_connection(kibana.url))
    kibana.spaces["ops"] = {}
    address = kibana.url.removeprefix("http://") + "/s/ops/"
    imported = import_objects(kibana_connection(address))
    assert list(kibana.spaces["ops"]) == OURS
    dashboards = f"{kibana.url}/s/ops/app/dashboards#/view"
    assert imported.dashboards == [f"{dashboards}/espcap-{name}-elsewhere" for name in ("packets", "services")]


def test_space_that_is_missing(kibana: FakeKibana) -> None:
    assert failure(f"{kibana.url}/s/opps").message == f"{kibana.url}/s/opps: the space opps does not exist"
    assert IMPORT not in kibana.requests


def test_credentials(kibana: FakeKibana) -> None:
    address = kibana.url.replace("http://", f"http://reader:{SECRET}@")
    for authorization, credentials in {
        "ApiKey k": {"api_key": "k", "user": "ignored"},
        "Basic dUB4OnA6dw==": {"user": "u@x", "password": "p:w"},
        "Basic cmVhZGVyOnMzY3JldA==": {},
    }.items():
        kibana.authorization = authorization
        imported = import_objects(kibana_connection(address, **credentials))
        assert imported.dashboards[0].startswith(kibana.url)
    kibana.authorization = "ApiKey other"
    error = failure(address)
    assert error.message == f"{kibana.url} rejects the credentials (401)"
    assert error.hint == "give --api-key-file, or --user and --password-file"


def test_certificates(certificate: tuple[Path, Path]) -> None:
    with fake_kibana(tls_context(str(certificate[0]), str(certificate[1]))) as kibana:
        for trust in ({"ca_cert": certificate[0]}, {"fingerprint": fingerprint(certificate[0])}, {"verify": False}):
            assert import_objects(kibana_connection(kibana.url, **trust)).dashboards[0].startswith("https://127.0.0.1:")
        assert "has a certificate from an unknown authority" in failure(kibana.url).message
        assert "cannot be reached" in failure(kibana.url.replace("https", "http")).message
    with pytest.raises(UsageError, match="no such certificate file"):
        import_objects(kibana_connection("https://x", ca_cert=Path("/nonexistent.pem")))


def test_addresses() -> None:
    assert kibana_connection("kibana").addresses == "http://kibana:5601"
    assert kibana_connection("https://kibana:443/base/").addresses == "https://kibana:443/base"
    with pytest.raises(UsageError, match="is not the address"):
        import_objects(kibana_connection("ftp://kibana"))


@pytest.mark.parametrize("start", [import_objects, connect], ids=["Kibana", "node"])
def test_records_that_cannot_be_sent(start: Callable[[Connection], object]) -> None:
    for key in ("a\nb", "k\u6f22", "a b"):
        with pytest.raises(UsageError, match="the API key is not valid"):
            start(kibana_connection("127.0.0.1:1", api_key=key))
    for host in ("a..b", "x" * 64, "\u6f22..x"):
        with pytest.raises(UsageError, match="is not the address"):
            start(kibana_connection(f"http://{host}:1"))


def test_away() -> None:
    error = failure("127.0.0.1:1")
    assert error.message == "http://127.0.0.1:1 refuses connections"
    assert error.hint == "start Kibana there, or give another address with --kibana"


@pytest.mark.parametrize("version", ["8.12.0", "8.19.21", "9.5.3", "9.6.0-SNAPSHOT", "10.0.0"])
def test_versions_that_will_do(kibana: FakeKibana, version: str) -> None:
    kibana.version = version
    assert import_objects(kibana_connection(kibana.url)).titles


@pytest.mark.parametrize(("version", "shown"), [("8.11.4", "8.11"), ("7.17.3", "7.17")])
def test_versions_that_are_too_old(kibana: FakeKibana, version: str, shown: str) -> None:
    kibana.version = version
    error = failure(kibana.url)
    assert error.message == f"{kibana.url} is Kibana {shown}, too old for the dashboard"
    assert "8.12 or later" in error.hint
    assert kibana.requests == [STATUS]


def test_version_that_is_not_told(kibana: FakeKibana) -> None:
    """To those who are not logged in, Kibana tells no version."""
    kibana.faults[STATUS] = Reply(200, {"status": {"overall": {"level": "available"}}})
    assert import_objects(kibana_connection(kibana.url)).titles


ELASTICSEARCH = {"x-elastic-product": "Elasticsearch"}
FAULTS: dict[str, tuple[str, Reply, str, str]] = {
    "starting": (STATUS, Reply(503, b"Kibana server is not ready yet"), "is not ready (503)", "it takes a minute"),
    "Elasticsearch": (STATUS, Reply(400, {"error": {}}, ELASTICSEARCH), "is an Elasticsearch, not", "--node"),
    "page": (STATUS, Reply(200, b"<html></html>", STRANGER), "answers, but not as Kibana does", "--kibana"),
    "other": (STATUS, Reply(200, {}, STRANGER), "answers, but not as Kibana", "--kibana"),
    "redirect": (STATUS, Reply(302, b"", STRANGER), "not as Kibana does (status 302)", "base path"),
    "no base path": (STATUS, Reply(404, {"message": "Not Found"}), "not as Kibana does (status 404)", "base path"),
    "forbidden": (IMPORT, Reply(403, {"message": "Unable to\nimport"}), "forbids this (403): Unable to import", "user"),
    "too large": (IMPORT, Reply(413, b"<html>", STRANGER), "does not accept a file", "maxImportPayloadBytes"),
    "bad request": (IMPORT, Reply(400, {"message": "more recent version"}), "status 400: more recent version", "log"),
    "broken": (IMPORT, Reply(500, {"message": f"oh {SECRET}"}), "failed with status 500: oh ***", "log"),
    "garbage": (IMPORT, Reply(200, b'{"success": tr'), "imported 0 of 8 saved objects: no reason is given", "again"),
    "list": (IMPORT, Reply(200, [1]), "imported 0 of 8 saved objects", "again"),
    "fewer": (IMPORT, Reply(200, {"success": True, "successCount": 2}), "imported 2 of 8 saved objects", "again"),
    "odd": (IMPORT, Reply(200, {"successCount": "3", "errors": 7}), "imported 0 of 8 saved objects", "again"),
    "not all": (
        IMPORT,
        Reply(
            200,
            {
                "success": False,
                "successCount": 1,
                "errors": [
                    {
                        "type": "search",
                        "id": "a",
                        "error": {"type": "missing_references", "references": [{"type": "index-pattern", "id": "x"}]},
                    },
                    {"type": "dashboard", "id": "b", "error": {"type": "unknown", "message": "no\nroom"}},
                    {"type": "dashboard", "id": "c"},
                    {},
                    "odd",
                ],
            },
        ),
        "imported 1 of 8 saved objects: search a: missing_references (index-pattern x); dashboard b: unknown (no room)"
        "; dashboard c: None; and 1 more",
        "run the command again",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults(kibana: FakeKibana, fault: str) -> None:
    request, reply, cause, hint = FAULTS[fault]
    kibana.faults[request] = reply
    error = failure(kibana.url, user="u", password=SECRET)
    assert isinstance(error, StoreError)
    assert error.message.startswith(kibana.url)
    assert cause in error.message
    assert hint in error.hint
