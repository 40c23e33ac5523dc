"""ElasticsearchStore against a server that is away, busy, wrong or not Elasticsearch at all."""

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from espcap.base.errors import StoreError, UsageError
from espcap.documents.packets import Document
from espcap.fields.registry import Registry
from espcap.sinks import Outcome
from espcap.stores.elasticsearch.connection import Connection
from espcap.stores.elasticsearch.retry import Retry
from espcap.stores.elasticsearch.store import ElasticsearchStore
from tests.support.fault_server import Answer, Server, fault_server, items, tls_context
from tests.support.small_registry import small_registry

SECRET = "s3cret"
FAST = Retry(give_up_after=20, first=0.001, longest=0.01)


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return small_registry(tmp_path)


@pytest.fixture
def server() -> Iterator[Server]:
    with fault_server() as running:
        yield running


@pytest.fixture
def store(server: Server, registry: Registry) -> ElasticsearchStore:
    return ElasticsearchStore(Connection((server.url,), password=SECRET, user="writer", timeout=1), registry, FAST)


def documents(count: int, size: int = 10) -> list[Document]:
    body = b'{"protocol":"%s"}' % (b"x" * size)
    return [Document("packets-2015-07-30", f"c-{number}", {}, body) for number in range(count)]


def test_document_bytes_arrive_unchanged(server: Server, store: ElasticsearchStore) -> None:
    body = b'{"sniff_timestamp":1.50,"a":18446744073709551615}'
    assert store.write([Document("packets-2015-07-30", 'c"-1', {}, body)]).stored == 1
    assert server.documents == {'c"-1': body}


def test_requests_are_split_by_size(server: Server, store: ElasticsearchStore) -> None:
    assert store.write(documents(5, 3 << 20)).stored == 5
    assert len(server.sizes) == 3
    assert max(server.sizes) < 8 << 20


def test_too_large_request_is_halved_and_one_large_document_rejected(server: Server, store: ElasticsearchStore) -> None:
    server.largest = 1000
    huge = Document("packets-2015-07-30", "huge", {}, b'{"protocol":"%s"}' % (b"x" * 2000))
    outcome = store.write([*documents(40), huge])
    assert (outcome.stored, outcome.already_there) == (40, 0)
    assert [
        (rejection.document.id, "http.max_content_length" in rejection.reason) for rejection in outcome.rejected
    ] == [("huge", True)]


