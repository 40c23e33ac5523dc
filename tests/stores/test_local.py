"""The local index: what it keeps when processes die, meet or find it damaged, and where its limits are."""

import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from pathlib import Path
from queue import Queue
from textwrap import dedent

import pytest

from espcap.base.errors import StoreError, UsageError
from espcap.fields.registry import Registry
from espcap.query import Equals, Everything, Exists, Query, Range
from espcap.query.accuracy import accuracy_notes
from espcap.query.lucene import parse
from espcap.sinks import Outcome
from espcap.stores.local import writer as local_writer
from espcap.stores.local.day import OpenDay
from espcap.stores.local.kinds import RecordedKinds
from espcap.stores.local.store import LocalStore
from tests.support.documents import CAPTURE, FIELDS, FIRST, SECOND, documents, make
from tests.support.small_registry import small_registry

DAY = f"packets-{FIRST}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "local"


@pytest.fixture
def store(folder: Path, packet_registry: Registry) -> Iterator[LocalStore]:
    opened = LocalStore(folder, packet_registry)
    opened.prepare()
    yield opened
    opened.close()


@pytest.fixture
def reader(folder: Path, packet_registry: Registry) -> LocalStore:
    """Another store of the same folder, as another process has it."""
    return LocalStore(folder, packet_registry)


def total(store: LocalStore) -> int:
    return store.search(Everything(), size=0).total


def test_nothing_there(reader: LocalStore) -> None:
    found = reader.search(Everything(), aggregations={"ports": {"terms": {"field": "source.port"}}})
    assert (found.total, found.hits, found.aggregations) == (0, [], {"ports": {"buckets": []}})


def test_body_is_returned_as_given(store: LocalStore) -> None:
    text = "".join(map(chr, range(256))) + '\u2028\U0001f600 \\" `` \x7f\x7f'
    store.write([document := make(1, http={"request_uri": text})])
    assert store.search(Everything()).hits[0].source == document.source


def test_index_of_another_version(store: LocalStore, folder: Path) -> None:
    store.write([make(1)])
    store.flush()
    manifest = folder / DAY / "segments.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"format": 0}))
    with pytest.raises(StoreError) as raised:
        store.search(Everything())
    assert str(raised.value) == f"the local index {folder / DAY} failed: another version of espcap made it"
    assert raised.value.hint == f"remove {folder / DAY} and store its captures again"


def test_index_of_tantivy(reader: LocalStore, folder: Path) -> None:
    """As espcap 0.1 made them. It is not taken for an empty day."""
    (folder / DAY).mkdir(parents=True)
    (folder / DAY / "meta.json").write_text("{}")
    uses = (lambda: reader.search(Everything()), reader.days, reader.check, reader.prepare)
    for use in (*uses, lambda: reader.write([make(1)])):
        with pytest.raises(StoreError, match="an earlier version of espcap made it") as raised:
            use()
        hint = f"remove the folders packets-* in {folder}, and index the captures again, with --again"
        assert raised.value.hint == hint
    reader.delete(DAY)
    assert reader.write([make(1)]).stored == 1


def test_index_without_documents(folder: Path, reader: LocalStore, packet_registry: Registry) -> None:
    """As a process leaves it that ends before its first commit."""
    folder.mkdir()
    OpenDay(folder / DAY, RecordedKinds(folder, packet_registry.kind))
    assert reader.search(Everything()).hits == []


def test_files_are_private(store: LocalStore, folder: Path) -> None:
    store.write(documents())
    store.close()
    assert {path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_dir()} == {0o700}
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_file()} == {0o600}


def test_batches_in_quick_succession_wait(store: LocalStore, reader: LocalStore) -> None:
    for number in (1, 2, 3):
        store.write([make(number)])
    assert total(reader) == 0
    assert total(store) == total(reader) == 3


