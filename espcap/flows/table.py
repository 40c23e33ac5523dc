"""The table of the flows that are open. Its size is bounded; the packets' times decide when a flow ends."""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from espcap.base.times import SECOND
from espcap.flows.flow import Flow, Share, open_flow
from espcap.flows.packets import FlowPacket

_CLOSED, _CONNECTION, _OTHER = range(3)
"""The classes of flows: closed by TCP, open connections of TCP, and all others."""

IDLE, ACTIVE, CLOSED, RESET = "idle", "active timeout", "closed", "reset"
END_OF_CAPTURE, EVICTED = "end of capture", "evicted"
"""Why a record ends."""


@dataclass(frozen=True)
class Limits:
    """Times in nanoseconds of the packets' time, and the most flows that are kept."""

    flows: int = 100_000
    idle: int = 60 * SECOND
    idle_connection: int = 3600 * SECOND
    closing: int = 5 * SECOND
    active: int = 1800 * SECOND


class FlowRecord(NamedTuple):
    """A record of a flow: its packets since the record before it."""

    flow: Flow
    share: Share
    sequence: int
    is_final: bool
    reason: str


@dataclass
class FlowCounts:
    """Numbers for the summary."""

    flows: int = 0
    records: int = 0
    evicted: int = 0
    outside: int = 0
    """Packets that are in no flow, such as those of ARP, or that have no valid time."""


@dataclass
class FlowTable:
    """The open flows. Each method returns the records that end."""

    limits: Limits = field(default_factory=Limits)
    counts: FlowCounts = field(default_factory=FlowCounts)
    now: int = 0
    """The largest time of a packet so far, in nanoseconds since 1970."""
    _open: dict[tuple[Any, ...], Flow] = field(default_factory=dict)
    """All open flows by their keys."""
    _flows: tuple["OrderedDict[tuple[Any, ...], Flow]", ...] = field(
        default_factory=lambda: (OrderedDict(), OrderedDict(), OrderedDict())
    )
    """For each class its flows, the one that is idle for longest first."""

    def find(self, packet: FlowPacket) -> Flow:
        """Returns the flow of a packet, which is opened if it is new."""
        found = self._open.get(packet.head.key)
        if found is None:
            self.counts.flows += 1
            found = open_flow(packet)
        return found

    def add(self, flow: Flow, packet: FlowPacket) -> FlowRecord | None:
        """Counts the packet.

        Returns a record if the flow has been active for long, of the packets before, or of another flow if there are
        too many.
        """
        record = None
        if packet.time - flow.share.start >= self.limits.active and any(flow.share.packets):
            record = self._record(flow, False, ACTIVE)
            flow.share = Share(packet.number, packet.time, packet.time)
        flow.add(packet)
        if self._place(flow) and len(self._open) > self.limits.flows:
            record = self._evict()
        return record

    def _place(self, flow: Flow) -> bool:
        """Puts a flow at the end of its class. Returns whether it has come to this class."""
        place = _CLOSED if flow.is_over else _CONNECTION if flow.transport == "tcp" else _OTHER
        if flow.place == place:
            self._flows[place].move_to_end(flow.key)
            return False
        if flow.place is not None:
            del self._flows[flow.place][flow.key]
        self._open[flow.key] = self._flows[place][flow.key] = flow
        flow.place = place
        return True

    def _remove(self, flow: Flow) -> None:
        assert flow.place is not None
        del self._open[flow.key], self._flows[flow.place][flow.key]
        flow.place = None

    def advance(self, time: int) -> Iterator[FlowRecord]:
        """Yields the records of flows that have ended by this time.

        Call it once for each second of the packets' time: all times are whole seconds.
        """
        self.now = max(self.now, time)
        limits = self.limits
        for flows, idle in zip(self._flows, (limits.closing, limits.idle_connection, limits.idle), strict=True):
            while flows and self.now - (oldest := next(iter(flows.values()))).last > idle:
                self._remove(oldest)
                yield self._record(oldest, True, _reason(oldest) or IDLE)

    def _evict(self) -> FlowRecord:
        firsts = [next(iter(flows.values())) for flows in self._flows if flows]
        oldest = min(firsts, key=lambda flow: flow.last)
        self._remove(oldest)
        self.counts.evicted += 1
        return self._record(oldest, True, EVICTED)

    def finish(self) -> Iterator[FlowRecord]:
        """Yields the records of all flows, at the end of the capture."""
        for flows in self._flows:
            while flows:
                self._remove(flow := next(iter(flows.values())))
                yield self._record(flow, True, _reason(flow) or END_OF_CAPTURE)

    def _record(self, flow: Flow, is_final: bool, reason: str) -> FlowRecord:
        record = FlowRecord(flow, flow.share, flow.sequence, is_final, reason)
        flow.sequence += 1
        self.counts.records += 1
        return record


def _reason(flow: Flow) -> str:
    return RESET if flow.is_reset else CLOSED if flow.closed == 3 else ""
