import gzip
import io
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from espcap.base.errors import EspcapError, StoreError
from espcap.captures.sources import CaptureFile, NotACapture, Source, StandardInput, capture_file, walk
from espcap.documents.packets import Document
from espcap.ingest import batches
from espcap.ingest.job import Job, Listener
from espcap.ingest.pipeline import Pipeline
from espcap.ingest.report import Problem, Severity
from espcap.sinks import Outcome
from espcap.tshark.arguments import Settings
from espcap.tshark.output import read_file
from espcap.tshark.program import Program, dissecting_user
from tests.support import MemoryStore, fake_programs, read, unprivileged
from tests.support.command import CAPTURES, children
from tests.support.hostile import files, packets, times
from tests.support.requirements import needs_open_root_folder, needs_root

pytest_plugins = ["tests.support.core_fixtures"]

Writer = Callable[[Path], Path]
Lines = list[tuple[Severity, str, str]]

HTTP, DNS, ARP = CAPTURES / "http_xml.pcap", CAPTURES / "dns.pcap", CAPTURES / "arp.pcap"
CUT_SHORT = "appears to have been cut short in the middle of a packet"
TOO_LONG = "appears to be damaged or corrupt. (pcap: File has {}-byte packet, bigger than maximum of 262144)"
UNREADABLE_REST = "packets that were read are stored; the rest of this file cannot be read"


@pytest.fixture(autouse=True)
def _no_child_is_left() -> Iterator[None]:
    before = children()
    yield
    assert children() <= before


def lines(problems: list[Problem]) -> Lines:
    return [(problem.severity, problem.message, problem.hint) for problem in problems]


def numbers(store: MemoryStore) -> list[int]:
    return [source["layers"]["frame"]["number"] for source in store.sources]


def source(path: Path) -> CaptureFile:
    file = capture_file(str(path))
    assert isinstance(file, CaptureFile)
    return file