FAULTS: dict[str, Callable[[list[str]], Answer | None]] = {
    "busy": lambda ids: Answer(429, b'{"error":{"type":"es_rejected_execution_exception"}}'),
    "unavailable": lambda ids: Answer(503, b"{}"),
    "proxy error": lambda ids: Answer(502, b"<html>Bad Gateway</html>", product=False, mimetype="text/html"),
    "garbage": lambda ids: Answer(200, b'{"items": [{'),
    "no items": lambda ids: Answer(200, b"{}"),
    "not an object": lambda ids: Answer(200, b"[1, 2]"),
    "short": lambda ids: items(dict.fromkeys(ids[:-1], 201)),
    "other documents": lambda ids: items(dict.fromkeys(reversed(ids), 201)),
    "connection closed": lambda ids: None,
    "busy items": lambda ids: items({id: 201 if id == ids[0] else 429 for id in ids}),
    "mapping late": lambda ids: items(
        dict.fromkeys(ids, 500), type="mapper_exception", reason="timed out while waiting for a dynamic mapping update"
    ),
    "shards away": lambda ids: items(dict.fromkeys(ids, 503)),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_temporary_fault_loses_nothing(fault: str, server: Server, store: ElasticsearchStore) -> None:
    server.faults = [FAULTS[fault]] * 3
    outcome = store.write(documents(20))
    assert (outcome.stored + outcome.already_there, outcome.rejected) == (20, [])
    assert len(server.sizes) >= 4


def test_request_that_is_too_much_is_sent_in_halves(server: Server, store: ElasticsearchStore) -> None:
    asked: list[int] = []

    def busy(ids: list[str]) -> Answer:
        asked.append(len(ids))
        return Answer(429, b"{}")

    server.faults = [busy] * 3
    assert store.write(documents(16)).stored == 16
    assert asked == [16, 8, 4]


def test_document_that_the_node_stumbles_over_is_rejected(server: Server, store: ElasticsearchStore) -> None:
    server.faults = [lambda ids: items({id: 500 if id == "c-3" else 201 for id in ids}, type="x", reason="NPE")]
    outcome = store.write(documents(10))
    assert (outcome.stored, [rejection.document.id for rejection in outcome.rejected]) == (9, ["c-3"])


def test_slow_answer_is_sent_again(server: Server, store: ElasticsearchStore) -> None:
    def slow(ids: list[str]) -> Answer:
        time.sleep(1.5)
        return Answer(200, b"{}")

    server.faults = [slow]
    assert store.write(documents(3)).stored == 3


def test_only_busy_items_are_sent_again(server: Server, store: ElasticsearchStore) -> None:
    server.faults = [lambda ids: items({id: 429 if id == "c-3" else 201 for id in ids})]
    assert store.write(documents(10)).stored == 10
    assert list(server.documents) == ["c-3"]


@pytest.mark.parametrize("fault", ["busy", "unavailable", "garbage", "connection closed", "shards away"])
def test_lasting_fault_ends_with_its_cause(fault: str, server: Server, registry: Registry) -> None:
    server.faults = [FAULTS[fault]] * 10_000
    notes: list[str] = []
    store = ElasticsearchStore(Connection((server.url,)), registry, replace(FAST, give_up_after=1), notes.append)
    with pytest.raises(StoreError, match=r"; gave up after 1 s$") as caught:
        store.write(documents(2))
    assert caught.value.message.startswith(server.url)
    assert len(server.sizes) > 1
    assert len(notes) == 1
    assert "; waiting up to 1 s" in notes[0]


def test_without_patience_one_request_is_made(server: Server, registry: Registry) -> None:
    server.faults = [FAULTS["unavailable"]]
    with pytest.raises(StoreError, match="gave up after 0 s"):
        ElasticsearchStore(Connection((server.url,)), registry, Retry(give_up_after=0)).write(documents(2))
    assert len(server.sizes) == 1


def test_outage_is_told_once_and_its_end(server: Server, registry: Registry) -> None:
    server.faults = [FAULTS["connection closed"], FAULTS["unavailable"], FAULTS["busy"]]
    notes: list[str] = []
    store = ElasticsearchStore(Connection((server.url,)), registry, FAST, notes.append)
    store.write(documents(20))
    assert len(notes) == 2
    assert notes[0].startswith(f"{server.url} cannot be reached: ")
    assert notes[1].startswith(f"{server.url} is back after ")
    store.write(documents(30))
    assert len(notes) == 2


def test_disk_that_is_full_is_waited_for_and_told_once(server: Server, registry: Registry) -> None:
    blocked = {"type": "cluster_block_exception", "reason": "disk usage exceeded flood-stage watermark"}
    server.faults = [
        lambda ids: items(dict.fromkeys(ids, 429), **blocked),
        lambda ids: items({id: 201 if id == "c-1" else 429 for id in ids}, **blocked),
        lambda ids: items(dict.fromkeys(ids, 403), type=blocked["type"], reason="create-index blocked (api)"),
    ]
    notes: list[str] = []
    retry = replace(FAST, flood_stage=0.2)
    began = time.monotonic()
    outcome = ElasticsearchStore(Connection((server.url,)), registry, retry, notes.append).write(documents(5))
    assert time.monotonic() - began >= 0.6
    assert (outcome.stored, outcome.rejected) == (5, [])
    assert [("disk flood-stage" in note, "is back" in note) for note in notes] == [(True, False), (False, True)] * 2


def test_packets_acknowledged_before_a_failure_are_reported(server: Server, registry: Registry) -> None:
    """Of two requests and of one answer, in which an index that is closed comes in the middle."""
    closed = {"type": "index_closed_exception", "reason": "closed"}
    server.faults = [
        lambda ids: items(dict.fromkeys(ids, 201)),
        lambda ids: items({id: {0: 201, 1: 400, 2: 409}[number] for number, id in enumerate(ids)}, **closed),
    ]
    outcome = Outcome()
    with pytest.raises(StoreError, match="accepts no documents: closed"):
        ElasticsearchStore(Connection((server.url,)), registry, FAST).write(documents(5, 3 << 20), outcome)
    assert (outcome.stored, outcome.already_there, outcome.rejected) == (3, 0, [])


def test_size_that_the_node_takes_is_learnt(server: Server, store: ElasticsearchStore) -> None:
    server.largest = 1000
    store.write(documents(40))
    first = len(server.sizes)
    assert max(server.sizes) > 1000
    store.write(documents(80))
    assert max(server.sizes[first:]) <= 1000


def test_node_that_is_away_at_the_start_is_waited_for(registry: Registry) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"127.0.0.1:{closed.getsockname()[1]}"
    notes: list[str] = []
    patient = Retry(give_up_after=3, from_the_start=True, first=0.01)
    with pytest.raises(StoreError, match=r"refuses connections; gave up after 3 s"):
        ElasticsearchStore(Connection((address,)), registry, patient, notes.append).prepare()
    assert notes == [
        f"http://{address} refuses connections; waiting up to 3 s "
        "(start Elasticsearch there, or give another address with --node)"
    ]


def test_rejected_caller_is_not_waited_for_at_the_start(server: Server, registry: Registry) -> None:
    server.always = Answer(401, b"{}")
    with pytest.raises(StoreError, match="rejects the credentials"):
        ElasticsearchStore(Connection((server.url,)), registry, replace(FAST, from_the_start=True)).prepare()
    assert len(server.requests) == 1


PERMANENT = {
    401: "rejects the credentials (401)",
    403: "forbids this (403): no rights for ***",
    404: "failed with status 404: no rights for ***",
}


@pytest.mark.parametrize("status", PERMANENT)
def test_rejected_caller_is_reported_at_once(status: int, server: Server, store: ElasticsearchStore) -> None:
    server.always = Answer(
        status, b'{"error":{"type":"security_exception","reason":"no rights for %s"}}' % SECRET.encode()
    )
    with pytest.raises(StoreError) as caught:
        store.write(documents(2))
    assert caught.value.message == f"{server.url} {PERMANENT[status]}"
    assert caught.value.hint
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("status", "kind"),
    [(403, "cluster_block_exception"), (400, "index_closed_exception"), (404, "index_not_found_exception")],
)
def test_index_that_takes_nothing_stops_the_run(
    status: int, kind: str, server: Server, store: ElasticsearchStore
) -> None:
    server.faults = [lambda ids: items(dict.fromkeys(ids, status), type=kind, reason=f"because {kind}")]
    with pytest.raises(StoreError, match=f"packets-2015-07-30 accepts no documents: because {kind}"):
        store.write(documents(2))
    assert len(server.sizes) == 1


