"""The ledger: a list of the captures that one store has in full, so that they need not be dissected again.

It is an SQLite database that several processes can use at the same time. Each store has its own ledger, in the folder
of a local index, or in the user's state folder for an Elasticsearch.
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
"""Adds the column that ledgers of earlier versions do not have."""
_BUSY_SECONDS = 60.0
_LARGEST = 2**63


class LedgerError(EspcapError):
    """The ledger cannot be used. No packets are lost, but captures are dissected again."""


class FinishedCapture(NamedTuple):
    """A capture of which the store has acknowledged all packets."""

    content: str
    """Digest of its content."""
    work: str
    """Digest of the options that select its packets and values (`Digests.work`)."""
    packets: int
    indices: frozenset[str]
    """Names of the indices that contain its packets."""
    settings_id: str = ""
    """The `settings_id` of its documents; empty for documents of earlier versions, which do not have it."""


class StoredCapture(NamedTuple):
    """A capture that the ledger has as stored in full."""

    content: str
    packets: int
    settings_id: str
    """As in `FinishedCapture`."""


def ledger_path(nodes: Sequence[str]) -> Path:
    """Returns the path of the ledger for the store at these `--node` addresses. It contains no credentials."""
    if nodes[0] == "local" or nodes[0].startswith("local:"):
        return local_folder(nodes[0]) / "ledger.sqlite"
    from espcap.stores.elasticsearch.connection import Connection

    addresses = sorted(Connection((node,)).addresses for node in nodes)
    digest = hashlib.blake2b("\n".join(addresses).encode(), digest_size=8).hexdigest()
    return state_folder() / f"ledger-{digest}.sqlite"


class Ledger:
    """The ledger in one file, which is created if it is missing. All methods raise LedgerError if the file fails.

    `work` is the digest of the options that a capture was stored with (`Digests.work`). Its column is `settings`, and
    that of `settings_id` is `documents`.
    """

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
            execute("BEGIN IMMEDIATE")  # another process may add the column at the same time
            if not any(name == "documents" for _, name, *_ in execute("PRAGMA table_info(captures)")):
                execute(_COLUMN)

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            hint = "without it captures are dissected again, and nothing is stored twice; delete it if it is damaged"
            raise LedgerError(f"the ledger {self.path} cannot be used: {reason}", hint) from error

    def find_file(self, stamp: Stamp, work: str) -> StoredCapture | None:
        """Returns the capture of a file that is stored and has not changed since; None if there is no such capture."""
        return self._one(
            "SELECT content, packets, documents FROM files JOIN captures USING (content) WHERE device = ? AND inode = ?"
            " AND size = ? AND modified = ? AND changed = ? AND settings = ?",
            (*_storable(stamp), work),
        )

    def find_content(self, content: str, work: str) -> StoredCapture | None:
        """Returns the capture with this digest of its content; None if it is not stored with these options."""
        question = "SELECT content, packets, documents FROM captures WHERE content = ? AND settings = ?"
        return self._one(question, (content, work))

    def _one(self, question: str, values: tuple[int | str, ...]) -> StoredCapture | None:
        with self._failures():
            row = self._connection.execute(question, values).fetchone()
            return StoredCapture(*row) if row else None

    def all_known(self, work: str) -> list[StoredCapture]:
        """Returns all captures that are stored with these options."""
        question = "SELECT content, packets, documents FROM captures WHERE settings = ?"
        with self._failures():
            return [StoredCapture(*row) for row in self._connection.execute(question, (work,))]

    def add(self, captures: Iterable[FinishedCapture], days: Iterable[StoredDay]) -> None:
        """Records captures as stored. `days` are the indices that the store has now.

        A capture is not recorded if one of its indices does not exist any more.
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
            (done.content, done.work, done.packets, time.time(), done.settings_id),
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
        """Records the digests of the contents of files."""
        rows = [(*_storable(stamp), content) for stamp, content in files]
        with self._failures(), self._connection:
            self._connection.executemany("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?)", rows)

    def verify(self, days: Iterable[StoredDay], now: float) -> int:
        """Removes captures of which an index is missing from the store, although it did not expire and was not pruned.

        `days` are the indices that the store has, `now` is in seconds since 1970. Returns how many captures it removed.
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

    def forget(self, contents: Iterable[str], work: str | None = None) -> int:
        """Removes captures that are stored with these options, or with any options if None. Returns their number."""
        with self._failures(), self._connection:
            return sum(self._forget_content(content, work) for content in contents)

    def _forget_content(self, content: str, work: str | None) -> int:
        execute, chosen = self._connection.execute, (content, work)
        which = "SELECT capture FROM captures WHERE content = ?1 AND settings = coalesce(?2, settings)"
        execute(f"DELETE FROM capture_days WHERE capture IN ({which})", chosen)
        return execute(f"DELETE FROM captures WHERE capture IN ({which})", chosen).rowcount

    def prune(self, index: str) -> None:
        """Records that an index is deleted because of its age: its captures still count as stored."""
        with self._failures(), self._connection:
            self._connection.execute("UPDATE days SET pruned = 1 WHERE name = ?", (index,))

    def close(self) -> None:
        """Closes the file."""
        self._connection.close()


def _storable(stamp: Stamp) -> tuple[int, ...]:
    """Returns the stamp as signed 64-bit numbers for SQLite: an inode may need an unsigned one."""
    return tuple((value + _LARGEST) % (2 * _LARGEST) - _LARGEST for value in stamp)
