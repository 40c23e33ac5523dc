"""What all sources of a run share, found and opened, and whom a run tells how it goes."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from espcap.base.errors import UsageError
from espcap.base.paths import is_local
from espcap.documents.packets import HEAD
from espcap.fields.protocols import ProtocolList, read_list
from espcap.fields.registry import Registry
from espcap.ingest.digests import Digests, digest_settings
from espcap.ingest.report import Problem
from espcap.live.spool import SpoolSettings
from espcap.tshark.arguments import Settings
from espcap.tshark.output import check_settings, hand_over_files
from espcap.tshark.plugin import open_plugin
from espcap.tshark.program import Program, User, dissecting_user
from espcap.tshark.registry import find_own, open_registry


@dataclass(frozen=True)
class Job:
    """What all sources of a run share."""

    program: Program
    registry: Registry
    protocols: ProtocolList
    settings: Settings
    user: User | None = None
    """As whom tshark runs; None is as ourselves."""
    payload: bool = False
    digests: Digests = field(default_factory=Digests)
    """Of the settings as the user gave them."""
    chunk: int = 1000
    """Documents of a batch."""
    jobs: int | None = None
    """How many tsharks run at once; None is one for each core that we may use, for files that are worth it."""
    stall_timeout: float = 60
    """Seconds of silence after which a file's tshark is given up."""
    spool: SpoolSettings = field(default_factory=SpoolSettings)
    """Where live captures wait for the store."""

    @property
    def tsharks(self) -> int:
        """How many tsharks run at once at most."""
        return self.jobs or len(os.sched_getaffinity(0))


@dataclass(frozen=True)
class Listener:
    """Whom to tell how a run goes."""

    on_progress: Callable[[int, int], None] = lambda position, packets: None
    """Told the bytes read of the current file and the packets read of all, block by block."""
    on_problem: Callable[[Problem], None] = lambda problem: None
    on_stored: Callable[[], None] = lambda: None
    """Called whenever packets have found their end in the store."""


def open_job(
    program: Program, settings: Settings, nodes: Sequence[str], payload: bool = False, protocols: str = "", **own: Any
) -> Job:
    """The job of reading with these settings into the store that `nodes` name, or none.

    `protocols` is a file, `own` is the rest of a Job. Raises UsageError where tshark refuses a filter, a rule or a
    preference.
    """
    user = dissecting_user(program)
    digests = digest_settings(program, settings, payload, protocols)
    settings = hand_over_files(settings, user)
    if settings.display_filter or settings.decode_as or settings.preferences:
        check_words(program, settings, user)
    registry = open_registry(program, settings.profile_folder)
    if settings.profile_folder:
        registry.own = find_own(program, registry, settings.profile_folder)
    listed = read_list(protocols, [name for name, _ in registry.own.protocols] if registry.own else ())
    plugin = open_plugin(program, registry, user, HEAD, payload)
    settings = replace(settings, plugin=plugin and replace(plugin, terms=is_local(nodes)))
    return Job(program, registry, listed, settings, user, payload, digests, **own)


def check_words(program: Program, settings: Settings, user: User | None) -> None:
    """Raises UsageError where tshark refuses the filter, a rule or a preference."""
    ended = check_settings(program, settings, user)
    if ended.status:
        raise UsageError(ended.message, "see man wireshark-filter, and -d and -o in man tshark")


def close_job(job: Job) -> None:
    """Closes its registry, and the files that its tsharks inherited. A program that ends with the job need not."""
    job.registry.close()
    plugin = job.settings.plugin
    for descriptor in (*job.settings.descriptors, *(plugin.descriptors if plugin else ())):
        os.close(descriptor)
