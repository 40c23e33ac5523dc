"""Runs dumpcap, which writes the segments of the spool, and makes sure that it ends when espcap ends."""

import signal
import threading
from types import TracebackType

from espcap.base.errors import EspcapError
from espcap.captures.sources import Interfaces
from espcap.live.folder import CAPTURED
from espcap.live.ring import Ring
from espcap.live.spool import IN_FLIGHT, SEGMENTS, SpoolSettings
from espcap.tshark.arguments import Settings, capture_command, ring_command
from espcap.tshark.guard import Guard
from espcap.tshark.process import NO_INPUT, Exit, Process
from espcap.tshark.program import Program


class SpooledCapture:
    """A running dumpcap that writes into the folder of a ring. Use it as a context manager."""

    def __init__(
        self, program: Program, settings: Settings, source: Interfaces, spool: SpoolSettings, ring: Ring
    ) -> None:
        """Starts dumpcap. Raises EspcapError if it cannot be started."""
        path = str(ring.folder.path / f"{CAPTURED}.pcapng")
        command = capture_command(program, settings, source)
        size = ring.keeper.segment_size if ring.keeper else spool.segment_size()
        arguments = ring_command(command, path, size, SEGMENTS - IN_FLIGHT, spool.segment_seconds)
        self._ring = ring
        self._process = Process(arguments, NO_INPUT, descriptors=(ring.folder.lock,))
        try:
            self._guard = Guard(self._process.id)
        except EspcapError:
            self._process.stop()
            raise
        self._watch = threading.Thread(target=self._count_segments, daemon=True)
        self._watch.start()

    def __enter__(self) -> "SpooledCapture":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.stop()
        self._watch.join()
        self._guard.dismiss()

    def _count_segments(self) -> None:
        """Marks segments as complete: dumpcap prints the name of each segment that it has closed."""
        for _ in self._process.stdout:
            self._ring.complete_one()
        self._ring.end()

    def interrupt(self) -> None:
        """Stops the capture; dumpcap finishes its last segment."""
        self._process.send(signal.SIGINT)

    def finish(self) -> Exit:
        """Waits for dumpcap, and returns how it ended. Call it when the ring has ended."""
        self._watch.join()
        return self._process.wait()
