"""`import espcap`: reading, indexing and searching from Python."""

import asyncio
import gc
import importlib.resources
import itertools
import json
import pickle
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial, partialmethod
from pathlib import Path
from typing import Any

import pytest

import espcap
from espcap.captures.sources import capture_file
from espcap.ingest.stream import DocumentStream
from espcap.searches import paging
from espcap.stores.local.store import LocalStore
from espcap.tshark.arguments import Settings
from tests.support.command import CAPTURES, ROOT, children, environment
from tests.support.command import espcap as command
from tests.support.hostile import files

HTTP, DNS, ARP = CAPTURES / "http_xml.pcap", CAPTURES / "dns.pcap", CAPTURES / "arp.pcap"
COPIES = 150
MANY = 24 * COPIES
"""Packets of the fixture `many`."""


@pytest.fixture(autouse=True)
def _no_child_is_left() -> Iterator[None]:
    before = children()
    yield
    assert children() <= before


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """More packets than fit in the pipes and the queue on the way here."""
    head, records = DNS.read_bytes()[:24], DNS.read_bytes()[24:]
    path = tmp_path_factory.mktemp("many") / "many.pcap"
    path.write_bytes(head + records * COPIES)
    return path


@pytest.fixture(scope="module")
def node(many: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A local index of some captures."""
    node = f"local:{tmp_path_factory.mktemp('index')}"
    report = espcap.index(many, HTTP, str(ARP), node=node)
    assert (report.files, report.stored, report.exit_code) == (3, MANY + 33 + 6, 0)
    return node


def numbers(documents: list[dict[str, Any]]) -> list[int]:
    return [document["layers"]["frame"]["number"] for document in documents]


class TestRead:
    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({}, ()),
            ({"payload": True, "count": 12}, ("--payload", "--count", "12")),
            ({"display_filter": "http"}, ("-Y", "http")),
            (
                {"decode_as": ["tcp.port==80,http2"], "preferences": ["tcp.desegment_tcp_streams:FALSE"]},
                ("-d", "tcp.port==80,http2", "-o", "tcp.desegment_tcp_streams:FALSE"),
            ),
        ],
        ids=["as it is", "payload", "filter", "preferences"],
    )
    def test_documents_are_those_of_the_command(self, options: dict[str, Any], words: tuple[str, ...]) -> None:
        documents = list(espcap.read(str(HTTP), **options))
        assert documents == command("--file", HTTP, *words).documents
        assert documents

    def test_files_and_folders(self, tmp_path: Path) -> None:
        (tmp_path / "below").mkdir()
        shutil.copy(ARP, tmp_path / "below")
        (tmp_path / "notes.txt").write_text("no capture\n")
        names = [document["file_name"] for document in espcap.read(DNS, tmp_path)]
        assert names == [str(DNS)] * 24 + [str(tmp_path / "below" / "arp.pcap")] * 6

    def test_never_far_ahead(self, many: Path) -> None:
        source = capture_file(str(many))
        with DocumentStream(Settings(), False, lambda: [source]) as reading:
            assert len(list(itertools.islice(reading, 1000))) == 1000
            time.sleep(0.3)
            assert reading.report.read <= 1500

    def test_problems_to_be_told(self, tmp_path: Path) -> None:
        files.cut_in_data(tmp_path / "damaged.pcap")
        (tmp_path / "notes.txt").write_text("no capture\n")
        problems: list[espcap.Problem] = []
        documents = list(espcap.read(tmp_path, tmp_path / "missing", on_problem=problems.append))
        assert numbers(documents) == list(range(1, 10))
        assert [problem.severity for problem in problems] == [
            espcap.Severity.PARTIAL,
            espcap.Severity.NOTE,
            espcap.Severity.PARTIAL,
        ]
        assert "No such file" in problems[2].message

    def test_a_missing_file(self) -> None:
        with pytest.raises(espcap.EspcapError, match=r"cannot read missing\.pcap: No such file") as told:
            list(espcap.read("missing.pcap"))
        assert told.value.hint == "check the path"

    def test_several_problems(self) -> None:
        with pytest.raises(espcap.IncompleteError, match=r"^cannot read one: .*\(and 1 more\)$"):
            list(espcap.read("one", ARP, "two"))

    @pytest.mark.parametrize(
        ("sources", "options", "message", "hint"),
        [
            ((), {}, "nothing to read", "name captures"),
            (("-",), {}, "standard input", "./-"),
            ((ARP,), {"display_filter": "no.such"}, "no.such", "wireshark-filter"),
            ((ARP,), {"preferences": "no.such:1"}, "no.such", "man tshark"),
        ],
        ids=["nothing", "standard input", "filter", "preference"],
    )
    def test_wrong_usage(self, sources: Any, options: dict[str, Any], message: str, hint: str) -> None:
        with pytest.raises(espcap.UsageError, match=message) as told:
            next(espcap.read(*sources, **options))
        assert hint in told.value.hint

    def test_errors_of_the_caller(self, many: Path) -> None:
        def stop(packets: Iterator[Any]) -> None:
            for _ in packets:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            stop(espcap.read(many))
        gc.collect()


class TestIndex:
    def test_again(self, node: str) -> None:
        again = espcap.index(HTTP, ARP, node=node)
        assert (again.read, again.stored, again.already_there, again.done_before) == (39, 0, 39, 2)
        dissected = espcap.index(ARP, node=node, again=True)
        assert (dissected.stored, dissected.already_there, dissected.done_before) == (0, 6, 0)

    def test_stores_that_cannot_be_used(self, tmp_path: Path) -> None:
        file = tmp_path / "file"
        file.touch()
        with pytest.raises(espcap.EspcapError, match="file") as told:
            espcap.index(ARP, node=f"local:{file}")
        assert told.value.hint
        with pytest.raises(espcap.StoreError):
            espcap.index(ARP, node=espcap.Connection(("127.0.0.1:1",)))
        with pytest.raises(espcap.UsageError, match="no node"):
            espcap.index(ARP, node=())

    def test_a_store_that_fails_on_the_way(self, many: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The summary says what is stored, and the error what was wrong."""
        batches = itertools.count()

        def fail(write: Callable[..., Any], store: LocalStore, batch: Any, outcome: Any = None) -> Any:
            if next(batches):
                raise espcap.StoreError("the disk is full", "make room")
            return write(store, batch, outcome)

        for name in ("write", "write_columns"):  # the latter with the native reader
            monkeypatch.setattr(LocalStore, name, partialmethod(partial(fail, getattr(LocalStore, name))))
        monkeypatch.setattr("espcap.tshark.plugin.ROWS", 1000)
        with pytest.raises(espcap.IncompleteError, match="the disk is full") as told:
            espcap.index(many, node=f"local:{tmp_path}")
        assert isinstance(told.value.__cause__, espcap.StoreError)
        report = told.value.report
        assert (report.stored, report.exit_code) == (1000, 1)
        assert report.not_stored == report.read - 1000 > 0
        assert espcap.count(node=f"local:{tmp_path}") == 1000

    def test_signals_and_descriptors_stay(self, tmp_path: Path) -> None:
        handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)]
        espcap.index(ARP, node=f"local:{tmp_path}")
        gc.collect()
        before = len(list(Path("/proc/self/fd").iterdir()))
        espcap.index(ARP, node=f"local:{tmp_path}", again=True)
        list(espcap.read(ARP))
        gc.collect()
        assert len(list(Path("/proc/self/fd").iterdir())) <= before
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)] == handlers


