"""One packet, its stream, and many packets as a capture, from an index whose captures may be gone."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode

import pytest

from espcap.captures.sources import capture_file
from espcap.fields.protocols import read_list
from espcap.fields.registry import Registry
from espcap.ingest.job import Job
from espcap.ingest.pipeline import Pipeline
from espcap.query import And, Equals
from espcap.searches.searcher import Searcher
from espcap.stores.local.store import LocalStore
from espcap.tshark.arguments import Settings
from espcap.tshark.program import Program, dissecting_user
from espcap.web import packets as room
from espcap.web.application import build
from espcap.web.dissector import Dissector
from espcap.web.parts import Parts
from espcap.web.searchers import SearcherPool
from tests.support.asgi import Exchange
from tests.support.command import CAPTURES

pytest_plugins = ["tests.support.core_fixtures"]

NAMES = ["http_xml.pcap", "dns.pcap", "arp.pcap"]


@pytest.fixture(scope="module")
def folder(program: Program, registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Captures, and an index of them."""
    made = tmp_path_factory.mktemp("packets")
    store = LocalStore(made / "index", registry)
    store.prepare()
    sources = [capture_file(str(shutil.copy(CAPTURES / name, made))) for name in NAMES]
    report = Pipeline(Job(program, registry, read_list(), Settings()), store).run(sources)
    store.flush()
    store.close()
    assert report.stored == report.read > 50
    return made


@pytest.fixture(scope="module")
def parts(folder: Path, program: Program, registry: Registry) -> Iterator[Parts]:
    def searcher() -> Searcher:
        own = Registry(registry.path)
        return Searcher(program, own, LocalStore(folder / "index", own))

    user = dissecting_user(program)
    pools = SearcherPool(searcher, 1), SearcherPool(searcher, 1)
    made = Parts("node", *pools, Dissector(program, user, Settings(), ()), cast(Any, None), user, ())
    yield made
    for part in (*pools, made.dissector):
        part.close()


@pytest.fixture(scope="module")
def identifiers(folder: Path, registry: Registry) -> dict[str, str]:
    """The identifier of the first packet of each capture."""
    store = LocalStore(folder / "index", registry)
    found = {}
    for name in NAMES:
        query = And((Equals("file_name", str(folder / name)), Equals("layers.frame.number", 1)))
        [found[name]] = [hit.id for hit in store.search(query).hits]
    store.close()
    return found


@pytest.fixture
def gone(folder: Path) -> Iterator[Path]:
    """A capture that is away during the test."""
    path = folder / "dns.pcap"
    path.rename(folder / "away")
    yield path
    (folder / "away").rename(path)


def ask(parts: Parts, path: str, **parameters: str) -> Exchange:
    return Exchange().run(build(parts), path, query=urlencode(parameters))


def hashes(capture: Path, display_filter: str = "") -> list[str]:
    """Digests of the packets that tshark finds."""
    command = [
        "tshark",
        "-n",
        "-r",
        str(capture),
        "-o",
        "frame.generate_md5_hash:TRUE",
        "-Y",
        display_filter or "frame",
    ]
    command += ["-T", "fields", "-e", "frame.time_epoch", "-e", "frame.md5_hash"]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout.splitlines()


@pytest.mark.parametrize(("name", "stream"), [("http_xml.pcap", True), ("dns.pcap", True), ("arp.pcap", False)])
def test_packet_with_its_tree_and_bytes(name: str, stream: bool, parts: Parts, identifiers: dict[str, str]) -> None:
    answer = ask(parts, "/packet", packet=identifiers[name])
    text = unescape(answer.body.decode())
    assert answer.status == 200
    assert "<h2>Packet 1</h2>" in text
    command = ["tshark", "-n", "-r", str(CAPTURES / name), "-c", "1", "-x"]
    dump = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    rows = [line[:53].rstrip() for line in dump.splitlines() if line]
    assert len(rows) > 2
    assert [row for row in rows if row not in text] == []
    assert 'data-filter="frame.number == 1"' in text
    assert ("Follow stream" in text) is stream


def test_packet_whose_capture_is_gone_is_shown_as_its_document(
    parts: Parts, identifiers: dict[str, str], gone: Path
) -> None:
    answer = ask(parts, "/packet", packet=identifiers["dns.pcap"])
    text = unescape(answer.body.decode())
    assert answer.status == 200
    assert f"the capture {gone} is gone" in text
    assert '"capture_id": ' in text
    assert "<h2>Packet 1</h2>" in text
    assert 'role="tree"' not in text


