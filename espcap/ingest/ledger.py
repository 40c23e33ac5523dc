"""The ledger of captures done: what one store has acknowledged in full, so that it need not be dissected again.

SQLite, for several processes at once. One ledger belongs to one store: it lies in the folder of a local index, and in
the user's state folder for an Elasticsearch.
"""

import hashlib
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from espcap.base.errors import EspcapError
from espcap.base.paths import local_folder, state_folder
from espcap.captures.sources import Stamp
from espcap.stores import StoredDay

_SCHEMA = """
CREATE TABLE IF NOT EXISTS captures (
    capture INTEGER PRIMARY KEY, content TEXT, settings TEXT, packets INTEGER, finished REAL,
    documents TEXT NOT NULL DEFAULT '', UNIQUE (content, settings)
);
CREATE TABLE IF NOT EXISTS files (
    device INTEGER, inode INTEGER, size INTEGER, modified INTEGER, changed INTEGER, content TEXT,
    PRIMARY KEY (device, inode)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS days (identity TEXT PRIMARY KEY, name TEXT, expires REAL, pruned INTEGER DEFAULT 0);
CREATE TABLE IF NOT EXISTS capture_days (identity TEXT, capture INTEGER, PRIMARY KEY (identity, capture)) WITHOUT ROWID;
"""
_COLUMN = "ALTER TABLE captures ADD COLUMN documents TEXT NOT NULL DEFAULT ''"
"""Ledgers of earlier versions have none."""
_BUSY_SECONDS = 60.0
_LARGEST = 2**63


class LedgerError(EspcapError):
    """The ledger cannot be used. Nothing is lost by that, but captures are dissected again."""


class FinishedCapture(NamedTuple):
    """A capture whose packets the store has acknowledged, all of them."""

    content: str
    """Digest of its content."""
    settings: str
    """Digest of what decides which packets and values of it are stored."""
    packets: int
    indices: frozenset[str]
    """Names of the indices that hold them."""
    documents: str = ""
    """The `settings_id` of its documents; empty for those of earlier versions, which have none."""


class StoredCapture(NamedTuple):
    """What is known of a capture that is done."""

    content: str
    packets: int
    documents: str
    """As in `FinishedCapture`."""


def ledger_path(nodes: Sequence[str]) -> Path:
    """Where the ledger of a store is, from what the user calls its node. Its name holds no credentials."""
    if nodes[0] == "local" or nodes[0].startswith("local:"):
        return local_folder(nodes[0]) / "ledger.sqlite"
    from espcap.stores.elasticsearch.connection import Connection

    addresses = sorted(Connection((node,)).addresses for node in nodes)
    digest = hashlib.blake2b("\n".join(addresses).encode(), digest_size=8).hexdigest()
    return state_folder() / f"ledger-{digest}.sqlite"


