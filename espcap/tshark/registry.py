"""Opens the field registry of an installed tshark, and finds the fields that a profile and scripts add to it."""

import errno
import hashlib
import sqlite3
import tempfile
import weakref
from collections.abc import Iterable
from contextlib import suppress
from itertools import chain
from pathlib import Path

from espcap.base.paths import cache_folder
from espcap.fields.field import Kind
from espcap.fields.own_fields import OwnFields, parse_own_fields, write_own_fields
from espcap.fields.registry import Registry, build_registry, cache_write_errors
from espcap.tshark.lists import print_list
from espcap.tshark.profile import contents
from espcap.tshark.program import Program
from espcap.tshark.scripts import script_contents
from espcap.tshark.value_names import all_value_names

_READ_ONLY = frozenset([errno.EROFS, errno.EACCES, errno.EPERM])

_FORM = "5"
"""The version of the registry's file. Change it if the same lists give another registry than before."""


def open_registry(program: Program, profile_folder: str = "", scripts: tuple[str, ...] = ()) -> Registry:
    """Opens the registry of an installed tshark, with the fields that a profile's plugins and scripts add.

    Makes it if the cache does not contain it. Raises EspcapError if that fails.
    """
    path = registry_path(program, profile_folder, scripts)
    try:
        return Registry(path)
    except sqlite3.Error:  # the file is missing or damaged
        fields, protocols = (print_list(program, name, profile_folder, scripts) for name in ("fields", "protocols"))
    plain = open_registry(program) if profile_folder or scripts else None
    with cache_write_errors(path.parent):
        try:
            build_registry(path, fields, protocols, plain)
        except OSError as error:
            if error.errno not in _READ_ONLY:
                raise
            return _make_for_now(path.name, fields, protocols, plain)
        return Registry(path)


def _make_for_now(name: str, fields: Iterable[str], protocols: Iterable[str], plain: Registry | None) -> Registry:
    """Makes a registry in a temporary folder, which is deleted with the object, for users whose cache is read-only."""
    folder = tempfile.TemporaryDirectory(prefix="espcap-")
    path = Path(folder.name) / name
    build_registry(path, fields, protocols, plain)
    registry = Registry(path)
    weakref.finalize(registry, folder.cleanup)
    return registry


def registry_path(program: Program, profile_folder: str = "", scripts: tuple[str, ...] = ()) -> Path:
    """The path of the registry's file for this tshark, this profile and these scripts.

    Raises UsageError if they cannot be read.
    """
    state = "\n".join([program.banner, profile_folder, *scripts, _FORM])
    digest = hashlib.blake2b(state.encode("utf-8", "surrogateescape"), digest_size=6)
    for content in chain(contents(profile_folder), script_contents(scripts)):
        digest.update(content)
    return cache_folder() / f"fields-{program.version}-{digest.hexdigest()}.sqlite"


def find_own(program: Program, registry: Registry, profile_folder: str, scripts: tuple[str, ...] = ()) -> OwnFields:
    """The fields and protocols that a profile and scripts add to those of tshark, with their value names.

    They are kept in a file beside the registry, because finding value names takes seconds. Raises EspcapError if tshark
    fails.
    """
    path = registry.path.with_suffix(".own.json")
    with suppress(OSError, ValueError):  # the file is missing or damaged
        return parse_own_fields(path.read_bytes())
    plain = open_registry(program)
    fields, protocols = registry.difference(plain.path)
    plain.close()
    named = [one.name for one in fields if one.kind in (Kind.INTEGER, Kind.UNSIGNED, Kind.BOOLEAN)]
    values = all_value_names(program, profile_folder, scripts, named) if named else {}
    own = OwnFields(fields, protocols, {name: tuple(names) for name, names in values.items()})
    _keep(path, own)
    return own


def _keep(path: Path, own: OwnFields) -> None:
    with suppress(OSError):  # the cache may be read-only; the next run then finds the fields again
        write_own_fields(path, own)
