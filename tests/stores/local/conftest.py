"""Files with packets, written from documents."""

from collections.abc import Callable
from pathlib import Path

import pytest

from espcap.documents.packets import Document
from espcap.fields.field import Kind
from espcap.fields.registry import Registry
from espcap.stores.local.batch import table_of
from espcap.stores.local.collector import Collector
from espcap.stores.local.segment import Segment
from espcap.stores.local.segment_writer import write_segment

Write = Callable[..., Segment]


@pytest.fixture
def write(tmp_path: Path, packet_registry: Registry) -> Write:
    """Writes documents to a file, and opens it. `kind` is that of the columns, if it is not the registry's."""

    def written(*documents: Document, kind: Callable[[str], Kind] = packet_registry.kind) -> Segment:
        collector = Collector(kind)
        for document in documents:
            capture, _, number = document.id.rpartition("-")
            collector.add(document.source, capture, int(number))
        return Segment(tmp_path, write_segment(tmp_path, table_of(collector.columns(), collector.length)))

    return written
