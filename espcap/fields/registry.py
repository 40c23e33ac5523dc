"""The field registry: what Wireshark knows of each field's name and type, as paths and kinds of a document.

Source: `tshark -G fields` and `tshark -G protocols`, kept in an SQLite file for each version of tshark, because the
quarter of a million fields take a second to read and a capture needs a few hundred of them.
"""

import os
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from espcap.base.errors import EspcapError
from espcap.base.text import printable
from espcap.fields.field import ENVELOPE, Field, Kind
from espcap.fields.lists import parse_fields, parse_protocols, protocol_fields, set_apart

if TYPE_CHECKING:
    from espcap.fields.own import OwnFields


_ALL = 10_000_000
"""More names than there are."""


def _field_of(row: tuple[Any, ...]) -> Field:
    return Field(row[0], row[1], row[2], Kind(row[3]), row[4], row[5])


ASKED_AGAIN_SECONDS = 2.0
"""A record of own fields is not read more often: another process may have added to it."""
_JOINED = (
    "CREATE TEMP TABLE own_field (name PRIMARY KEY, layer, key, kind, base, type) WITHOUT ROWID;"
    "CREATE TEMP TABLE own_protocol (name PRIMARY KEY, description) WITHOUT ROWID;"
    "CREATE TEMP VIEW field AS SELECT * FROM main.field UNION ALL SELECT * FROM own_field;"
    "CREATE TEMP VIEW protocol AS SELECT * FROM main.protocol UNION ALL SELECT * FROM own_protocol;"
)
"""From then on all queries find own fields too. Without any, none gets slower."""