@pytest.mark.parametrize("status", [200, 404, 405])
def test_other_product(status: int, server: Server, store: ElasticsearchStore) -> None:
    server.always = Answer(status, b"{}", product=False)
    with pytest.raises(StoreError, match="is not Elasticsearch"):
        store.prepare()
    assert not [request for request in server.requests if request.startswith("PUT")]


def test_web_page_of_login_is_a_rejection(server: Server, store: ElasticsearchStore) -> None:
    server.always = Answer(401, b"<html>log in</html>", product=False, mimetype="text/html")
    with pytest.raises(StoreError, match=r"rejects the credentials"):
        store.prepare()


def test_nobody_listens(registry: Registry) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"127.0.0.1:{closed.getsockname()[1]}"
    started = time.monotonic()
    with pytest.raises(StoreError) as caught:
        ElasticsearchStore(Connection((address,)), registry).prepare()
    assert caught.value.message == f"http://{address} refuses connections"
    assert time.monotonic() - started < 5


def test_node_that_never_answers(registry: Registry) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        started = time.monotonic()
        with pytest.raises(StoreError, match=f"http://{address} did not answer in time"):
            ElasticsearchStore(Connection((address,)), registry).prepare()
    assert time.monotonic() - started < 5


def test_another_node_stands_in(server: Server, registry: Registry) -> None:
    store = ElasticsearchStore(Connection(("127.0.0.1:1", server.url)), registry, FAST)
    store.prepare()
    assert store.write(documents(3)).stored == 3


