"""The job of a run (programs, settings and registry that all its sources share), and the listener to its progress."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from espcap.base.errors import UsageError
from espcap.base.paths import is_local
from espcap.documents.packets import HEAD
from espcap.documents.types import PACKETS, DocumentType
from espcap.fields.protocols import ProtocolList, read_list
from espcap.fields.registry import Registry
from espcap.ingest.digests import Digests, digest_settings
from espcap.ingest.following import follow
from espcap.ingest.report import Problem
from espcap.live.spool import SpoolSettings
from espcap.transactions.declaration import Declaration
from espcap.tshark.arguments import Settings
from espcap.tshark.output import check_settings, hand_over_files
from espcap.tshark.plugin import open_plugin
from espcap.tshark.program import Program, User, dissecting_user
from espcap.tshark.registry import find_own, open_registry


@dataclass(frozen=True)
class Job:
    """The programs, settings and registry that all sources of a run share."""

    program: Program
    registry: Registry
    protocols: ProtocolList
    settings: Settings
    user: User | None = None
    """The user that tshark runs as; None for the user of this process."""
    payload: bool = False
    digests: Digests = field(default_factory=Digests)
    """Digests of the settings that the user gave."""
    chunk: int = 1000
    """Largest number of documents of a batch."""
    jobs: int | None = None
    """How many tsharks run at the same time; None for one on each core that this process may use."""
    stall_timeout: float = 60
    """Seconds without output after which tshark is ended, if it reads a file."""
    types: tuple[DocumentType, ...] = (PACKETS,)
    """The types of documents to make."""
    declarations: tuple[Declaration, ...] = ()
    """The protocols of which transactions are made."""
    names: tuple[str, ...] = ()
    """Names of the protocols and fields that flows and transactions need; empty without them."""
    spool: SpoolSettings = field(default_factory=SpoolSettings)
    """The spool, in which live captures wait for the store."""

    @property
    def has_own_settings(self) -> bool:
        """Whether the user gave options that change documents, such as a file of keys."""
        settings = self.settings
        return bool(
            self.payload or settings.decode_as or settings.preferences or settings.profile_folder or settings.scripts
        )

    @property
    def tsharks(self) -> int:
        """Largest number of tsharks that run at the same time."""
        return self.jobs or len(os.sched_getaffinity(0))


@dataclass(frozen=True)
class Listener:
    """Functions that are called while a run goes on."""

    on_progress: Callable[[int, int], None] = lambda position, packets: None
    """Called with the bytes read of the current file and the packets read of all files, after each block of output."""
    on_problem: Callable[[Problem], None] = lambda problem: None
    on_stored: Callable[[], None] = lambda: None
    """Called after each batch that the store has answered."""


def open_job(  # noqa: PLR0913 - most have defaults
    program: Program,
    settings: Settings,
    nodes: Sequence[str],
    payload: bool = False,
    protocols: str = "",
    *,
    types: Sequence[DocumentType] = (PACKETS,),
    **own: Any,
) -> Job:
    """Returns the job for these settings; close it with `close_job`.

    `nodes` are the addresses of the store, or empty. `protocols` is the path of the protocol list, or empty for the
    built-in one. `types` are the types of documents to make. `own` are further members of Job. Raises UsageError if
    tshark does not accept a display filter, a decode-as rule or a preference.
    """
    if settings.display_filter and set(types) != {PACKETS}:
        raise UsageError(
            "-Y leaves out packets that flows and transactions need", "leave it out, and give -Y to espcap search"
        )
    user, listed, given = dissecting_user(program), read_list(protocols), settings
    settings = hand_over_files(settings, user)
    if settings.display_filter or settings.decode_as or settings.preferences:
        check_filters(program, settings, user)
    registry = open_registry(program, settings.profile_folder, settings.scripts)
    folders = sorted({os.path.dirname(script) for script in settings.scripts})
    followed = follow(program, registry, types, folders)
    digests = digest_settings(program, given, payload, protocols, [each.name for each in types])
    if settings.profile_folder or settings.scripts:
        registry.own = find_own(program, registry, settings.profile_folder, settings.scripts)
        listed = listed.with_own(name for name, _ in registry.own.protocols)
    plugin = open_plugin(program, registry, user, HEAD, payload)
    columns = is_local(nodes) and PACKETS in types
    settings = replace(settings, plugin=plugin and replace(plugin, columns=columns, messages=followed.names))
    own |= {"types": tuple(types), "declarations": followed.declarations, "names": followed.names}
    return Job(program, registry, listed, settings, user, payload, digests, **own)


def check_filters(program: Program, settings: Settings, user: User | None) -> None:
    """Raises UsageError if tshark does not accept the display filter, a decode-as rule or a preference."""
    ended = check_settings(program, settings, user)
    if ended.status:
        raise UsageError(ended.message, "see man wireshark-filter, and -d and -o in man tshark")


def close_job(job: Job) -> None:
    """Closes the job's registry and the files that its tsharks inherited. Not needed in a program that ends then."""
    job.registry.close()
    plugin = job.settings.plugin
    for descriptor in (*job.settings.descriptors, *(plugin.descriptors if plugin else ())):
        os.close(descriptor)