class Registry:
    """Looks fields up by name and by path. Made by `open_registry`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.own: OwnFields | None = None
        """What a profile adds, for stores to record; None without a profile."""
        address = f"file:{path}?mode=ro&immutable=1"
        self._database = sqlite3.connect(address, uri=True, check_same_thread=False)  # SQLite itself serializes
        self._database.execute("SELECT type FROM main.protocol, main.field LIMIT 1")
        self._kinds: dict[str, Kind] = dict(ENVELOPE)
        self._recorded: Callable[[], OwnFields | None] | None = None
        self._asked = -ASKED_AGAIN_SECONDS
        self._known_own: OwnFields | None = None
        self._turn = Lock()
        self._without_store: Registry | None = None

    def close(self) -> None:
        """Lets go of the file. A program that ends need not."""
        self._database.close()
        if self._without_store:
            self._without_store.close()

    def installed(self) -> "Registry":
        """One that never asks a store: the store may be away, and tshark prints only what it knows itself.

        It is the same at each call, and is closed with this one.
        """
        if not self._recorded:
            return self
        with self._turn:
            self._without_store = self._without_store or Registry(self.path)
            return self._without_store

    def consult(self, recorded: "Callable[[], OwnFields | None]") -> None:
        """Looks names that tshark does not have up in what a store has recorded, which is asked when one comes."""
        self._recorded = recorded

    def look_again(self) -> None:
        """Call it before questions: what is known of own fields may have another type or other names by now."""
        if self._known_own is not None:
            self._has_learned()

    def _has_learned(self) -> bool:
        """Whether the record has more than was known of it."""
        with self._turn:
            if not self._recorded or time.monotonic() - self._asked < ASKED_AGAIN_SECONDS:
                return False
            recorded = self._recorded()
            self._asked = time.monotonic()
            if not recorded or recorded == self._known_own:
                return False
            self._join(recorded)
            return True

    def _join(self, own: "OwnFields") -> None:
        if self._known_own is None:
            self._database.executescript(_JOINED)
        for table, rows in (("field", own.fields), ("protocol", own.protocols)):
            places = ", ".join("?" * len(rows[0])) if rows else ""
            for row in rows:
                if not self._database.execute(f"SELECT 1 FROM main.{table} WHERE name = ?", row[:1]).fetchone():
                    self._database.execute(f"INSERT OR REPLACE INTO own_{table} VALUES ({places})", row)
        self._known_own = own
        self._kinds = dict(ENVELOPE)

    def _first(self, query: str, words: tuple[str, ...]) -> tuple[Any, ...] | None:
        """The first row, if need be of what a store has recorded."""
        row = self._database.execute(query, words).fetchone()
        if row is None and self._has_learned():
            row = self._database.execute(query, words).fetchone()
        return tuple(row) if row else None

    def _all(self, query: str, words: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """All rows, with those of what a store has recorded."""
        self._has_learned()
        return self._database.execute(query, words).fetchall()

    def field(self, name: str) -> Field | None:
        """The field with this Wireshark name, or None if neither tshark nor the store knows it."""
        row = self._first("SELECT * FROM field WHERE name = ?", (name,))
        return _field_of(row) if row else None

    def value_names(self, name: str) -> "list[tuple[int, int, str]] | None":
        """The least value, the greatest and their name, of each named value of a recorded field; None for others."""
        if (
            self._known_own is None
            or self._database.execute("SELECT 1 FROM main.field WHERE name = ?", (name,)).fetchone()
        ):
            return None
        return self._known_own.names_of(name)

    def kind(self, path: str) -> Kind:
        """The kind of a path of a document: `layers.ip.src` or `source.port`; a string where nothing is known."""
        kinds = self._kinds  # another thread may put a new one there, which nothing older gets into
        if path not in kinds:
            kinds[path] = self._layer_kind(path)
        return kinds[path]

    def _layer_kind(self, path: str) -> Kind:
        root, _, rest = path.partition(".")
        layer, _, key = rest.partition(".")
        query = "SELECT kind FROM field WHERE layer = ? AND key = ?"
        row = self._first(query, (layer, key)) if root == "layers" else None
        return Kind(row[0]) if row else Kind.STRING

    def has_path(self, layer: str, key: str) -> bool:
        """Whether documents can have this field of a layer; without a key, whether they can have the layer."""
        query = "SELECT 1 FROM field WHERE layer = ? AND (key = ? OR ? = '') LIMIT 1"
        return self._first(query, (layer, key, key)) is not None

    def paths(self, kind: Kind) -> list[str]:
        """The paths of all fields of a kind, sorted: `layers.ip.src`, …"""
        query = "SELECT DISTINCT 'layers.' || layer || '.' || key FROM field WHERE kind = ? ORDER BY 1"
        return [row[0] for row in self._all(query, (kind,))]

    def is_protocol(self, name: str) -> bool:
        """Whether tshark, or the store, has a protocol with this filter name."""
        return self._first("SELECT 1 FROM protocol WHERE name = ?", (name,)) is not None

    def table(self) -> Path:
        """A file with a line for each name, sorted by their bytes: name, layer, key, kind, base, 1 for a protocol.

        Made when there is none. Raises EspcapError where it cannot be.
        """
        path = self.path.with_suffix(".tsv")
        if not path.exists():
            with kept_in(path.parent):
                write_whole(path, self._write_table)
        return path

    def _write_table(self, name: str) -> None:
        query = (
            "SELECT name, layer, key, kind, base, CASE WHEN name IN (SELECT name FROM main.protocol) THEN 1 ELSE '' END"
            " FROM main.field UNION ALL"
            " SELECT name, '', '', '', '', 1 FROM main.protocol"
            " WHERE name NOT IN (SELECT name FROM main.field) ORDER BY 1"
        )
        with open(name, "w", encoding="utf-8") as file:
            file.writelines("\t".join(map(str, row)) + "\n" for row in self._database.execute(query))

    def names_below(self, layer: str) -> list[str]:
        """The names of all fields that start with `layer` and a dot."""
        query = "SELECT name FROM field WHERE name > ? AND name < ?"
        return [row[0] for row in self._all(query, (f"{layer}.", f"{layer}/"))]

    def names_starting(self, start: str, most: int) -> list[str]:
        """Names of protocols and fields that start with this, sorted; protocols are among them, and come first."""
        query = "SELECT name FROM {} WHERE name >= ? AND name < ? ORDER BY name LIMIT ?"
        words = (start, f"{start}\U0010ffff", most)
        found = [self._all(query.format(table), words) for table in ("protocol", "field")]
        return list(dict.fromkeys(row[0] for rows in found for row in rows))[:most]

    def paths_starting(self, start: str, most: int) -> list[str]:
        """Paths below `layers` that start with this: `ip` gives `ip`, and `ip.s` gives `ip.src`, …"""
        layer, dot, key = start.partition(".")
        if not dot:
            query = "SELECT DISTINCT layer FROM field WHERE layer >= ? AND layer < ? ORDER BY 1 LIMIT ?"
            return [row[0] for row in self._all(query, (layer, f"{layer}\U0010ffff", most))]
        query = "SELECT DISTINCT key FROM field WHERE layer = ? AND key >= ? AND key < ? ORDER BY 1 LIMIT ?"
        found = self._all(query, (layer, key, f"{key}\U0010ffff", most))
        return [f"{layer}.{row[0]}" for row in found]

    def protocols(self) -> list[tuple[str, str]]:
        """(name, description) of every protocol, sorted by name."""
        return [(row[0], row[1]) for row in self._all("SELECT name, description FROM protocol ORDER BY name")]

    def beyond(self, other: Path) -> tuple[tuple[Field, ...], tuple[tuple[str, str], ...]]:
        """The fields and the protocols whose names another registry's file does not have."""
        self._database.execute("ATTACH ? AS other", (f"file:{other}?mode=ro&immutable=1",))
        try:
            query = "SELECT * FROM main.{0} WHERE name NOT IN (SELECT name FROM other.{0}) ORDER BY name"
            fields = self._database.execute(query.format("field")).fetchall()
            protocols = self._database.execute(query.format("protocol")).fetchall()
        finally:
            self._database.execute("DETACH other")
        return tuple(map(_field_of, fields)), tuple((name, description) for name, description in protocols)


