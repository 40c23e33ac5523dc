"""The field registry: Wireshark's fields and protocols, with the path and the kind that each field has in documents.

It is made from `tshark -G fields` and `tshark -G protocols` and kept in an SQLite file for each version of tshark,
because reading all of the 240,000 fields takes a second, and a capture needs only a few hundred of them.
"""

import os
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from espcap.base.errors import EspcapError
from espcap.base.text import printable
from espcap.fields.field import PATHS, Field, Kind
from espcap.fields.glossaries import parse_fields, parse_protocols, protocol_fields, with_distinct_paths

if TYPE_CHECKING:
    from espcap.fields.own_fields import OwnFields


_ALL = 10_000_000
"""A limit for queries that is greater than the number of names in any registry."""


def _field_of(row: tuple[Any, ...]) -> Field:
    return Field(row[0], row[1], row[2], Kind(row[3]), row[4], row[5])


REFRESH_SECONDS = 2.0
"""Shortest time between two reads of a store's record of own fields, to which other processes may add."""
_JOINED = (
    "CREATE TEMP TABLE own_field (name PRIMARY KEY, layer, key, kind, base, type) WITHOUT ROWID;"
    "CREATE TEMP TABLE own_protocol (name PRIMARY KEY, description) WITHOUT ROWID;"
    "CREATE TEMP VIEW field AS SELECT * FROM main.field UNION ALL SELECT * FROM own_field;"
    "CREATE TEMP VIEW protocol AS SELECT * FROM main.protocol UNION ALL SELECT * FROM own_protocol;"
)
"""Makes all queries find own fields too. It runs only when the first own fields are known, because it slows queries."""