@pytest.mark.parametrize(
    "address", ["http://", "ftp://x:9200", "localhost:port", "localhost:99999", "", "http://u:s3cret@x:y"]
)
def test_address_that_is_none(address: str, registry: Registry) -> None:
    with pytest.raises(UsageError) as caught:
        ElasticsearchStore(Connection((address,)), registry)
    assert SECRET not in caught.value.message


@pytest.mark.parametrize(
    ("node", "shown"),
    [
        ("localhost", "http://localhost:9200"),
        ("localhost:9201", "http://localhost:9201"),
        ("https://es", "https://es:9200"),
        ("https://u:s3cret@es:443/path/", "https://es:443/path"),
        ("[::1]:9201", "http://[::1]:9201"),
    ],
)
def test_addresses_are_shown_whole_and_without_secrets(node: str, shown: str) -> None:
    connection = Connection((node,), password=SECRET, api_key=SECRET)
    assert connection.addresses == shown
    assert SECRET not in repr(connection)


def test_credentials(server: Server, registry: Registry) -> None:
    with_user = server.url.replace("//", "//u%40x:p%3Aw@")
    for connection in (
        Connection((with_user,)),
        Connection((server.url,), user="u@x", password="p:w"),
        Connection((with_user,), api_key="k"),
    ):
        ElasticsearchStore(connection, registry).prepare()
    each = len(server.headers) // 3
    assert [sent["authorization"] for sent in server.headers] == [
        *["Basic dUB4OnA6dw=="] * 2 * each,
        *["ApiKey k"] * each,
    ]


@pytest.fixture
def tls_server(certificate: tuple[Path, Path]) -> Iterator[Server]:
    with fault_server(tls_context(str(certificate[0]), str(certificate[1]))) as running:
        yield running


def fingerprint(certificate: Path) -> str:
    command = ["openssl", "x509", "-in", str(certificate), "-noout", "-fingerprint", "-sha256"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.partition("=")[2].strip()


def test_trusted_certificates(tls_server: Server, certificate: tuple[Path, Path], registry: Registry) -> None:
    nodes = (tls_server.url,)
    for connection in (
        Connection(nodes, ca_cert=certificate[0]),
        Connection(nodes, fingerprint=fingerprint(certificate[0])),
        Connection(nodes, verify=False),
    ):
        before = len(tls_server.requests)
        ElasticsearchStore(connection, registry).prepare()
        assert len(tls_server.requests) > before


def test_certificate_failures(tls_server: Server, certificate: tuple[Path, Path], registry: Registry) -> None:
    port = tls_server.server_port
    for connection, cause in {
        Connection((tls_server.url,)): "has a certificate from an unknown authority",
        Connection((f"https://127.1:{port}",), ca_cert=certificate[0]): "has a certificate for another name",
        Connection((tls_server.url,), fingerprint="00" * 32): "has a certificate with another fingerprint",
        Connection((f"http://127.0.0.1:{port}",)): "cannot be reached",
    }.items():
        with pytest.raises(StoreError, match=cause) as caught:
            ElasticsearchStore(connection, registry, FAST).prepare()
        assert caught.value.hint
        assert "\n" not in caught.value.message


def test_tls_to_a_plain_server(server: Server, registry: Registry) -> None:
    with pytest.raises(StoreError, match="does not speak TLS"):
        ElasticsearchStore(Connection((server.url.replace("http", "https"),)), registry, FAST).prepare()


def test_missing_certificate_file(registry: Registry) -> None:
    with pytest.raises(UsageError, match="no such certificate file"):
        ElasticsearchStore(Connection(("https://x",), ca_cert=Path("/nonexistent.pem")), registry)


def test_warnings_of_the_server(server: Server, store: ElasticsearchStore, recwarn: pytest.WarningsRecorder) -> None:
    """They are about requests that the user did not write, and may have characters that a terminal obeys."""
    server.warning = '299 Elasticsearch-9.0.0-abc "\x1b[31mthis setting\x1b[2J is deprecated\x07"'
    store.prepare()
    assert store.write(documents(1)).stored == 1
    assert not recwarn.list