@contextmanager
def kept_in(folder: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise EspcapError(
            f"cannot keep tshark's list of fields in {printable(str(folder))}: {error}",
            "set XDG_CACHE_HOME to a folder that can be written",
        ) from error


def build_registry(path: Path, fields: Iterable[str], protocols: Iterable[str], plain: Registry | None = None) -> None:
    """Writes the registry's file whole or not at all, whoever else does the same at once.

    `plain` is that of tshark alone, if the lists are those of a profile.
    """
    known = frozenset(plain.names_starting("", _ALL)) if plain else None
    write_whole(
        path, lambda name: _fill(name, fields, protocols, lambda field: known is not None and field not in known)
    )


def write_whole(path: Path, write: Callable[[str], None]) -> None:
    """Has a file made under another name first, so that nobody finds it unfinished."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".fields-")
    os.close(handle)
    try:
        write(name)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)


def _fill(name: str, fields: Iterable[str], protocols: Iterable[str], is_own: Callable[[str], bool]) -> None:
    known, parsed = dict(parse_protocols(protocols)), list(parse_fields(fields))
    if not (known and parsed):
        missing = "fields" if known else "protocols"
        raise EspcapError(f"tshark -G {missing} has no list that espcap can read", "tell the makers of espcap")
    with sqlite3.connect(name) as database:
        database.execute("CREATE TABLE field (name PRIMARY KEY, layer, key, kind, base, type) WITHOUT ROWID")
        database.execute("CREATE TABLE protocol (name PRIMARY KEY, description) WITHOUT ROWID")
        every = set_apart([*parsed, *protocol_fields(known.items())], is_own)
        database.executemany("INSERT OR IGNORE INTO field VALUES (?, ?, ?, ?, ?, ?)", every)
        database.executemany("INSERT INTO protocol VALUES (?, ?)", known.items())
        database.execute("CREATE INDEX path ON field (layer, key)")
    database.close()
