"""Digests of a run's settings, with which a run finds captures that are already stored with the same settings."""

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from espcap.documents.packets import FORM
from espcap.tshark.arguments import Settings
from espcap.tshark.profile import contents, digest_file
from espcap.tshark.program import Program
from espcap.tshark.scripts import script_contents

_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True)
class Digests:
    """Digests of a run's settings, in hexadecimal."""

    work: str = ""
    """Digest of the options that select packets and values. A capture stored with the same digest is skipped."""
    settings_id: str = ""
    """Digest of everything that changes a document, with the versions of tshark and of the document's form.

    Documents have it as `settings_id`.
    """
    is_whole: bool = True
    """Whether all packets of a capture are stored: no display filter and no count."""


def digest_settings(
    program: Program, settings: Settings, payload: bool, protocols: str = "", types: Sequence[str] = ("packets",)
) -> Digests:
    """Returns the digests of the settings that the user gave.

    `protocols` is the path of the protocol list, or empty. `types` are the names of the types of documents.
    Files count by their contents. Raises UsageError if one of
    the files cannot be read.
    """
    files = [*_contents(settings), *([digest_file(protocols)] if protocols else [])]
    chosen = [settings.display_filter, *settings.decode_as, "", *settings.preferences, "", settings.profile_folder]
    chosen += settings.scripts
    others = [each for each in types if each != "packets"]
    work = _hash(repr([chosen, settings.count, payload, *others]), files, 16)
    shape = [*settings.decode_as, "", *map(_without_paths, settings.preferences)]
    settings_id = _hash(repr([shape, payload, str(program.version), FORM]), files, 8)
    return Digests(work, settings_id, not settings.display_filter and not settings.count)


def _hash(text: str, contents: list[bytes], size: int) -> str:
    digest = hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=size)
    for content in contents:
        digest.update(content)
    return digest.hexdigest()


def _contents(settings: Settings) -> Iterator[bytes]:
    """Yields digests of the files that preferences name, such as a TLS key log, of the profile, and of scripts."""
    for preference in settings.preferences:
        yield from map(digest_file, _files(preference))
    yield from contents(settings.profile_folder)
    yield from script_contents(settings.scripts)


def _files(preference: str) -> list[str]:
    """Returns the files that a preference names: its whole value, or quoted strings in it (rows of a table)."""
    value = preference.partition(":")[2]
    return [path for path in (value, *_QUOTED.findall(value)) if os.path.isfile(path)]


def _without_paths(preference: str) -> str:
    """Returns the preference without the paths of files: the path of a key log does not change a document."""
    for path in _files(preference):
        preference = preference.replace(path, "")
    return preference