@pytest.mark.parametrize("path", ["/packet", "/stream"])
def test_packet_that_does_not_exist(path: str, parts: Parts) -> None:
    answer = ask(parts, path, packet="<x>-1")
    assert answer.status == 422
    assert b"packet &lt;x&gt;-1 does not exist (it may have been deleted)" in answer.body


def test_stream_is_the_payload_of_the_conversation(parts: Parts, identifiers: dict[str, str]) -> None:
    answer = ask(parts, "/stream", packet=identifiers["http_xml.pcap"])
    text = unescape(answer.body.decode())
    assert answer.status == 200
    assert text.index('<pre class="begins">GET ') < text.index('<pre class="answers">HTTP/1.1 200 OK')


def test_long_streams_are_cut(parts: Parts, identifiers: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MOST_BYTES", 100)
    shown = unescape(ask(parts, "/stream", packet=identifiers["http_xml.pcap"]).body.decode())
    command = ["tshark", "-n", "-r", str(CAPTURES / "http_xml.pcap"), "-Y", "tcp.stream == 0"]
    lengths = subprocess.run([*command, "-T", "fields", "-e", "tcp.len"], capture_output=True, check=True).stdout
    assert f"Only the first 100 of {sum(map(int, lengths.split())):,} bytes are shown." in shown


def test_stream_of_a_packet_without_one(parts: Parts, identifiers: dict[str, str]) -> None:
    answer = ask(parts, "/stream", packet=identifiers["arp.pcap"])
    assert answer.status == 422
    assert b"the packet does not belong to a TCP or UDP conversation" in answer.body


def test_extracted_packets_are_those_of_the_view(parts: Parts, folder: Path, tmp_path: Path) -> None:
    answer = ask(parts, "/extract", filter="dns.flags.response == 1")
    (tmp_path / "packets.pcapng").write_bytes(answer.body)
    expected = hashes(CAPTURES / "dns.pcap", "dns.flags.response == 1")
    assert hashes(tmp_path / "packets.pcapng") == expected
    assert len(expected) > 5
    headers = answer.headers
    assert (headers["espcap-packets"], headers["espcap-missing"]) == (str(len(expected)), "0")
    assert headers["content-type"] == "application/x-pcapng"
    assert headers["content-disposition"] == 'attachment; filename="packets.pcapng"'


def test_extracted_conversations_have_all_their_packets(parts: Parts, tmp_path: Path) -> None:
    answer = ask(parts, "/extract", filter="http.request", flow="1")
    (tmp_path / "packets.pcapng").write_bytes(answer.body)
    streams = ["tshark", "-n", "-r", str(CAPTURES / "http_xml.pcap"), "-Y", "http.request", "-T", "fields"]
    found = subprocess.run([*streams, "-e", "tcp.stream"], capture_output=True, check=True, text=True).stdout.split()
    expected = hashes(CAPTURES / "http_xml.pcap", f"tcp.stream in {{{','.join(found)}}}")
    assert hashes(tmp_path / "packets.pcapng") == expected
    assert answer.headers["content-disposition"] == 'attachment; filename="conversations.pcapng"'


def test_packets_that_cannot_be_extracted_are_counted(parts: Parts, gone: Path) -> None:
    answer = ask(parts, "/extract", filter="frame.number == 1")
    assert answer.status == 200
    assert (answer.headers["espcap-packets"], answer.headers["espcap-missing"]) == ("2", "1")
    assert answer.headers["espcap-reason"].startswith(f"the capture {gone} is gone (")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"filter": "dns"}, "no packet can be extracted (the capture "),
        ({"filter": "frame.number == 4000000000"}, "no packet can be extracted (no packet matches)"),
        ({"filter": "dns &&"}, "it ends too early"),
        ({"filter": "dns &&", "since": "never"}, "; 'never' is not a time"),
    ],
)
def test_nothing_to_extract_is_an_error(parameters: dict[str, str], message: str, parts: Parts, gone: Path) -> None:
    answer = ask(parts, "/extract", **parameters)
    assert answer.status == 422
    assert message in unescape(answer.body.decode())


def test_full_disk_during_an_extraction(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    with open("/dev/full", "r+b", buffering=0) as full:
        monkeypatch.setattr(tempfile, "TemporaryFile", lambda: full)
        answer = ask(parts, "/extract", filter="dns")
    assert answer.status == 500
    expected = f"cannot extract the packets: No space left on device (make room in {tempfile.gettempdir()})"
    assert expected in unescape(answer.body.decode())
