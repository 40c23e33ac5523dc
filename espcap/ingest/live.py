"""Live captures: dumpcap writes packets to a spool, and tshark dissects it. A tshark that dies or grows is replaced."""

import socket
from contextlib import nullcontext
from dataclasses import replace
from functools import partial

from espcap.base.errors import UsageError
from espcap.base.text import printable
from espcap.captures.sources import Interfaces
from espcap.documents.packets import Origin
from espcap.ingest.report import Severity
from espcap.ingest.transfer import Transfer
from espcap.live.capture import SpooledCapture
from espcap.live.feed import open_feed
from espcap.live.folder import RunFolder, create, left_over
from espcap.live.keeper import Keeper
from espcap.live.ring import Ring
from espcap.tshark.output import dropped_packets, written_packets
from espcap.tshark.process import Exit
from espcap.tshark.rights import capture_right_hint

FRUITLESS_ATTEMPTS = 3
"""How many tsharks of a live capture may die in succession before their first packet."""


class Live:
    """Captures on interfaces and stores the packets through `transfer`."""

    def __init__(self, transfer: Transfer) -> None:
        self._transfer = transfer
        self._capture: SpooledCapture | None = None

    def interrupt(self) -> bool:
        """Ends the capture; the packets that it has written are still stored. May be called from a signal handler.

        Returns False if no capture is running.
        """
        if self._capture:
            self._capture.interrupt()
        return self._capture is not None

    def read(self, source: Interfaces) -> None:
        """Captures and stores packets until the capture ends.

        Raises EspcapError if the capture or its spool cannot be started, and UsageError for an invalid capture filter.
        """
        job = self._transfer.job
        folder = create(job.spool.folder, socket.gethostname())
        try:
            with self._keeper(folder) as keeper:
                self._read(source, Ring(folder, self._dropped, keeper))
        finally:
            self._capture = None
            self._leave(folder)

    def _keeper(self, folder: RunFolder) -> Keeper | nullcontext[None]:
        """Returns the keeper of stored packets, or a context without one. Raises EspcapError if they cannot be kept."""
        spool = self._transfer.job.spool
        return Keeper(spool, spool.keep, folder, self._not_kept) if spool.keep else nullcontext()

    def _not_kept(self, reason: str) -> None:
        self._transfer.add_problem(Severity.PARTIAL, reason, "their documents are stored")

    def _read(self, source: Interfaces, ring: Ring) -> None:
        job = self._transfer.job
        with SpooledCapture(job.program, job.settings, source, job.spool, ring) as capture:
            self._capture = capture
            if self._transfer.signal:
                capture.interrupt()
            for folder in left_over(job.spool.folder):
                self._store_left_over(folder, ring.keeper)
            if self._follow(ring, printable(source.name)):
                self._captured(source, capture.finish(), ring)

    def _store_left_over(self, folder: RunFolder, keeper: Keeper | None) -> None:
        before, ring = self._transfer.report.read, Ring(folder, self._dropped, keeper)
        try:
            ring.load()
            self._follow(ring, f"the spool of {folder.run}")
        finally:
            self._leave(folder)
        if packets := self._transfer.report.read - before:
            self._transfer.add_problem(
                Severity.NOTE, f"stored {packets:,} packets that an earlier run had left in the spool"
            )

    def _follow(self, ring: Ring, name: str) -> bool:
        """Stores all packets of a ring. If tshark dies, a new one continues. Returns False if tshark keeps failing."""
        job = self._transfer.job
        origin = Origin(ring.folder.run, hostname=ring.folder.hostname)
        fruitless, settings = 0, job.settings
        while feed := open_feed(job.program, settings, ring, job.user, job.spool.tshark_memory):
            feed.before_removal = partial(self._transfer.sink.flush, more_comes=True)
            ended = self._transfer.run(feed, origin)
            if ended.tshark.status == 0 and feed.stored == feed.passed:
                settings = job.settings
                continue
            fruitless = 0 if ended.packets else fruitless + 1
            failed = f"{name}: tshark: {ended.tshark.message} after packet {feed.stored:,} of the capture"
            if fruitless == FRUITLESS_ATTEMPTS:
                self._transfer.add_problem(
                    Severity.FAILED, failed, "run espcap again; or leave out the next packet with -f"
                )
                return False
            self._transfer.add_problem(Severity.PARTIAL, failed, "tshark is started again")
            settings = replace(settings, plugin=None)  # it may have caused the failure
            stuck = not ended.packets and feed.passed > feed.stored
            poison = stuck and not feed.tshark.uses_native_reader  # two tsharks have died at the same packet
            ring.resume = feed.stored + poison
            self._dropped(int(poison))
        return True

    def _dropped(self, packets: int) -> None:
        self._transfer.report.spool_dropped += packets

    def _leave(self, folder: RunFolder) -> None:
        """Removes the folder of a run. If it still contains packets, it stays, and that is reported."""
        size = folder.size()
        left = bool(folder.segments())
        if left:
            folder.write_dropped(0)
            message = f"{size:,} bytes of packets that are not stored stay in {printable(str(folder.path))}"
            self._transfer.add_problem(Severity.FAILED, message, "the next live capture with this spool stores them")
        folder.close(remove=not left)

    def _captured(self, source: Interfaces, capture: Exit, ring: Ring) -> None:
        """Counts the packets that dumpcap dropped, and reports its failures.

        Raises UsageError if the capture filter is invalid.
        """
        name, count = printable(source.name), self._transfer.job.settings.count
        self._transfer.report.dropped += dropped_packets(capture, has_all=bool(count) and ring.packets >= count)
        if (unwritten := written_packets(capture) - ring.packets) > 0:
            self._dropped(unwritten)
        if "Invalid capture filter" in capture.message:
            raise UsageError(capture.message, "see man pcap-filter")
        if capture.status > 0 or not (self._transfer.signal or count):
            hint = (
                capture_right_hint(self._transfer.job.program)
                if "permission" in capture.message
                else "see espcap --list"
            )
            hint = "make room there, and start espcap again" if "no space" in capture.message else hint
            hint = "the spool was removed; start espcap again" if not ring.folder.path.exists() else hint
            self._transfer.add_problem(Severity.FAILED, f"the capture on {name} ended early: {capture.message}", hint)
        if self._transfer.report.spool_dropped:
            hint = "raise --spool-size, or make the store faster"
            self._transfer.add_problem(
                Severity.PARTIAL, f"{name}: the spool dropped {self._transfer.report.spool_dropped:,} packets", hint
            )