class Registry:
    """Looks up fields by name and by path. `open_registry` opens it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.own: OwnFields | None = None
        """The fields that a profile adds, for stores to record; None without a profile."""
        address = f"file:{path}?mode=ro&immutable=1"
        self._database = sqlite3.connect(address, uri=True, check_same_thread=False)  # SQLite serializes the threads
        self._database.execute("SELECT type FROM main.protocol, main.field LIMIT 1")
        self._derived: dict[str, Kind] = {}
        self._kinds: dict[str, Kind] = dict(PATHS)
        self._recorded: Callable[[], OwnFields | None] | None = None
        self._refreshed = -REFRESH_SECONDS
        self._known_own: OwnFields | None = None
        self._lock = Lock()
        self._of_tshark: Registry | None = None

    def close(self) -> None:
        """Closes the file. Not needed if the program ends."""
        self._database.close()
        if self._of_tshark:
            self._of_tshark.close()

    def without_store(self) -> "Registry":
        """The registry of the installed tshark alone, which never reads own fields from a store.

        Use it to read tshark's output, which contains only fields of that tshark: the store may be out of reach. All
        calls return the same registry, and it is closed together with this one.
        """
        if not self._recorded:
            return self
        with self._lock:
            self._of_tshark = self._of_tshark or Registry(self.path)
            return self._of_tshark

    def add_own_fields_from(self, recorded: "Callable[[], OwnFields | None]") -> None:
        """Also looks up names that tshark does not have in a store's record of own fields.

        `recorded` reads the record. It is called when such a name is looked up, at most every REFRESH_SECONDS.
        """
        self._recorded = recorded

    def add_kinds(self, kinds: Mapping[str, Kind]) -> None:
        """Also knows the kinds of these paths, which are those of documents that are made from several packets."""
        self._derived |= {path: kind for path, kind in kinds.items() if path not in PATHS}
        self._kinds = PATHS | self._derived

    def refresh(self) -> None:
        """Reads the store's record of own fields again, if any were known. Call it before a query is built.

        Another process may have recorded other types or other names of values.
        """
        if self._known_own is not None:
            self._has_changed()

    def _has_changed(self) -> bool:
        """Reads the record of own fields, and returns whether it has changed."""
        with self._lock:
            if not self._recorded or time.monotonic() - self._refreshed < REFRESH_SECONDS:
                return False
            recorded = self._recorded()
            self._refreshed = time.monotonic()
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
        self._kinds = PATHS | self._derived

    def _first(self, query: str, words: tuple[str, ...]) -> tuple[Any, ...] | None:
        """The first row. If no row is found, reads the store's record of own fields and tries again."""
        row = self._database.execute(query, words).fetchone()
        if row is None and self._has_changed():
            row = self._database.execute(query, words).fetchone()
        return tuple(row) if row else None

    def _all(self, query: str, words: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """All rows, including those from the store's record of own fields."""
        self._has_changed()
        return self._database.execute(query, words).fetchall()

    def field(self, name: str) -> Field | None:
        """The field with this Wireshark name; None if neither tshark nor the store has it."""
        row = self._first("SELECT * FROM field WHERE name = ?", (name,))
        return _field_of(row) if row else None

    def value_names(self, name: str) -> "list[tuple[int, int, str]] | None":
        """The named values, (least, greatest, name), of a field that a store has recorded; None for tshark's fields."""
        if (
            self._known_own is None
            or self._database.execute("SELECT 1 FROM main.field WHERE name = ?", (name,)).fetchone()
        ):
            return None
        return self._known_own.names_of(name)

    def kind(self, path: str) -> Kind:
        """The kind of a path of a document, such as `layers.ip.src` or `source.port`; STRING if the path is unknown."""
        kinds = self._kinds  # another thread may replace it, and the new one must not get an outdated kind
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
        """Returns whether documents can contain this field of a layer or, without a key, the layer itself."""
        query = "SELECT 1 FROM field WHERE layer = ? AND (key = ? OR ? = '') LIMIT 1"
        return self._first(query, (layer, key, key)) is not None

    def paths(self, kind: Kind) -> list[str]:
        """The paths of all fields of a kind, such as `layers.ip.src`, sorted."""
        query = "SELECT DISTINCT 'layers.' || layer || '.' || key FROM field WHERE kind = ? ORDER BY 1"
        return [row[0] for row in self._all(query, (kind,))]

    def is_protocol(self, name: str) -> bool:
        """Returns whether tshark, or the store's record, has a protocol with this filter name."""
        return self._first("SELECT 1 FROM protocol WHERE name = ?", (name,)) is not None

    def table(self) -> Path:
        """The path of a text file for the native reader, which is written if it does not exist.

        It has a line for each name, sorted by the names' bytes, with columns separated by tabs: name, layer, key, kind,
        base, and `1` for a protocol. Raises EspcapError if the file cannot be written.
        """
        path = self.path.with_suffix(".tsv")
        if not path.exists():
            with cache_write_errors(path.parent):
                write_atomically(path, self._write_table)
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
        """The first `most` names that start with `start`: protocols first, then fields, each sorted."""
        query = "SELECT name FROM {} WHERE name >= ? AND name < ? ORDER BY name LIMIT ?"
        words = (start, f"{start}\U0010ffff", most)
        found = [self._all(query.format(table), words) for table in ("protocol", "field")]
        return list(dict.fromkeys(row[0] for rows in found for row in rows))[:most]

    def paths_starting(self, start: str, most: int) -> list[str]:
        """The first `most` paths below `layers` that start with `start`, sorted.

        Without a dot in `start` these are layers: `ip` gives `ip`, `ipv6`, …; `ip.s` gives `ip.src`, …
        """
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

    def difference(self, other: Path) -> tuple[tuple[Field, ...], tuple[tuple[str, str], ...]]:
        """The fields, and (name, description) of the protocols, whose names are not in another registry's file."""
        self._database.execute("ATTACH ? AS other", (f"file:{other}?mode=ro&immutable=1",))
        try:
            query = "SELECT * FROM main.{0} WHERE name NOT IN (SELECT name FROM other.{0}) ORDER BY name"
            fields = self._database.execute(query.format("field")).fetchall()
            protocols = self._database.execute(query.format("protocol")).fetchall()
        finally:
            self._database.execute("DETACH other")
        return tuple(map(_field_of, fields)), tuple((name, description) for name, description in protocols)


@contextmanager
def cache_write_errors(folder: Path) -> Iterator[None]:
    """Raises EspcapError if the statements in the context cannot write the registry's files to the folder."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise EspcapError(
            f"cannot keep tshark's list of fields in {printable(str(folder))}: {error}",
            "set XDG_CACHE_HOME to a folder that can be written",
        ) from error


def build_registry(path: Path, fields: Iterable[str], protocols: Iterable[str], plain: Registry | None = None) -> None:
    """Writes the registry's file from the lines of `tshark -G fields` and `tshark -G protocols`.

    The file is complete or missing, even if several processes write it at the same time. If the lists are those of a
    profile, `plain` is the registry of tshark alone. Raises OSError if the file cannot be written.
    """
    known = frozenset(plain.names_starting("", _ALL)) if plain else None
    write_atomically(
        path, lambda name: _fill(name, fields, protocols, lambda field: known is not None and field not in known)
    )


def write_atomically(path: Path, write: Callable[[str], None]) -> None:
    """Calls `write` with the name of a temporary file, which then replaces `path`; no reader finds it unfinished."""
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
        raise EspcapError(
            f"espcap cannot read the list that tshark -G {missing} prints", "report this to the authors of espcap"
        )
    with sqlite3.connect(name) as database:
        database.execute("CREATE TABLE field (name PRIMARY KEY, layer, key, kind, base, type) WITHOUT ROWID")
        database.execute("CREATE TABLE protocol (name PRIMARY KEY, description) WITHOUT ROWID")
        every = with_distinct_paths([*parsed, *protocol_fields(known.items())], is_own)
        database.executemany("INSERT OR IGNORE INTO field VALUES (?, ?, ?, ?, ?, ?)", every)
        database.executemany("INSERT INTO protocol VALUES (?, ?)", known.items())
        database.execute("CREATE INDEX path ON field (layer, key)")
    database.close()