class TestCounts:
    def test_one_file(self, job: Job) -> None:
        report, store = read(job, HTTP)
        assert (report.files, report.read, report.stored, report.exit_code) == (1, 33, 33, 0)
        assert (report.first, report.last) == ("2024-05-01T10:00:00.123456000Z", "2024-05-01T10:00:00.261116000Z")
        assert report.problems == []
        assert store.batches == [33]

    def test_several_files(self, job: Job) -> None:
        report, store = read(job, HTTP, DNS, ARP)
        assert (report.files, report.read, report.stored, report.already_there) == (3, 63, 63, 0)
        assert (report.first, report.last) == ("2024-05-01T10:00:00.123456000Z", "2024-05-01T10:00:03.139662000Z")
        assert store.batches == [33, 24, 6]
        assert report.exit_code == 0

    def test_the_same_packets_again(self, job: Job, tmp_path: Path) -> None:
        """By content, whatever the name; the same packets compressed are another file."""
        copy = tmp_path / "copy.pcap"
        copy.write_bytes(HTTP.read_bytes())
        report, store = read(job, HTTP, copy, HTTP)
        assert (report.files, report.read, report.stored, report.already_there) == (3, 99, 33, 66)
        assert report.exit_code == 0
        assert {each["file_name"] for each in store.sources} == {str(HTTP)}

    def test_identifiers(self, job: Job) -> None:
        _, store = read(job, HTTP)
        capture_id = store.sources[0]["capture_id"]
        assert list(store.documents) == [f"{capture_id}-{number}" for number in range(1, 34)]
        assert numbers(store) == list(range(1, 34))
        assert len(capture_id) == 32

    def test_refused_documents(self, job: Job) -> None:
        store = MemoryStore(refused_frames=frozenset([2, 5]))
        report = Pipeline(replace(job, chunk=4), store).run([source(ARP), source(DNS)])
        assert (report.read, report.stored, report.refused) == (30, 26, 4)
        assert report.reasons == {"not wanted": 4}
        assert report.exit_code == 3

    def test_a_store_that_loses_documents(self, job: Job) -> None:
        class Careless(MemoryStore):
            def write(self, batch: Any, outcome: Outcome | None = None) -> Outcome:
                return super().write(batch[1:], outcome)

        assert Pipeline(job, Careless()).run([source(ARP)]).exit_code == 1

    def test_a_store_that_fails(self, job: Job) -> None:
        pipeline = Pipeline(replace(job, chunk=10), MemoryStore(error=StoreError("away", "wait")))
        with pytest.raises(StoreError, match="away"):
            pipeline.run([source(HTTP), source(DNS)])
        assert pipeline.report.files == 1
        assert pipeline.report.read == 10
        assert pipeline.report.exit_code == 1

    @pytest.mark.parametrize(("chunk", "batches"), [(10, [10, 10, 10, 3]), (33, [33]), (11, [11] * 3), (1, [1] * 33)])
    def test_batches_by_count(self, job: Job, chunk: int, batches: list[int]) -> None:
        _, store = read(replace(job, chunk=chunk), HTTP)
        assert store.batches == batches
        assert numbers(store) == list(range(1, 34))

    def test_batches_by_size(self, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
        _, store = read(job, HTTP)
        sizes = [len(document.body) for document in store.documents.values()]
        monkeypatch.setattr(batches, "LARGEST_BATCH", 10_000)
        _, store = read(job, HTTP)
        ends = [sum(store.batches[: index + 1]) for index in range(len(store.batches))]
        written = [sizes[end - count : end] for end, count in zip(ends, store.batches, strict=True)]
        assert len(written) > 3
        assert all(sum(batch) >= 10_000 for batch in written[:-1])
        assert all(sum(batch[:-1]) < 10_000 for batch in written)
        monkeypatch.setattr(batches, "LARGEST_BATCH", 1)
        assert read(job, HTTP)[1].batches == [1] * 33

    def test_progress(self, job: Job) -> None:
        told: list[tuple[int, int]] = []
        Pipeline(job, MemoryStore(), Listener(lambda position, count: told.append((position, count)))).run(
            [source(HTTP), source(ARP)]
        )
        assert told[-1] == (ARP.stat().st_size, 39)
        assert (HTTP.stat().st_size, 33) in told


class TestSettings:
    def test_count(self, job: Job) -> None:
        report, store = read(replace(job, settings=Settings(count=5)), HTTP, DNS)
        assert report.read == 10
        assert numbers(store) == [1, 2, 3, 4, 5] * 2

    def test_display_filter(self, job: Job) -> None:
        report, store = read(replace(job, settings=Settings(display_filter="http.request")), HTTP)
        assert report.read == 4
        assert {each["protocol"] for each in store.sources} == {"http"}
        assert all(
            identifier.endswith(f"-{number}")
            for identifier, number in zip(store.documents, numbers(store), strict=True)
        )

    def test_decode_as(self, job: Job) -> None:
        _, store = read(replace(job, settings=Settings(decode_as=("tcp.port==80,data",))), HTTP)
        assert {each["protocol"] for each in store.sources} == {"tcp"}

    def test_preferences(self, job: Job) -> None:
        settings = Settings("http", preferences=(f"tls.keylog_file:{CAPTURES / 'tls13.keys'}",))
        assert read(replace(job, settings=settings), CAPTURES / "tls13.pcapng")[0].read == 4

    def test_payload(self, job: Job) -> None:
        without, with_payload = (read(replace(job, payload=payload), HTTP)[1] for payload in (False, True))
        longest = [
            max(len(value) for each in store.sources if (value := each["layers"]["tcp"].get("payload", "")))
            for store in (without, with_payload)
        ]
        assert longest[0] <= 64 * 3 - 1 < longest[1]

    @needs_root
    def test_as_another_user(self, job: Job, tmp_path: Path) -> None:
        """Who has no right to open the file, nor the folder that it is in."""
        path = tmp_path / "private.pcap"
        path.write_bytes(HTTP.read_bytes())
        path.chmod(0o600)
        ours, (report, theirs) = read(job, path)[1], read(replace(job, user=dissecting_user(job.program)), path)
        assert theirs.sources == ours.sources
        assert (report.read, report.exit_code) == (33, 0)


class TestDamagedFiles:
    """What was read is kept, and the rest is told."""

    @pytest.mark.parametrize(
        ("write", "count", "cause"),
        [
            (files.header_only, 0, ""),
            (files.caplen_above_length, 1, ""),
            (files.snaplen_cut, 10, ""),
            (files.half_header, 0, f"{CUT_SHORT} or other data"),
            (files.cut_in_data, 9, CUT_SHORT),
            (files.cut_in_record_header, 10, CUT_SHORT),
            (files.cut_pcapng, 9, CUT_SHORT),
            (files.absurd_caplen, 5, TOO_LONG.format(2147483647)),
            (files.oversized_caplen, 5, TOO_LONG.format(300000)),
        ],
    )
    def test_summary(self, job: Job, tmp_path: Path, write: Writer, count: int, cause: str) -> None:
        path = write(tmp_path / "capture.pcap")
        report, store = read(job, path)
        expected = [(Severity.PARTIAL, f"{path}: {cause}, after {count} packets", UNREADABLE_REST)] if cause else []
        assert lines(report.problems) == expected
        assert (report.files, report.read, report.stored) == (1, count, count)
        assert numbers(store) == list(range(1, count + 1))
        assert report.exit_code == (3 if cause else 0)

    def test_an_empty_file(self, job: Job, tmp_path: Path) -> None:
        path = files.zero_byte(tmp_path / "capture.pcap")
        report, _ = read(job, path)
        assert lines(report.problems) == [(Severity.NOTE, f"{path} is empty (0 bytes)", "")]
        assert (report.files, report.read, report.exit_code) == (1, 0, 0)

    @pytest.mark.parametrize(
        ("write", "words"),
        [(files.pcapng_bad_interface, "interface index 7"), (files.unknown_link_type, "network type 9999 unknown")],
    )
    def test_cause(self, job: Job, tmp_path: Path, write: Writer, words: str) -> None:
        report, _ = read(job, write(tmp_path / "capture.pcap"))
        ((severity, message, _),) = lines(report.problems)
        assert severity is Severity.PARTIAL
        assert words in message
        assert report.exit_code == 3

    def test_a_cut_gzip(self, job: Job, tmp_path: Path) -> None:
        report, store = read(job, files.cut_gzip(tmp_path / "capture.pcap.gz"))
        assert 0 < report.read < 100
        assert numbers(store) == list(range(1, report.read + 1))
        assert [problem.severity for problem in report.problems] == [Severity.PARTIAL]
        assert report.exit_code == 3

    @pytest.mark.parametrize(
        "write", [files.text_file, files.random_bytes, files.json_named_pcap, files.jpeg_named_pcap]
    )
    def test_files_that_are_not_a_capture(self, job: Job, tmp_path: Path, write: Writer) -> None:
        path = write(tmp_path / "capture.pcap")
        hint = "espcap reads pcap and pcapng, also inside gzip, zstd or lz4"
        report, _ = read(job, path)
        assert lines(report.problems) == [(Severity.FAILED, f"{path} is not a capture", hint)]
        assert (report.files, report.exit_code) == (0, 1)
        report, _ = read(job, path, ARP)
        assert lines(report.problems) == [(Severity.PARTIAL, f"{path} is not a capture", hint)]
        assert (report.files, report.read, report.exit_code) == (1, 6, 3)

    def test_files_that_only_start_like_a_capture(self, job: Job, tmp_path: Path) -> None:
        path = files.written(tmp_path / "capture.zst", bytes.fromhex("28b52ffd") + b"This is no capture.\n" * 20)
        report, _ = read(job, path, ARP)
        assert [problem.severity for problem in report.problems] == [Severity.PARTIAL]
        assert str(path) in report.problems[0].message
        assert (report.read, report.exit_code) == (6, 3)

    @needs_open_root_folder
    def test_a_folder(self, job: Job, tmp_path: Path) -> None:
        """One bad file does not keep the others from being read; what is no capture is only noted."""
        (tmp_path / "a.pcap").write_bytes(ARP.read_bytes())
        files.cut_in_data(tmp_path / "b.pcap")
        files.text_file(tmp_path / "c.txt")
        (tmp_path / "d.pcap").write_bytes(DNS.read_bytes())
        (tmp_path / "d.pcap").chmod(0)
        (tmp_path / "e.pcap.gz").write_bytes(gzip.compress(DNS.read_bytes()))
        store = MemoryStore()
        tmp_path.chmod(0o755)
        before = os.getcwd()
        os.chdir(tmp_path)
        try:
            with unprivileged():
                report = Pipeline(job, store).run(walk("."))
        finally:
            os.chdir(before)
        assert (report.files, report.read, report.stored) == (3, 39, 39)
        assert [(severity, message) for severity, message, _ in lines(report.problems)] == [
            (
                Severity.PARTIAL,
                f"b.pcap: {CUT_SHORT}, after 9 packets",
            ),
            (Severity.NOTE, "skipped: c.txt is not a capture"),
            (Severity.PARTIAL, "cannot read d.pcap: Permission denied"),
        ]
        assert report.exit_code == 3

    def test_names_are_safe_to_print(self, job: Job, tmp_path: Path) -> None:
        report, store = read(job, files.cut_in_data(tmp_path / os.fsdecode(b"\x1b[31m\n\xff")))
        assert f"{tmp_path}/\\x1b[31m\\x0a\ufffd: " in report.problems[0].message
        assert {each["file_name"] for each in store.sources} == {f"{tmp_path}/\x1b[31m\n\ufffd"}

    def test_only_errors(self, job: Job) -> None:
        told: list[Problem] = []
        errors: list[Source | EspcapError] = [EspcapError("one", "a"), EspcapError("two"), NotACapture("three")]
        report = Pipeline(job, MemoryStore(), Listener(on_problem=told.append)).run(errors[:2])
        assert lines(report.problems) == [(Severity.FAILED, "one", "a"), (Severity.FAILED, "two", "")]
        assert report.exit_code == 1
        assert told == report.problems


class TestHostilePackets:
    @pytest.mark.parametrize("name", packets.LINK_TYPES)
    def test_without_ip(self, job: Job, tmp_path: Path, name: str) -> None:
        report, store = read(job, packets.link_type(tmp_path / "capture.pcap", name))
        assert (report.read, report.exit_code) == (1, 0)
        assert store.sources[0]["stack"]["link"]

    def test_a_value_of_64_bits(self, job: Job, tmp_path: Path) -> None:
        _, store = read(job, packets.u64_max(tmp_path / "capture.pcap"))
        assert store.sources[0]["layers"]["collectd"]["val_counter"] == 2**64 - 1

    def test_many_values(self, job: Job, tmp_path: Path) -> None:
        _, store = read(job, packets.dns_many_answers(tmp_path / "capture.pcap"))
        addresses = store.sources[0]["layers"]["dns"]["a"]
        assert (len(addresses), addresses[0], addresses[-1]) == (2000, "198.18.0.0", "198.18.7.207")

    @pytest.mark.parametrize("write", [packets.ip_in_ip, packets.deep_json, packets.hostile_http])
    def test_is_read(self, job: Job, tmp_path: Path, write: Writer) -> None:
        report, store = read(job, write(tmp_path / "capture.pcap"))
        assert (report.read, report.stored, report.exit_code) == (1, 1, 0)
        (document,) = store.documents.values()
        document.body.decode()

    def test_a_long_value(self, job: Job, tmp_path: Path) -> None:
        _, store = read(job, packets.long_user_agent(tmp_path / "capture.pcap"))
        assert store.sources[0]["layers"]["http"]["user_agent"] == "a" * 40_000

    @pytest.mark.parametrize(
        ("write", "timestamp"),
        [
            (times.epoch_zero, "1970-01-01T00:00:00.000000000Z"),
            (times.year_2106, "2106-02-07T06:28:15.000000000Z"),
            (times.microsecond_overflow, None),
            (times.negative, None),
            (times.year_36812, None),
            (times.year_586524, None),
        ],
    )
    def test_times(self, job: Job, tmp_path: Path, write: Writer, timestamp: str | None) -> None:
        report, store = read(job, write(tmp_path / "capture.pcap"))
        (document,) = store.documents.values()
        assert document.source.get("@timestamp") == timestamp
        assert document.index == (f"packets-{timestamp[:10]}" if timestamp else "packets-undated")
        assert document.source.get("espcap") == (None if timestamp else {"bad_time": True})
        assert (report.unparsed > 0) is (timestamp is None)
        assert (report.read, report.exit_code) == (1, 0)

    def test_days_are_those_of_utc(self, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TZ", "America/New_York")
        time.tzset()
        try:
            _, store = read(job, CAPTURES / "midnight.pcap")
        finally:
            monkeypatch.undo()
            time.tzset()
        indices = [document.index for document in store.documents.values()]
        assert indices == ["packets-2023-11-14"] * 3 + ["packets-2023-11-15"] * 4


class TestTsharkThatGoesWrong:
    """A tshark that the real one is wrapped in, or that a script stands in for."""

    @staticmethod
    def job(job: Job, program: Program, **changes: Any) -> Job:
        return replace(job, program=program, **changes)

    @pytest.mark.parametrize("name", ["SEGV", "KILL", "ABRT"])
    def test_killed(self, job: Job, tmp_path: Path, name: str) -> None:
        real = shlex.quote(job.program.path)
        script = f'ulimit -c 0; {real} "$@" | head -n 3000; kill -{name} $$'
        report, store = read(self.job(job, fake_programs.shell(tmp_path, script)), HTTP, ARP)
        assert report.files == 2
        assert 5 < report.read - 6 < 33
        assert report.stored == report.read
        count = report.read - 6
        assert numbers(store) == [*range(1, count + 1), *range(1, 7)]
        assert lines(report.problems) == [
            (
                Severity.FAILED,
                f"{path}: tshark was killed by SIG{name} after {packets_read} packets",
                "packets that were read are stored; run espcap again",
            )
            for path, packets_read in ((HTTP, count), (ARP, 6))
        ]
        assert report.exit_code == 1
        again, store = read(job, HTTP)  # a clean run stores what was missing under the same identifiers
        assert (again.read, again.exit_code) == (33, 0)

    def test_silent(self, job: Job, tmp_path: Path) -> None:
        with ARP.open("rb") as file, read_file(job.program, job.settings, file, None, 60) as output:
            (tmp_path / "printed").write_bytes(b"".join(output.blocks()))
        columns = f'case "$*" in *_ws.col*) exec {shlex.quote(job.program.path)} "$@";; esac'
        program = fake_programs.shell(tmp_path, f"{columns}; cat {shlex.quote(str(tmp_path))}/printed; exec sleep 100")
        report, _ = read(self.job(job, program, stall_timeout=1.5), ARP)
        hint = "packets that were read are stored; disable the protocol of the next packet, or raise --stall-timeout"
        assert lines(report.problems) == [
            (Severity.PARTIAL, f"{ARP}: tshark made no progress for 1.5 s after 6 packets", hint)
        ]
        assert (report.read, report.stored, report.exit_code) == (6, 6, 3)

    def test_silent_from_the_start_and_deaf(self, job: Job, tmp_path: Path) -> None:
        program = fake_programs.python(tmp_path, "signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(100)")
        started = time.monotonic()
        report, _ = read(self.job(job, program, stall_timeout=0.5), ARP)
        assert time.monotonic() - started < 30  # four runs, each killed after two seconds
        assert (report.problems[0].message, report.exit_code) == (
            f"{ARP}: tshark made no progress for 0.5 s after 0 packets",
            3,
        )

    def test_an_error_of_its_own(self, job: Job, tmp_path: Path) -> None:
        program = fake_programs.shell(tmp_path, "echo 'tshark: Something is wrong.' >&2; exit 1")
        report, _ = read(self.job(job, program), ARP)
        expected = (Severity.PARTIAL, f"{ARP}: Something is wrong, after 0 packets", UNREADABLE_REST)
        assert lines(report.problems) == [expected]

    def test_noise(self, job: Job, tmp_path: Path) -> None:
        real = shlex.quote(job.program.path)
        noise = "head -c 3000000 /dev/zero | tr '\\0' '\\377' >&2"
        report, _ = read(self.job(job, fake_programs.shell(tmp_path, f'{noise}; {real} "$@"; {noise}')), HTTP)
        assert (report.read, report.problems, report.exit_code) == (33, [], 0)

    def test_output_that_is_no_utf8(self, job: Job, tmp_path: Path) -> None:
        real = shlex.quote(job.program.path)
        program = fake_programs.shell(tmp_path, f'{real} "$@" | LC_ALL=C sed "s/www.example.test/www\\xff/"')
        report, store = read(self.job(job, program), HTTP)
        assert report.read == 33
        assert report.bad_utf8 > 0
        assert "www\ufffd" in {each["layers"].get("http", {}).get("host") for each in store.sources}

    def test_missing(self, job: Job, tmp_path: Path) -> None:
        program = replace(job.program, path=str(tmp_path / "tshark"))
        report, _ = read(self.job(job, program), ARP)
        assert lines(report.problems)[0][:2] == (
            Severity.FAILED,
            f"cannot run {tmp_path}/tshark: No such file or directory",
        )
        assert report.exit_code == 1


class TestInterrupt:
    @pytest.fixture
    def large(self, tmp_path: Path) -> Path:
        """A capture that takes a while."""
        path = tmp_path / "large.pcap"
        content = DNS.read_bytes()
        path.write_bytes(content[:24] + content[24:] * 500)
        return path

    def test_while_reading(self, job: Job, large: Path) -> None:
        store = MemoryStore()

        def on_progress(position: int, count: int) -> None:
            if count:
                pipeline.interrupt(signal.SIGINT)

        pipeline = Pipeline(replace(job, chunk=50), store, Listener(on_progress))
        report = pipeline.run([source(large), source(ARP)])
        assert 0 < report.read < 12_000
        assert report.read == report.stored == len(store.documents)
        assert (report.files, report.problems, report.exit_code) == (1, [], 130)

    def test_while_writing(self, job: Job, large: Path) -> None:
        class Interrupting(MemoryStore):
            def write(self, batch: Any, outcome: Outcome | None = None) -> Outcome:
                pipeline.interrupt(signal.SIGTERM)
                return super().write(batch, outcome)

        pipeline = Pipeline(replace(job, chunk=50), Interrupting())
        report = pipeline.run([source(large)])
        assert 0 < report.read < 12_000
        assert (report.read, report.exit_code) == (report.stored, 143)

    def test_between_two_files(self, job: Job) -> None:
        def sources() -> Iterator[Source]:
            yield source(ARP)
            pipeline.interrupt(signal.SIGINT)
            yield source(DNS)

        pipeline = Pipeline(replace(job, jobs=1), MemoryStore())
        report = pipeline.run(sources())
        assert (report.files, report.read, report.stored) == (1, 6, 6)
        assert report.exit_code == 130

    def test_before_tshark_runs(self, job: Job, large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """As while the content of a large file is being identified."""

        def identify(source: CaptureFile, file: object) -> str:
            pipeline.interrupt(signal.SIGINT)
            return "c0ffee"

        monkeypatch.setattr(CaptureFile, "identify", identify)
        pipeline = Pipeline(job, MemoryStore())
        report = pipeline.run([source(large)])
        assert (report.read, report.exit_code) == (0, 130)


class TestStandardInput:
    @pytest.fixture
    def stdin(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
        """Makes standard input a pipe that a shell command writes to."""
        started = []

        def pipe(command: str) -> None:
            process = subprocess.Popen(["sh", "-c", command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            assert process.stdout
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(process.stdout))
            started.append(process)

        yield pipe
        for process in started:
            process.kill()
            process.wait()

    @pytest.mark.parametrize("name", ["http_xml.pcap", "http_xml.pcap.gz", "nanoseconds.pcapng", "tunnels.pcap"])
    def test_the_same_documents_as_from_the_file(self, job: Job, stdin: Callable[[str], None], name: str) -> None:
        stdin(f"cat {shlex.quote(str(CAPTURES / name))}")
        store = MemoryStore()
        report = Pipeline(job, store).run([StandardInput()])
        expected_report, expected = read(job, CAPTURES / name)
        assert (report.files, report.read, report.stored, report.exit_code) == (
            1,
            expected_report.read,
            expected_report.read,
            0,
        )
        own = {"capture_id", "file_name", "file_date_utc"}

        def shared(document: Document) -> dict[str, Any]:
            return {key: value for key, value in document.source.items() if key not in own}

        pairs = list(zip(store.documents.values(), expected.documents.values(), strict=True))
        for got, wanted in pairs:
            assert shared(got) == shared(wanted)
            assert got.index == wanted.index
            assert got.id.partition("-")[2] == wanted.id.partition("-")[2]
            assert {key: got.source.get(key) for key in own} == {
                "capture_id": got.id.partition("-")[0],
                "file_name": "-",
                "file_date_utc": None,
            }

    def test_each_run_has_an_identity(self, job: Job, stdin: Callable[[str], None]) -> None:
        store = MemoryStore()
        for _ in range(2):
            stdin(f"cat {shlex.quote(str(ARP))}")
            Pipeline(job, store).run([StandardInput()])
        assert len(store.documents) == 12

    def test_packets_are_stored_while_the_pipe_is_open(self, job: Job, stdin: Callable[[str], None]) -> None:
        stdin(f"cat {shlex.quote(str(DNS))}; exec sleep 100")
        store = MemoryStore()
        pipeline = Pipeline(job, store)
        stored: list[int] = []

        def interrupt() -> None:
            deadline = time.monotonic() + 20
            while len(store.documents) < 23 and time.monotonic() < deadline:
                time.sleep(0.05)
            stored.append(len(store.documents))
            pipeline.interrupt(signal.SIGINT)

        timer = threading.Thread(target=interrupt)
        timer.start()
        report = pipeline.run([StandardInput()])
        timer.join()
        assert stored[0] >= 23  # the last may wait for what follows
        assert report.read == report.stored == 24
        assert (report.problems, report.exit_code) == ([], 130)

    def test_a_count(self, job: Job, stdin: Callable[[str], None]) -> None:
        stdin(f"cat {shlex.quote(str(DNS))}")
        store = MemoryStore()
        report = Pipeline(replace(job, settings=Settings(count=5)), store).run([StandardInput()])
        assert numbers(store) == [1, 2, 3, 4, 5]
        assert report.exit_code == 0

    def test_cut(self, job: Job, stdin: Callable[[str], None]) -> None:
        stdin(f"head -c 300 {shlex.quote(str(ARP))}")
        report = Pipeline(job, MemoryStore()).run([StandardInput()])
        count = report.read
        assert 0 < count < 6
        message = f"-: {CUT_SHORT}, after {count} packets"
        assert lines(report.problems) == [(Severity.PARTIAL, message, UNREADABLE_REST)]
        assert report.exit_code == 3

    @pytest.mark.parametrize(
        ("command", "message"),
        [("true", "standard input is empty"), ("echo 'no capture'", "standard input is not a capture")],
    )
    def test_nothing_of_use(self, job: Job, stdin: Callable[[str], None], command: str, message: str) -> None:
        stdin(command)
        report = Pipeline(job, MemoryStore()).run([StandardInput()])
        assert [(problem.severity, problem.message) for problem in report.problems] == [(Severity.FAILED, message)]
        assert report.exit_code == 1
