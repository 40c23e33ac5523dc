"""Digests of a run's settings: of those that choose packets and values, and of those that shape their documents."""

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass

from espcap.documents.packets import FORM
from espcap.tshark.arguments import Settings
from espcap.tshark.profile import contents, digest_file
from espcap.tshark.program import Program

_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True)
class Digests:
    """What a run's settings are, in few bytes."""

    work: str = ""
    """Of all that the user chose: the same work needs not be done again."""
    documents: str = ""
    """Of all that shapes a document, the versions of tshark and of its form too: its `settings_id`."""
    is_whole: bool = True
    """Whether all packets of a capture are stored, as no option selects some."""


def digest_settings(program: Program, settings: Settings, payload: bool, protocols: str = "") -> Digests:
    """The digests of settings as the user gave them; `protocols` is a file. Files count by their contents.

    Raises UsageError where one of the files cannot be read.
    """
    files = [*_contents(settings), *([digest_file(protocols)] if protocols else [])]
    chosen = [settings.display_filter, *settings.decode_as, "", *settings.preferences, "", settings.profile_folder]
    work = _hash(repr([chosen, settings.count, payload]), files, 16)
    shape = [*settings.decode_as, "", *map(_without_paths, settings.preferences)]
    documents = _hash(repr([shape, payload, str(program.version), FORM]), files, 8)
    return Digests(work, documents, not settings.display_filter and not settings.count)


def _hash(text: str, contents: list[bytes], size: int) -> str:
    digest = hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=size)
    for content in contents:
        digest.update(content)
    return digest.hexdigest()


def _contents(settings: Settings) -> Iterator[bytes]:
    """Digests of the files that preferences name, such as a log of keys, and of those of the profile."""
    for preference in settings.preferences:
        yield from map(digest_file, _files(preference))
    yield from contents(settings.profile_folder)


def _files(preference: str) -> list[str]:
    """The files that a preference names: as its value, or in quotes in a table."""
    value = preference.partition(":")[2]
    return [path for path in (value, *_QUOTED.findall(value)) if os.path.isfile(path)]


def _without_paths(preference: str) -> str:
    """The preference, where it does not matter in which file its keys are."""
    for path in _files(preference):
        preference = preference.replace(path, "")
    return preference
