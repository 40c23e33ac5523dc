"""What the tests of the core share: a store in memory, captures as documents, processes and rights."""

import contextlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from espcap.base.errors import EspcapError
from espcap.captures.sources import Source, capture_file
from espcap.documents.packets import Document
from espcap.documents.types import PACKETS, DocumentType
from espcap.ingest.job import Job
from espcap.ingest.pipeline import Pipeline
from espcap.ingest.report import Report
from espcap.sinks import Outcome, Rejection
from espcap.stores import SearchResult, StoredDay


@dataclass
class MemoryStore:
    """Keeps each document once; rejects those of the named frames, and whole batches with an error."""

    refused_frames: frozenset[int] = frozenset()
    writes_at_once: int = 0
    batches_ahead: int = 0
    error: EspcapError | None = None
    batches: list[int] = field(default_factory=list)
    documents: dict[str, Document] = field(default_factory=dict)

    def prepare(self) -> None:
        """Nothing to do."""

    def write(self, batch: Sequence[Document], outcome: Outcome | None = None) -> Outcome:
        if self.error:
            raise self.error
        self.batches.append(len(batch))
        outcome = outcome or Outcome()
        for document in batch:
            if document.source["layers"]["frame"]["number"] in self.refused_frames:
                outcome.rejected.append(Rejection(document, "not wanted"))
            elif document.id in self.documents:
                outcome.already_there += 1
            else:
                self.documents[document.id] = document
                outcome.stored += 1
        return outcome

    def flush(self, more_comes: bool = False) -> None:
        """Nothing to do."""

    def flush_if_due(self) -> None:
        """Nothing to do."""

    def check(self) -> None:
        """Nothing to do."""

    def own_fields(self) -> None:
        """Nothing is recorded."""

    def not_durable(self) -> Outcome:
        return Outcome()

    def days(self) -> list[StoredDay]:
        counts = Counter(document.index for document in self.documents.values())
        return [StoredDay(name, count, 0, name) for name, count in sorted(counts.items())]

    def delete(self, index: str) -> None:
        self.documents = {id: document for id, document in self.documents.items() if document.index != index}

    def forget(self, captures: Sequence[str], keep: str = "") -> int:
        raise NotImplementedError

    def keep(self, days: int) -> None:
        raise NotImplementedError

    def search(  # noqa: PLR0913 - most have defaults
        self,
        query: object,
        size: int = 10,
        start: int = 0,
        sort: Sequence[tuple[str, bool]] = (),
        aggregations: dict[str, Any] | None = None,
        *,
        of: DocumentType = PACKETS,
    ) -> SearchResult:
        raise NotImplementedError

    address = "memory"

    def describe(self) -> str:
        return "memory"

    def missing(self) -> None:
        """It is there."""

    def close(self) -> None:
        """Nothing to do."""

    @property
    def sources(self) -> list[dict[str, Any]]:
        return [document.source for document in self.documents.values()]


def read(job: Job, *paths: Path) -> tuple[Report, MemoryStore]:
    """Reads capture files into a new store."""
    store = MemoryStore()
    sources: list[Source | EspcapError] = [capture_file(str(path)) for path in paths]
    return Pipeline(job, store).run(sources), store


@contextlib.contextmanager
def unprivileged() -> Iterator[None]:
    """As a user whom file permissions hold for, also where root runs the tests."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
