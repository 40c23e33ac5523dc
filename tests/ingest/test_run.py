"""One run owns its sink and its checkpoints: both are closed, also after a failure, and the report says all."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest

from espcap.base.errors import EspcapError, StoreError, UsageError
from espcap.captures.sources import capture_file
from espcap.fields.registry import Registry
from espcap.ingest.job import Job, Listener
from espcap.ingest.report import Problem, Severity
from espcap.ingest.run import IsKnown, Resuming, Run, Sources
from espcap.sinks import Outcome
from espcap.sinks.lines import LinesSink
from espcap.stores.local.store import LocalStore
from tests.support import MemoryStore
from tests.support.command import CAPTURES

pytest_plugins = ["tests.support.core_fixtures"]

ARP = str(CAPTURES / "arp.pcap")


def arp(is_known: IsKnown) -> Iterator[object]:
    yield capture_file(ARP)


SOURCES: Sources = arp  # type: ignore[assignment]


class ClosedStore(MemoryStore):
    """Records that it was closed, and can fail at one step."""

    fails_at = ""
    is_closed = False
    lost = 0

    def _step(self, name: str) -> None:
        if name == self.fails_at:
            raise StoreError(f"no {name}", "mend it")

    def prepare(self) -> None:
        self._step("prepare")

    def write(self, batch: object, outcome: Outcome | None = None) -> Outcome:
        self._step("write")
        return super().write(batch, outcome)  # type: ignore[arg-type]

    def not_durable(self) -> Outcome:
        return Outcome(stored=self.lost)

    def close(self) -> None:
        self.is_closed = True
        self._step("close")


def test_lines(job: Job) -> None:
    stream = io.BytesIO()
    run = Run(job, LinesSink(stream))
    assert run.read(SOURCES) is run.report
    numbers = [orjson.loads(line)["layers"]["frame"]["number"] for line in stream.getvalue().splitlines()]
    assert numbers == [1, 2, 3, 4, 5, 6]
    assert (run.report.read, run.report.exit_code, run.failure) == (6, 0, None)


@pytest.mark.parametrize(("step", "read"), [("prepare", 0), ("write", 6), ("close", 6)])
def test_a_store_that_fails(job: Job, step: str, read: int) -> None:
    store, reported = ClosedStore(), list[Problem]()
    store.fails_at = step
    run = Run(job, store, Listener(on_problem=reported.append))
    report = run.read(SOURCES)
    assert store.is_closed
    assert isinstance(run.failure, StoreError)
    assert reported == report.problems == [Problem(Severity.FAILED, f"no {step}", "mend it")]
    assert (report.read, report.exit_code) == (read, 1)


def test_packets_that_the_store_has_lost_are_not_stored(job: Job) -> None:
    store = ClosedStore()
    store.fails_at, store.lost = "close", 4
    report = Run(job, store).read(SOURCES)
    assert (report.read, report.stored, report.not_stored) == (6, 2, 4)


def test_wrong_usage_is_raised(job: Job) -> None:
    def fail(is_known: IsKnown) -> Iterator[object]:
        yield UsageError("wrong", "right")

    with pytest.raises(UsageError, match="wrong"):
        Run(job, ClosedStore()).read(fail)  # type: ignore[arg-type]


def test_an_interrupted_run_reads_nothing(job: Job) -> None:
    run = Run(job, MemoryStore())
    run.interrupt(2)
    assert run.interrupted
    assert (run.read(SOURCES).read, run.report.exit_code) == (0, 130)


@pytest.fixture
def resuming(tmp_path: Path, registry: Registry) -> Callable[..., Resuming]:
    def make(again: bool = False) -> Resuming:
        return Resuming(LocalStore(tmp_path / "index", registry), [f"local:{tmp_path / 'index'}"], again)

    return make


def test_resuming(job: Job, resuming: Callable[..., Resuming]) -> None:
    def read(again: bool = False) -> tuple[int, int, int, list[bool]]:
        known: list[bool] = []

        def sources(is_known: IsKnown) -> Iterator[object]:
            source = capture_file(ARP)
            known.append(is_known(source))  # type: ignore[arg-type]
            yield source

        chosen = resuming(again)
        report = Run(job, chosen.store).read(sources, chosen)  # type: ignore[arg-type]
        assert report.problems == []
        return report.stored, report.already_there, report.done_before, known

    assert read() == (6, 0, 0, [False])
    assert read() == (0, 6, 1, [True])
    assert read(again=True) == (0, 6, 0, [False])


def test_a_store_that_has_lost_packets(job: Job, resuming: Callable[..., Resuming]) -> None:
    chosen = resuming()
    Run(job, chosen.store).read(SOURCES, chosen)
    [day] = chosen.store.days()
    chosen.store.delete(day.name)
    report = Run(job, chosen.store).read(SOURCES, chosen)
    assert [problem.message for problem in report.problems] == [
        "1 captures are read again: the node has lost some of their packets"
    ]
    assert (report.stored, report.exit_code) == (6, 0)


def test_a_source_that_failed(job: Job) -> None:
    def sources(is_known: IsKnown) -> Iterator[object]:
        yield EspcapError("cannot read b.pcap", "check it")
        yield capture_file(ARP)

    report = Run(job, MemoryStore()).read(sources)  # type: ignore[arg-type]
    assert report.problems == [Problem(Severity.PARTIAL, "cannot read b.pcap", "check it")]
    assert (report.stored, report.exit_code) == (6, 3)
