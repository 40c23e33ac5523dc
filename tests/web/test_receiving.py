"""A capture is sent to the page, and its progress is asked for."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from starlette.types import Message, Receive, Scope, Send

from espcap.base.errors import EspcapError
from espcap.captures.sources import CaptureFile
from espcap.ingest.report import Report
from espcap.web.application import build
from espcap.web.parts import Parts
from espcap.web.uploads import Uploads
from tests.support.asgi import Exchange
from tests.support.command import CAPTURES

BODY = (CAPTURES / "dns.pcap").read_bytes
"""Reads a capture."""


class Indexer:
    """Waits until it may go on, and then fails if it is told to."""

    def __init__(self) -> None:
        self.report = Report()
        self.may_go_on = threading.Event()
        self.failure: EspcapError | None = None

    def read(self, capture: CaptureFile) -> None:
        assert self.may_go_on.wait(30)
        if self.failure:
            raise self.failure

    def interrupt(self, signal: int) -> None:
        self.may_go_on.set()


@pytest.fixture
def indexer() -> Iterator[Indexer]:
    made = Indexer()
    yield made
    made.may_go_on.set()


@pytest.fixture
def application(uploads: Uploads) -> Any:
    unused = cast(Any, None)
    return build(Parts("node", unused, unused, unused, uploads, None, ()))


def send(application: Any, name: str, *pieces: bytes, ends: bool = True) -> Exchange:
    """Sends a body in pieces; if it does not end, the client goes."""
    exchange = Exchange()
    waiting: list[Message] = [{"type": "http.request", "body": each, "more_body": True} for each in pieces]
    waiting.append({"type": "http.request", "body": b""} if ends else {"type": "http.disconnect"})

    async def asked(scope: Scope, receive: Receive, send: Send) -> None:
        async def body() -> Message:
            return waiting.pop(0)

        await application(scope, body, send)

    return exchange.run(asked, "/captures", method="POST", query=f"name={name}")


def test_progress_of_a_capture(application: Any, uploads: Uploads, indexer: Indexer) -> None:
    body = BODY()
    sent = send(application, "a.pcap", body[:100], body[100:])
    assert sent.status == 202
    upload = uploads.find(0)
    assert upload
    assert (upload.name, upload.size) == ("a.pcap", len(body))
    upload.position, upload.packets = 1000, 12345
    asked = Exchange().run(application, "/captures/0")
    assert asked.status == 200
    assert "hx-trigger" not in asked.headers
    text = asked.body.decode()
    assert 'hx-get="captures/0"' in text  # the page asks again
    assert f'<progress max="{len(body)}" value="1000"' in text
    assert "Indexing a.pcap: 12,345 packets" in text


def test_the_page_searches_again_when_a_capture_is_indexed(
    application: Any, uploads: Uploads, indexer: Indexer
) -> None:
    indexer.may_go_on.set()
    send(application, "a.pcap", BODY())
    uploads.close()
    asked = Exchange().run(application, "/captures/0")
    assert (asked.status, asked.headers["hx-trigger"]) == (200, "indexed")
    text = asked.body.decode()
    assert "a.pcap is indexed." in text
    assert "hx-get" not in text
    assert indexer.report.summary() in text


def test_the_failure_of_a_capture_is_shown(application: Any, uploads: Uploads, indexer: Indexer) -> None:
    indexer.failure = EspcapError("the <store> is away", "start it")
    indexer.may_go_on.set()
    send(application, "a.pcap", BODY())
    uploads.close()
    text = Exchange().run(application, "/captures/0").body.decode()
    assert "a.pcap: the &lt;store&gt; is away (start it)" in text
    assert "is indexed" not in text


def test_a_client_that_goes_leaves_nothing(application: Any, uploads: Uploads, tmp_path: Path) -> None:
    assert send(application, "a.pcap", BODY()[:5000], ends=False).status == 400
    assert list((tmp_path / "captures").iterdir()) == []
    assert uploads.find(0) is None


def test_a_body_that_is_not_a_capture(application: Any, tmp_path: Path) -> None:
    sent = send(application, "a.pcap", b"no capture" * 1000)
    assert sent.status == 422
    assert b"this is not a capture" in sent.body
    assert list((tmp_path / "captures").iterdir()) == []


def test_progress_of_a_capture_that_was_not_sent(application: Any) -> None:
    asked = Exchange().run(application, "/captures/0")
    assert asked.status == 422
    assert b"this capture does not exist (it was sent to an earlier run of espcap serve)" in asked.body


@pytest.mark.parametrize(("path", "method", "status"), [("/captures", "GET", 405), ("/captures/x", "GET", 404)])
def test_other_requests_are_not_answered(path: str, method: str, status: int, application: Any) -> None:
    assert Exchange().run(application, path, method=method).status == status


def test_captures_of_several_clients_at_the_same_time(
    application: Any, uploads: Uploads, indexer: Indexer, tmp_path: Path
) -> None:
    indexer.may_go_on.set()
    body = BODY()

    async def stream(start: int) -> Any:
        for place in range(start, len(body), 700):
            await asyncio.sleep(0)
            yield body[place : place + 700]

    async def receive() -> list[Any]:
        return await asyncio.gather(*(uploads.receive(f"{name}.pcap", stream(0)) for name in "ab"))

    assert sorted(each.number for each in asyncio.run(receive())) == [0, 1]
    uploads.close()
    for name in "ab":
        assert (tmp_path / "captures" / f"{name}.pcap").read_bytes() == body
        asked = Exchange().run(application, f"/captures/{'ab'.index(name)}")
        assert b"is indexed." in asked.body