def test_flush_if_due(store: LocalStore, reader: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """At once after a pause, else some time after the first that was written."""
    store.write([make(1)])
    store.flush_if_due()
    assert total(reader) == 1
    store.write([make(2)])
    store.flush_if_due()
    assert total(reader) == 1
    monkeypatch.setattr(local_writer, "OVERDUE_SECONDS", 0.0)
    store.flush_if_due()
    assert total(reader) == 2
    monkeypatch.undo()
    monkeypatch.setattr(local_writer, "QUIET_SECONDS", 0.0)
    store.write([make(3)])
    store.flush_if_due()
    assert total(reader) == 3


def test_commit_after_many_documents(store: LocalStore, reader: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_writer, "COMMIT_DOCUMENTS", 5)
    store.write([make(1)])
    for number in range(2, 6):
        store.write([make(number)])
    assert total(reader) == 5
    store.write([make(6)])
    assert total(reader) == 5


def test_two_stores_in_turns(store: LocalStore, reader: LocalStore) -> None:
    store.write([make(1), make(2)])
    store.flush()
    assert reader.write([make(2), make(3)]).stored == 1
    reader.flush()
    assert store.write([make(3), make(4)]).stored == 1
    assert total(store) == 4


def test_another_writer_gets_its_turn(store: LocalStore, reader: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who writes without a pause keeps the lock from commit to commit, until another one waits for it."""
    monkeypatch.setattr(local_writer, "COMMIT_DOCUMENTS", 1)
    store.write([make(1)])
    assert total(reader) == 1

    def write_once() -> Outcome:
        outcome = reader.write([make(2)])
        reader.flush()  # who keeps the right to write, and does not write, would stop the other for good
        return outcome

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write_once)
        with pytest.raises(TimeoutError):
            writing.result(0.5)
        number = 2
        end = time.monotonic() + 60
        while not writing.done() and time.monotonic() < end:
            number += 1
            store.write([make(number)])
        store.flush()  # with which the other has its turn at the latest
        assert writing.result(60).stored == 1
        store.write([make(2)])
    store.flush()
    assert total(store) == number


@pytest.mark.parametrize("deletion", [lambda store: store.delete(DAY), lambda store: store.forget([CAPTURE])])
def test_deletion_says_that_it_waits(
    deletion: Callable[[LocalStore], object], store: LocalStore, folder: Path, packet_registry: Registry
) -> None:
    notes: Queue[str] = Queue()
    waiting = LocalStore(folder, packet_registry, notes.put)
    store.write([make(1)])
    store.flush()
    deletion(waiting)
    assert notes.empty()
    store.write([make(2)])
    with ThreadPoolExecutor(1) as pool:
        deleting = pool.submit(deletion, waiting)
        note = notes.get(timeout=60)
        store.flush()
        deleting.result(60)
    assert note == f"waiting until another espcap has written to the local index {folder}"
    assert notes.empty()


def test_flush_with_more_to_come(store: LocalStore, reader: LocalStore) -> None:
    """All can be read then; another process may write at the next one, where it waits."""
    store.write([make(1)])
    store.flush(more_comes=True)
    assert total(reader) == 1
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(reader.write, [make(2)])
        with pytest.raises(TimeoutError):
            writing.result(0.5)
        store.flush(more_comes=True)
        assert writing.result().stored == 1


def test_lock_is_let_go_when_nothing_comes(
    store: LocalStore, reader: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_writer, "COMMIT_DOCUMENTS", 1)
    store.write([make(1)])
    store.write([make(2)])
    monkeypatch.setattr(local_writer, "QUIET_SECONDS", 0.0)
    store.flush_if_due()
    assert reader.write([make(3)]).stored == 1


def test_flush_while_batches_are_written(store: LocalStore) -> None:
    """As a live capture does, before it removes what is stored from its spool."""
    with ThreadPoolExecutor(1) as threads:
        written = [
            threads.submit(store.write, [make(number) for number in range(first, first + 50)])
            for first in range(1, 1000, 50)
        ]
        while not all(each.done() for each in written):
            store.flush()
    assert sum(each.result().stored for each in written) == total(store) == 1000


def test_many_days_at_once(store: LocalStore) -> None:
    days = [f"2015-01-{day:02}" for day in range(1, 12)]
    batch = [make(number, days[number % 11]) for number in range(33)]
    assert (store.write(batch).stored, store.write(batch).already_there) == (33, 33)
    found = store.search(Everything(), size=33, sort=[("@timestamp", True)])
    times = [hit.source["@timestamp"] for hit in found.hits]
    assert times == sorted(times, reverse=True)


def test_documents_without_a_time(store: LocalStore, packet_registry: Registry) -> None:
    undated = make(1, "undated")
    del undated.source["@timestamp"]
    late = make(2, "2016-01-01")
    late.index = "packets-undated"
    store.write([undated, late, make(3)])
    for descending, expected in ((False, [3, 2]), (True, [2, 3])):
        hits = store.search(Everything(), size=2, sort=[("@timestamp", descending)]).hits
        assert [hit.source["layers"]["frame"]["number"] for hit in hits] == expected
    assert store.search(parse("@timestamp:2016", packet_registry.kind)).total == 1


def test_days_that_the_query_leaves_out_stay_closed(store: LocalStore, folder: Path, packet_registry: Registry) -> None:
    store.write(documents())
    store.close()
    (folder / f"packets-{SECOND}" / "segments.json").write_text("damaged")
    for text in ("@timestamp:2015-07-30", "@timestamp:[* TO 2015-07-30] protocol:tcp", "@timestamp:<2015-07-31"):
        assert store.search(parse(text, packet_registry.kind)).total > 0
    with pytest.raises(StoreError, match=f"packets-{SECOND}"):
        store.search(parse("NOT @timestamp:2015-07-30", packet_registry.kind))


@pytest.mark.parametrize("damaged", ["segments.json", "*.parquet"])
def test_damaged_day_is_named(store: LocalStore, folder: Path, reader: LocalStore, damaged: str) -> None:
    store.write(documents())
    store.close()
    for path in (folder / DAY).glob(damaged):
        path.write_bytes(b"damaged")
    with pytest.raises(StoreError) as caught:
        reader.search(Equals("protocol", "tcp"))
    assert str(folder / DAY) in caught.value.message
    assert str(folder / DAY) in caught.value.hint


def test_folder_is_a_file(tmp_path: Path, packet_registry: Registry) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError) as caught:
        LocalStore(tmp_path / "file" / "local", packet_registry).prepare()
    assert caught.value.hint == "choose a folder that you can write to: --node local:DIR"


def test_hint_is_a_command(tmp_path: Path, packet_registry: Registry) -> None:
    for name, word in (("a b", "'local:{}/a b'"), ("a\udcff", "$'local:{}/a\\xff'")):
        missing = LocalStore(tmp_path / name, packet_registry).missing()
        assert missing is not None
        assert missing.hint == f"espcap --file CAPTURE --node {word.format(tmp_path)} stores packets there"


def test_folder_with_a_name_that_parquet_cannot_open(tmp_path: Path, packet_registry: Registry) -> None:
    with pytest.raises(StoreError, match=r"its name is not UTF-8$") as caught:
        LocalStore(tmp_path / "a\udcff", packet_registry).prepare()
    assert caught.value.hint == "choose a folder with another name: --node local:DIR"


def test_disk_is_full(folder: Path, packet_registry: Registry) -> None:
    """A limit of the size of files fails as a full disk does, with another number."""
    code = """
        import resource, signal, sys
        from tests.stores.test_local import write_all
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        write_all(sys.argv[1], sys.argv[2])
    """
    process = run(code, folder, packet_registry)
    _, errors = process.communicate()
    assert process.returncode == 1
    assert f"StoreError: the local index {folder / DAY} failed: " in errors.splitlines()[-1]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_packets_that_a_failed_commit_loses_are_reported(
    error: BaseException, store: LocalStore, reader: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two days, the first of which is committed."""
    store.write([make(1)])
    store.flush()
    commit = OpenDay.commit

    def fail_on_second_day(day: OpenDay) -> None:
        if SECOND in day.folder.name:
            raise error
        commit(day)

    monkeypatch.setattr(OpenDay, "commit", fail_on_second_day)
    outcome = Outcome()
    store.write([make(1), make(2), make(3, SECOND), make(4, SECOND)], outcome)
    store.write([make(2), make(3, SECOND)], outcome)
    assert (outcome.stored, outcome.already_there) == (3, 3)
    assert store.not_durable() == Outcome(stored=3, already_there=2)
    with pytest.raises((StoreError, KeyboardInterrupt)):
        store.flush()
    assert store.not_durable() == Outcome(stored=2, already_there=1)
    assert total(reader) == 2
    monkeypatch.undo()
    assert store.write([make(3, SECOND), make(4, SECOND)]).stored == 2
    store.flush()
    assert store.not_durable() == Outcome(stored=2, already_there=1)
    assert total(reader) == 4


def test_a_store_that_failed_can_be_used_while_the_failure_is_kept(
    store: LocalStore, reader: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a process that goes on after its disk was full."""
    store.write([make(1)])

    def fail(day: OpenDay) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(OpenDay, "commit", fail)
    with pytest.raises(StoreError) as kept:
        store.flush()
    monkeypatch.undo()
    assert store.write([make(1), make(2)]).stored == 2
    store.flush()
    assert total(reader) == 2
    assert kept.value


def test_far_frame_numbers(store: LocalStore) -> None:
    """Read back from the index."""
    far = [make(1), make(2**40)]
    assert store.write(far).stored == 2
    store.flush()
    assert (store.write(far).stored, store.write(far).already_there) == (0, 2)


def test_many_values(store: LocalStore, packet_registry: Registry) -> None:
    """Of few documents."""
    for part in range(4):
        names = [f"{part}-{number}" for number in range(30_000)]
        store.write([make(part + 1, dns={"qry_name": names})])
    assert store.search(parse("layers.dns.qry_name:*-29999", packet_registry.kind)).total == 4
    request = {"names": {"terms": {"field": "layers.dns.qry_name", "size": 1}}}
    answer = store.search(Everything(), aggregations=request).aggregations["names"]
    assert answer == {"buckets": [{"key": "0-0", "doc_count": 1}]}


def test_times_that_are_not_searched_are_reported(store: LocalStore, packet_registry: Registry) -> None:
    years = (1950, 2015, 9999)
    store.write([make(number, ntp={"xmt": f"{year}-01-01T00:00:00.000000000Z"}) for number, year in enumerate(years)])
    query = parse("layers.ntp.xmt:>2000", packet_registry.kind)
    assert store.search(query).total == 1
    notes = accuracy_notes(query, packet_registry, lambda part: store.search(part, size=0).total)
    assert list(notes) == [
        "layers.ntp.xmt: 2 packets have a time before 1970 or after 2262, which is not searched; documents have it"
    ]


@pytest.mark.parametrize("others", [0, 100_000])
def test_networks(store: LocalStore, packet_registry: Registry, others: int) -> None:
    """The same with few addresses, which are looked for one by one, and with many, which are not."""
    addresses = [["10.0.0.0", "9.255.255.255"], ["10.255.255.255"], ["11.0.0.0"], ["fe80::1", "10.1.1.1"], ["fe80::"]]
    store.write([make(frame, source={"ip": each}) for frame, each in enumerate(addresses, 1)])
    if others:
        many = [str(ip_address("172.16.0.0") + number) for number in range(others)]
        store.write([make(6, source={"ip": many})])
    networks = {"10.0.0.0/8": [1, 2, 4], "0.0.0.0/0": [1, 2, 3, 4], r"fe80\:\:/64": [4, 5], "192.0.2.0/24": []}
    for network, frames in networks.items():
        found = store.search(parse(f"source.ip:{network}", packet_registry.kind)).hits
        assert [int(hit.id.rpartition("-")[2]) for hit in found if not hit.id.endswith("-6")] == frames, network
    found = store.search(parse("source.ip:[10.0.0.1 TO 11.0.0.0}", packet_registry.kind)).hits
    assert [hit.id.rpartition("-")[2] for hit in found] == ["2", "4"]


def test_too_many_steps_of_time(store: LocalStore) -> None:
    store.write(documents())
    request = {"steps": {"date_histogram": {"field": "@timestamp", "fixed_interval": "1ms"}}}
    with pytest.raises(UsageError, match="more than 65536 buckets"):
        store.search(Everything(), aggregations=request)


@pytest.mark.parametrize(
    "body",
    [
        {"terms": {"field": "protocol", "order": {"_key": "asc"}}},
        {"avg": {"field": "source.port"}},
        {"date_histogram": {"field": "layers.frame.time", "fixed_interval": "1h"}},
        {"date_histogram": {"field": "@timestamp", "fixed_interval": "1 month"}},
        {"sum": {"field": "protocol"}},
        {"extended_stats": {"field": "layers.tcp.analysis_initial_rtt"}},
        {"stats": {"field": "protocol"}},
        {"terms": {"field": "protocol"}, "aggs": {"longest": {"max": {"field": "source.port"}}}},
        {},
    ],
)
def test_unsupported_aggregation(body: dict[str, dict[str, str]], store: LocalStore) -> None:
    with pytest.raises(UsageError, match=r"is not supported|only numbers can be added"):
        store.search(Everything(), aggregations={"name": body})


# Processes

COUNT = 3_000


def write_all(folder: str, fields: str, pause: float = 0.0) -> int:
    """Writes the same documents as every other process does; the number stored."""
    store = LocalStore(Path(folder), Registry(Path(fields)))
    store.prepare()
    stored = 0
    for start in range(0, COUNT, 50):
        stored += store.write([make(number) for number in range(start, start + 50)]).stored
        time.sleep(pause)
    store.close()
    return stored


def run(code: str, folder: Path, registry: Registry) -> subprocess.Popen[str]:
    fields = folder.parent / "fields.sqlite"
    command = [sys.executable, "-c", dedent(code), str(folder), str(fields)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "RUST_BACKTRACE": "0"}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True
    )


WRITE_ALL = """
    import sys
    from espcap.stores.local import writer as local_writer
    from tests.stores.test_local import write_all
    local_writer.COMMIT_DOCUMENTS = 200
    print(write_all(sys.argv[1], sys.argv[2]))
"""


def all_identifiers(store: LocalStore) -> list[str]:
    return sorted(hit.id for hit in store.search(Everything(), size=10 * COUNT).hits)


EVERY_IDENTIFIER = sorted(make(number).id for number in range(COUNT))


def test_killed_at_any_moment(folder: Path, packet_registry: Registry, reader: LocalStore) -> None:
    for _ in range(10):
        process = run(WRITE_ALL, folder, packet_registry)
        time.sleep(random.uniform(0.2, 1.0))
        process.kill()
        process.communicate()
        identifiers = all_identifiers(reader)
        assert len(set(identifiers)) == len(identifiers)
    output, errors = run(WRITE_ALL, folder, packet_registry).communicate()
    assert errors == ""
    assert int(output) == COUNT - len(identifiers)
    assert all_identifiers(reader) == EVERY_IDENTIFIER


def test_two_processes_write_the_same(folder: Path, packet_registry: Registry, reader: LocalStore) -> None:
    processes = [run(WRITE_ALL, folder, packet_registry) for _ in range(2)]
    outputs = [process.communicate() for process in processes]
    assert [errors for _, errors in outputs] == ["", ""]
    assert sum(int(output) for output, _ in outputs) == COUNT
    assert all_identifiers(reader) == EVERY_IDENTIFIER


def test_lock_of_a_dead_process(store: LocalStore, folder: Path, packet_registry: Registry) -> None:
    code = """
        import sys
        from pathlib import Path
        from espcap.stores.local.files import WriterLock
        lock = WriterLock(Path(sys.argv[1]), print)
        print(lock.acquire(), flush=True)
        sys.stdin.read()
    """
    process = run(code, folder, packet_registry)
    assert process.stdout
    assert process.stdout.readline() == "True\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert store.write([make(1)]).stored == 1


def test_memory_is_bounded(store: LocalStore) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for start in range(0, 20_000, 1_000):
        store.write([make(number, dns={"qry_name": f"{number}.example.org"}) for number in range(start, start + 1_000)])
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 300_000  # kB


@pytest.mark.parametrize(("others", "times", "frequent"), [(400, 1, 40), (220, 4, 3)])
def test_most_frequent_of_many_values(store: LocalStore, others: int, times: int, frequent: int) -> None:
    """Exact where a few values stand out, and where they do so in all segments and days together, but in none alone."""
    counted: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    number = 0
    for day in (FIRST, SECOND):
        for part in range(3):
            names = [f"{each}.{part}.{day}.test" for each in range(others)] * times + ["y.test", "z.test"] * frequent
            batch = [
                make(number + at, day, source={"port": at % 7}, dns={"qry_name": name}) for at, name in enumerate(names)
            ]
            number += len(names)
            store.write(batch)
            store.flush()
            counted.update(names)
            for document, name in zip(batch, names, strict=True):
                sizes[name] += document.source["source"]["port"]
    sums = {"ports": {"sum": {"field": "source.port"}}}
    request = {"names": {"terms": {"field": "layers.dns.qry_name", "size": 2}, "aggs": sums}}
    found = store.search(Everything(), size=0, aggregations=request).aggregations["names"]["buckets"]
    best = sorted(counted.items(), key=lambda item: (-item[1], item[0]))[:2]
    assert [(bucket["key"], bucket["doc_count"]) for bucket in found] == best
    assert [bucket["ports"]["value"] for bucket in found] == [sizes[name] for name, _ in best]


@pytest.mark.parametrize("text", ["layers.http.request_uri:*7*", "layers.http.request_uri:{00005 TO *}"])
def test_patterns_over_many_texts_take_no_memory(text: str, store: LocalStore, packet_registry: Registry) -> None:
    """Texts that a pattern matches are not gathered: there may be as many as packets."""
    store.write([make(number, http={"request_uri": f"{number:05}"}) for number in range(1, 20_001)])
    query = parse(text, packet_registry.kind)
    expected = sum("7" in f"{number:05}" if "*7*" in text else number > 5 for number in range(1, 20_001))
    store.search(Exists("layers.http.request_uri"), size=1)  # reads the columns, which are kept
    tracemalloc.start()
    try:
        assert store.search(query, size=1).total == expected
        assert tracemalloc.get_traced_memory()[1] < 1_000_000  # the texts alone would take more
    finally:
        tracemalloc.stop()


def test_a_field_has_another_type_in_this_wireshark(folder: Path, tmp_path: Path) -> None:
    """Values that fit the type are found; the documents stay as they were stored."""
    earlier = FIELDS | {"temp.celsius": "FT_STRING", "http.request.uri": "FT_UINT32", "tcp.srcport": "FT_STRING"}
    writer = LocalStore(folder, small_registry(tmp_path / "earlier", earlier))
    writer.prepare()
    documents = [
        make(1, temp={"celsius": "21"}, http={"request_uri": 7}),
        make(2, temp={"celsius": ["0x10", "warm"]}, tcp={"srcport": "x"}),
    ]
    writer.write(documents)
    writer.close()
    reader = LocalStore(folder, small_registry(tmp_path / "later", FIELDS))

    def found(query: Query) -> list[int]:
        return [int(hit.id.rpartition("-")[2]) for hit in reader.search(query).hits]

    assert found(Equals("layers.temp.celsius", 21)) == [1]
    assert found(Range("layers.temp.celsius", 10, 20)) == [2]
    assert found(Exists("layers.temp.celsius")) == [1, 2]
    assert found(Equals("layers.http.request_uri", "7")) == [1]
    assert found(Equals("layers.tcp.srcport", 0)) == []
    assert [hit.source for hit in reader.search(Everything()).hits] == [each.source for each in documents]