class TestSearch:
    def test_all_packets_come(self, node: str) -> None:
        """Over several pages, in which many packets are of the same time."""
        documents = list(espcap.search(node=node))
        assert (
            len({(document["capture_id"], document["layers"]["frame"]["number"]) for document in documents})
            == MANY + 39
        )
        assert len(documents) == MANY + 39
        times = [document["@timestamp"] for document in documents]
        assert times == sorted(times)
        assert list(espcap.search(node=node, size=1500)) == documents[:1500]
        assert list(espcap.search(node=node, size=0)) == []

    def test_documents_are_those_of_the_command(self, node: str) -> None:
        words = ("source.ip:192.0.2.0/24", "-Y", "tcp", "--since", "2024-05-01", "--until", "2024-05-02")
        until = datetime(2024, 5, 2, tzinfo=UTC)
        found = list(espcap.search(words[0], display_filter="tcp", since="2024-05-01", until=until, node=node))
        assert found == command("search", *words, "--node", node, "--size", "9999").documents
        assert found

    def test_order(self, node: str) -> None:
        found = list(espcap.search("protocol:http", node=node, sort="-source.bytes"))
        sizes = [document["source"]["bytes"] for document in found]
        assert sizes == sorted(sizes, reverse=True)
        assert len(set(sizes)) > 1

    def test_counts(self, node: str) -> None:
        assert espcap.count(node=node) == MANY + 39
        assert espcap.count("protocol:arp", node=node) == 6
        assert espcap.count(display_filter="arp.opcode == 1", since="2024-05-01", node=node) == 4
        assert espcap.stats("protocol:dns", node=node, size=3) == json.loads(
            command("stats", "protocol:dns", "--node", node, "--size", "3").output
        )

    def test_numbers_of_a_field(self, node: str) -> None:
        found = espcap.stats("protocol:dns", node=node, field="frame.len", by="ip.src", size=1)
        arguments = ("--field", "frame.len", "--by", "ip.src", "--size", "1")
        assert found == json.loads(command("stats", "protocol:dns", *arguments, "--node", node).output)
        assert found["groups"][0]["count"] > 0
        with pytest.raises(espcap.UsageError, match=r"layers\.ip\.src has no numbers"):
            espcap.stats(node=node, field="ip.src")
        with pytest.raises(espcap.UsageError, match="by needs a field"):
            espcap.stats(node=node, by="ip.src")

    def test_more_than_can_be_sorted(self, node: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(paging, "MOST_COUNTED", 2500)
        found = espcap.search("protocol:dns", node=node, sort="layers.dns.id")
        assert len(list(itertools.islice(found, 2000))) == 2000
        total = espcap.count("protocol:dns", node=node)
        with pytest.raises(espcap.EspcapError, match=f"only the first 2,000 of {total:,} packets"):
            next(found)

    @pytest.mark.parametrize(
        "options",
        [{"query": "protocol:("}, {"display_filter": "tcp.port =="}, {"since": "then"}, {"node": []}, {"size": -1}],
        ids=lambda options: next(iter(options)),
    )
    def test_wrong_questions(self, options: dict[str, Any], node: str) -> None:
        with pytest.raises(espcap.UsageError) as told:
            espcap.search(**{"node": node} | options)
        assert told.value.message
        assert told.value.hint

    def test_a_field_that_is_none(self, node: str) -> None:
        for query, sort in (("layers.dns.qry_nam:x", "@timestamp"), ("", "-layers.dns.qry_nam")):
            with pytest.raises(espcap.UsageError, match=r"did you mean layers\.dns\.qry_name"):
                espcap.search(query, sort=sort, node=node)

    def test_names_of_display_filters(self, node: str) -> None:
        found = list(espcap.search("_exists_:dns.time", sort="-dns.time", node=node))
        times = [packet["layers"]["dns"]["time"] for packet in found]
        assert times
        assert times == sorted(times, reverse=True)
        assert found == list(espcap.search("_exists_:layers.dns.time", sort="-layers.dns.time", node=node))

    def test_a_display_filter_as_query(self, node: str) -> None:
        with pytest.warns(UserWarning, match="the query is used as a display filter") as told:
            taken = espcap.count("dns && ip.src == 192.0.2.1", node=node)
        assert told[0].filename == __file__
        assert 0 < taken == espcap.count(display_filter="dns && ip.src == 192.0.2.1", node=node)
        with pytest.raises(espcap.UsageError, match="is a capture filter"):
            espcap.count("udp port 53", node=node)


class TestSideBySide:
    def test_readings(self) -> None:
        """One packet of each in turn."""
        pairs = list(itertools.zip_longest(espcap.read(DNS), espcap.read(ARP)))
        assert [first["file_name"] for first, _ in pairs] == [str(DNS)] * 24
        assert [second["file_name"] for _, second in pairs if second] == [str(ARP)] * 6

    def test_threads(self, tmp_path: Path, node: str) -> None:
        def run(capture: Path) -> tuple[int, int]:
            espcap.index(capture, DNS, node=f"local:{tmp_path}")
            return len(list(espcap.read(capture))), len(list(espcap.search("protocol:http", node=node)))

        with ThreadPoolExecutor(2) as threads:
            assert list(threads.map(run, [HTTP, ARP])) == [(33, 8), (6, 8)]
        assert espcap.count(node=f"local:{tmp_path}") == 33 + 6 + 24

    def test_below_a_running_event_loop(self, tmp_path: Path) -> None:
        async def cell() -> tuple[int, int, int]:
            report = espcap.index(ARP, node=f"local:{tmp_path}")
            return len(list(espcap.read(ARP))), report.stored, len(list(espcap.search(node=f"local:{tmp_path}")))

        assert asyncio.run(cell()) == (6, 6, 6)


@pytest.mark.parametrize("end", [lambda packets: packets.close(), lambda packets: None], ids=["closed", "dropped"])
def test_an_early_end_ends_tshark(many: Path, end: Callable[[Any], None]) -> None:
    before, threads = children(), threading.active_count()
    packets = espcap.read(many)
    assert next(packets)["layers"]["frame"]["number"] == 1
    assert children() > before
    end(packets)
    del packets
    gc.collect()
    assert children() == before
    assert threading.active_count() == threads


def test_the_end_of_the_program_ends_tshark(many: Path) -> None:
    program = "import espcap, sys; packets = espcap.read(sys.argv[1]); print(len(next(packets)['capture_id']))"
    words = [sys.executable, "-c", program, str(many)]
    ran = subprocess.run(words, env=environment(), cwd=ROOT, capture_output=True, timeout=60, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"32\n", b"")


def test_packets_left_out_are_raised_last(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """All that can be read comes first, that of other captures too."""
    packets = espcap.read(files.cut_in_data(tmp_path / "damaged.pcap"), ARP)
    documents = list(itertools.islice(packets, 15))
    with pytest.raises(
        espcap.IncompleteError, match=r"cut short in the middle of a packet.*, after 9 packets$"
    ) as told:
        next(packets)
    assert numbers(documents) == [*range(1, 10), *range(1, 7)]
    assert told.value.hint == "packets that were read are stored; the rest of this file cannot be read"
    assert (told.value.report.files, told.value.report.read, told.value.report.exit_code) == (2, 15, 3)
    assert capfd.readouterr() == ("", "")


def test_packets_not_indexed_are_raised(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    node, damaged = f"local:{tmp_path}/index", files.cut_in_data(tmp_path / "damaged.pcap")
    with pytest.raises(espcap.IncompleteError, match="cut short") as told:
        espcap.index(damaged, node=node)
    assert (told.value.report.stored, told.value.report.as_json()["exit_code"]) == (9, 3)
    assert espcap.count(node=node) == 9
    copy = pickle.loads(pickle.dumps(told.value))
    assert (copy.message, copy.hint, copy.report) == (told.value.message, told.value.hint, told.value.report)
    assert capfd.readouterr() == ("", "")


def test_import_is_light() -> None:
    program = "import espcap, sys; print(*{name.partition('.')[0] for name in sys.modules}, *sys.modules)"
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(ran.stdout.split())
    assert "espcap" in loaded
    assert not loaded & {
        "pyshark",
        "elasticsearch",
        "numpy",
        "pyarrow",
        "click",
        "lark",
        "luqum",
        "orjson",
        "typing",
        "espcap.api",
    }


def test_names() -> None:
    assert all(getattr(espcap, name) for name in espcap.__all__)
    assert set(espcap.__all__) <= set(dir(espcap))
    assert espcap.__version__
    with pytest.raises(AttributeError, match="no_such"):
        espcap.no_such  # type: ignore[attr-defined]  # noqa: B018
    assert (importlib.resources.files("espcap") / "py.typed").is_file()
