"""Builds documents that are made from several packets, such as flows. Their keys are in alphabetical order."""

from functools import lru_cache
from typing import Any

import orjson

from espcap.base.times import DAY, SECOND, date_text
from espcap.documents.packets import MOST_DAYS, Document, Origin
from espcap.documents.types import DocumentType


class DerivedDocuments:
    """Builds the documents of one capture."""

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.common: dict[str, Any] = {"capture_id": origin.capture_id}
        """The members that all documents share."""
        if origin.file_name:
            self.common["file_name"] = origin.file_name
        if origin.settings_id:
            self.common["settings_id"] = origin.settings_id
        if origin.hostname:
            self.common["observer"] = {"hostname": origin.hostname}
        self._days: set[int] = set()

    def document(self, of: DocumentType, time: int, number: int, source: dict[str, Any], read: int) -> Document:
        """Returns a document.

        `time` is in nanoseconds since 1970, and decides on the index. `number` identifies the document among those of
        its type and capture. `read` is the number of the last packet that was read.
        """
        body = orjson.dumps(source | self.common, option=orjson.OPT_SORT_KEYS)
        identifier = of.identifier(self.origin.capture_id, number)
        document = Document(self._index(of, time), identifier, {}, body, time, settings_id=self.origin.settings_id)
        document.read = read
        return document

    def _index(self, of: DocumentType, time: int) -> str:
        day = time // DAY
        if day not in self._days and len(self._days) >= MOST_DAYS:
            return of.undated
        self._days.add(day)
        return of.index(date_text(time // SECOND)[:10])


def put(source: dict[str, Any], path: str, value: Any) -> None:
    """Adds a value to an object, at a path such as `tls.client.ja3`. A value that is in the way stays."""
    *parents, last = _keys(path)
    for key in parents:
        inner = source.setdefault(key, {})
        if not isinstance(inner, dict):
            return
        source = inner
    source[last] = value


@lru_cache(10_000)
def _keys(path: str) -> tuple[str, ...]:
    return tuple(path.split("."))


def ordered(part: dict[str, Any]) -> dict[str, Any]:
    """Returns an object with its keys, and those of objects in it, in alphabetical order."""
    return {key: ordered(part[key]) if isinstance(part[key], dict) else part[key] for key in sorted(part)}
