"""What all sources of a run share, and whom a run tells how it goes."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field

from espcap.fields.protocols import ProtocolList
from espcap.fields.registry import Registry
from espcap.ingest.digests import Digests
from espcap.ingest.report import Problem
from espcap.live.spool import SpoolSettings
from espcap.tshark.arguments import Settings
from espcap.tshark.program import Program, User


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