class Ledger:
    """The ledger in one file, which is made where it is missing. All methods raise LedgerError where it fails."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._failures():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
            self._connection = sqlite3.connect(path, timeout=_BUSY_SECONDS)
            self._connection.execute("PRAGMA synchronous = FULL")
            with self._connection:
                for statement in _SCHEMA.split(";"):
                    self._connection.execute(statement)
            self._add_column()

    def _add_column(self) -> None:
        execute = self._connection.execute
        with self._connection:
            execute("BEGIN IMMEDIATE")  # another process may be about to do the same
            if not any(name == "documents" for _, name, *_ in execute("PRAGMA table_info(captures)")):
                execute(_COLUMN)

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            hint = "without it captures are dissected again, and nothing is stored twice; remove it if it is damaged"
            raise LedgerError(f"the ledger {self.path} cannot be used: {reason}", hint) from error

    def find_file(self, stamp: Stamp, settings: str) -> StoredCapture | None:
        """The capture of a file that has not changed since it was done; None where it is not known to be done."""
        return self._one(
            "SELECT content, packets, documents FROM files JOIN captures USING (content) WHERE device = ? AND inode = ?"
            " AND size = ? AND modified = ? AND changed = ? AND settings = ?",
            (*_storable(stamp), settings),
        )

    def find_content(self, content: str, settings: str) -> StoredCapture | None:
        """A capture that is done; None where it is not."""
        question = "SELECT content, packets, documents FROM captures WHERE content = ? AND settings = ?"
        return self._one(question, (content, settings))

    def _one(self, question: str, values: tuple[int | str, ...]) -> StoredCapture | None:
        with self._failures():
            row = self._connection.execute(question, values).fetchone()
            return StoredCapture(*row) if row else None

    def all_known(self, settings: str) -> list[StoredCapture]:
        """All captures that are done with these settings."""
        question = "SELECT content, packets, documents FROM captures WHERE settings = ?"
        with self._failures():
            return [StoredCapture(*row) for row in self._connection.execute(question, (settings,))]

    def add(self, captures: Iterable[FinishedCapture], days: Iterable[StoredDay]) -> None:
        """Records captures; `days` are those of the store as they are now.

        A capture is left out where one of its indices is no longer there.
        """
        present = {day.name: day for day in days}
        with self._failures(), self._connection:
            for done in captures:
                if done.indices <= present.keys():
                    self._add(done, [present[index] for index in done.indices])

    def _add(self, done: FinishedCapture, days: Sequence[StoredDay]) -> None:
        execute = self._connection.execute
        [capture] = execute(
            "INSERT INTO captures (content, settings, packets, finished, documents) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET packets = excluded.packets, finished = excluded.finished,"
            " documents = excluded.documents RETURNING capture",
            (done.content, done.settings, done.packets, time.time(), done.documents),
        ).fetchone()
        execute("DELETE FROM capture_days WHERE capture = ?", (capture,))
        for day in days:
            execute(
                "INSERT INTO days (identity, name, expires) VALUES (?, ?, ?) ON CONFLICT DO UPDATE"
                " SET expires = excluded.expires, pruned = 0",
                (day.identity, day.name, day.expires),
            )
            execute("INSERT INTO capture_days (identity, capture) VALUES (?, ?)", (day.identity, capture))

    def add_files(self, files: Iterable[tuple[Stamp, str]]) -> None:
        """Records the contents of files, by digest."""
        rows = [(*_storable(stamp), content) for stamp, content in files]
        with self._failures(), self._connection:
            self._connection.executemany("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?)", rows)

    def verify(self, days: Iterable[StoredDay], now: float) -> int:
        """Forgets captures with packets in an index that is gone though it neither expired nor was pruned.

        `days` are those of the store, `now` seconds since 1970. Returns how many captures were forgotten.
        """
        present = {day.identity: day for day in days}
        with self._failures(), self._connection:
            execute = self._connection.execute
            for day in present.values():
                update = "UPDATE days SET expires = ?, pruned = 0 WHERE identity = ?"
                execute(update, (day.expires, day.identity))
            known = execute("SELECT identity FROM days WHERE NOT pruned AND (expires IS NULL OR expires > ?)", (now,))
            lost = [identity for (identity,) in known if identity not in present]
            return sum(self._forget(identity) for identity in lost)

    def _forget(self, identity: str) -> int:
        execute = self._connection.execute
        of_day = "SELECT capture FROM capture_days WHERE identity = ?"
        forgotten = execute(f"DELETE FROM captures WHERE capture IN ({of_day})", (identity,)).rowcount
        execute("DELETE FROM capture_days WHERE identity = ?", (identity,))
        execute("DELETE FROM days WHERE identity = ?", (identity,))
        return forgotten

    def forget(self, contents: Iterable[str], settings: str | None = None) -> int:
        """Forgets captures, those done with these settings or with any; returns how many."""
        with self._failures(), self._connection:
            return sum(self._forget_content(content, settings) for content in contents)

    def _forget_content(self, content: str, settings: str | None) -> int:
        execute, chosen = self._connection.execute, (content, settings)
        which = "SELECT capture FROM captures WHERE content = ?1 AND settings = coalesce(?2, settings)"
        execute(f"DELETE FROM capture_days WHERE capture IN ({which})", chosen)
        return execute(f"DELETE FROM captures WHERE capture IN ({which})", chosen).rowcount

    def prune(self, index: str) -> None:
        """Notes that an index is deleted because it is too old: captures with packets in it stay done."""
        with self._failures(), self._connection:
            self._connection.execute("UPDATE days SET pruned = 1 WHERE name = ?", (index,))

    def close(self) -> None:
        """Lets go of the file."""
        self._connection.close()


def _storable(stamp: Stamp) -> tuple[int, ...]:
    """SQLite's integers are signed, and an inode may use all 64 bits."""
    return tuple((value + _LARGEST) % (2 * _LARGEST) - _LARGEST for value in stamp)
