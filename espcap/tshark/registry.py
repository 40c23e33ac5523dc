"""The field registry of an installed tshark, and what a profile adds to it."""

import errno
import hashlib
import sqlite3
import tempfile
import weakref
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from espcap.base.paths import cache_folder
from espcap.fields.field import Kind
from espcap.fields.own import OwnFields, parse_own_fields, write_own
from espcap.fields.registry import Registry, build_registry, kept_in
from espcap.tshark.lists import print_list
from espcap.tshark.profile import contents
from espcap.tshark.program import Program
from espcap.tshark.value_names import all_value_names

_READ_ONLY = frozenset([errno.EROFS, errno.EACCES, errno.EPERM])

_FORM = "5"
"""To be changed whenever another registry is made of the same lists: an older one must not be taken for it."""


def open_registry(program: Program, profile_folder: str = "") -> Registry:
    """The registry of an installed tshark, made when its cache has none. A profile's plugins may add fields."""
    path = registry_path(program, profile_folder)
    try:
        return Registry(path)
    except sqlite3.Error:  # there is none, or it is damaged
        fields, protocols = (print_list(program, name, profile_folder) for name in ("fields", "protocols"))
    plain = open_registry(program) if profile_folder else None
    with kept_in(path.parent):
        try:
            build_registry(path, fields, protocols, plain)
        except OSError as error:
            if error.errno not in _READ_ONLY:
                raise
            return _make_for_now(path.name, fields, protocols, plain)
        return Registry(path)


def _make_for_now(name: str, fields: Iterable[str], protocols: Iterable[str], plain: Registry | None) -> Registry:
    """A registry that goes with its object, for who has no cache that can be written."""
    folder = tempfile.TemporaryDirectory(prefix="espcap-")
    path = Path(folder.name) / name
    build_registry(path, fields, protocols, plain)
    registry = Registry(path)
    weakref.finalize(registry, folder.cleanup)
    return registry


def registry_path(program: Program, profile_folder: str = "") -> Path:
    """Where the registry of this tshark is kept."""
    state = "\n".join([program.banner, profile_folder, _FORM])
    digest = hashlib.blake2b(state.encode("utf-8", "surrogateescape"), digest_size=6)
    for content in contents(profile_folder):
        digest.update(content)
    return cache_folder() / f"fields-{program.version}-{digest.hexdigest()}.sqlite"


def find_own(program: Program, registry: Registry, profile_folder: str) -> OwnFields:
    """What a profile's registry has beyond that of tshark alone, kept beside it: value names take seconds to find."""
    path = registry.path.with_suffix(".own.json")
    with suppress(OSError, ValueError):  # there is none, or it is damaged
        return parse_own_fields(path.read_bytes())
    plain = open_registry(program)
    fields, protocols = registry.beyond(plain.path)
    plain.close()
    named = [one.name for one in fields if one.kind in (Kind.INTEGER, Kind.UNSIGNED, Kind.BOOLEAN)]
    values = all_value_names(program, profile_folder, named) if named else {}
    own = OwnFields(fields, protocols, {name: tuple(names) for name, names in values.items()})
    _keep(path, own)
    return own


def _keep(path: Path, own: OwnFields) -> None:
    with suppress(OSError):  # the cache may be read only; then it is found anew
        write_own(path, own)
