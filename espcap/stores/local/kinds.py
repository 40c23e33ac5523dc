"""Records the kind of each path with the index, so that its column has the same type in all files.

Another version of Wireshark can give a field another type. The values of such a field are then in the column OTHERS.
"""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from espcap.base.errors import StoreError
from espcap.base.times import timestamp
from espcap.documents.columns import FRAME, Column, texts_of
from espcap.fields.field import Kind
from espcap.stores.local.layout import MOST_PATHS, OTHERS, TYPES, can_be_in_others

NAME = "kinds.json"


class RecordedKinds:
    """The kinds of the paths of one local index. Only the process that holds the lock may use it."""

    def __init__(self, folder: Path, kind: Callable[[str], Kind]) -> None:
        """`kind` returns the kind of a path that is not recorded."""
        self._path = folder / NAME
        self._kind = kind
        self._recorded: dict[str, Kind] = {}
        self._is_saved = True

    def load(self) -> None:
        """Reads the kinds that are recorded. Raises OSError, or StoreError if the file is damaged."""
        try:
            recorded = orjson.loads(self._path.read_bytes())
            self._recorded = {path: Kind(name) for path, name in recorded.items()}
        except FileNotFoundError:
            self._recorded = {}
        except (ValueError, AttributeError) as error:
            hint = f"remove it; the next run writes it again: {self._path}"
            raise StoreError(f"the record of kinds {self._path} is damaged: {error}", hint) from error
        self._is_saved = True

    def kind(self, path: str) -> Kind:
        """Returns the recorded kind of a path, and records it if it is new."""
        if path not in self._recorded:
            self._recorded[path] = Kind.INTEGER if path == FRAME else self._kind(path)
            self._is_saved = False
        return self._recorded[path]

    def save(self) -> None:
        """Writes the kinds that are new. Call it before files with these paths become readable. Raises OSError."""
        if self._is_saved:
            return
        new = self._path.with_suffix(".new")
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(orjson.dumps(self._recorded, option=orjson.OPT_SORT_KEYS))
            file.flush()
            os.fsync(file.fileno())
        new.rename(self._path)
        self._is_saved = True

    def fitted(self, columns: Iterable[Column], length: int) -> list[Column]:
        """Returns the columns of `length` packets. Those of other types than the recorded ones are in OTHERS.

        If the columns are more than MOST_PATHS, those with the fewest values are there too.
        """
        fitting: list[Column] = []
        others: list[Column] = []
        for column in columns:
            fits = TYPES[self.kind(column.path)] == TYPES[column.kind]
            (fitting if fits else others).append(column)
        rare = _rarest(fitting, len(fitting) + 1 - MOST_PATHS)
        if not others and not rare:
            return fitting
        moved = {column.path for column in rare}
        return [*(each for each in fitting if each.path not in moved), _others([*others, *rare], length)]


def _rarest(columns: list[Column], count: int) -> list[Column]:
    """Returns columns with the fewest values."""
    if count <= 0:
        return []
    return sorted((each for each in columns if can_be_in_others(each.path)), key=lambda each: len(each.values))[:count]


def _others(columns: list[Column], length: int) -> Column:
    found: dict[int, dict[str, Any]] = {}
    for column in columns:
        rows = range(length) if column.rows is None else column.rows.tolist()
        for row, value in zip(rows, _values(column), strict=True):
            values = found.setdefault(row, {}).setdefault(column.path, [])
            values.append(value)
    texts = [
        orjson.dumps({path: each if len(each) > 1 else each[0] for path, each in found[row].items()}).decode()
        for row in sorted(found)
    ]
    distinct = {text: number for number, text in enumerate(dict.fromkeys(texts))}
    numbers = np.array([distinct[text] for text in texts], "u4")
    return Column(OTHERS, Kind.STRING, np.array(sorted(found), "u4"), numbers, texts_of(distinct))


def _values(column: Column) -> list[Any]:
    """Returns the values as documents have them."""
    if column.texts is not None:
        texts = column.texts.decode()
        return [texts[number] for number in column.values.tolist()]
    if column.kind is Kind.TIME:
        return [timestamp(nanoseconds) for nanoseconds in column.values.tolist()]
    values: list[Any] = column.values.tolist()
    return values
