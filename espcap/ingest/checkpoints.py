"""Finds captures that are already stored, and records the captures that a run stores in full.

A capture is recorded after the store has made all of its packets durable; several captures are recorded together.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

from espcap.base.errors import StoreError
from espcap.captures.sources import CaptureFile, Stamp
from espcap.ingest.claims import Claims
from espcap.ingest.digests import Digests
from espcap.ingest.ledger import FinishedCapture, Ledger, LedgerError, StoredCapture
from espcap.ingest.stored_settings import SettingsInStore
from espcap.stores import Store, StoredDay

_Answer = TypeVar("_Answer")

SETTLE_SECONDS = 2.0
"""Seconds after which finished captures are recorded together; the rest are recorded at the end of a run."""


class CaptureResult(Protocol):
    """How the dissection of a capture ended."""

    @property
    def packets(self) -> int:
        """Number of packets that were read."""

    @property
    def indices(self) -> frozenset[str]:
        """Names of the indices that the packets belong to."""

    @property
    def replaced(self) -> int:
        """Number of packets that replaced documents of other settings."""


@dataclass
class _Pending:
    """Finished captures that are to be recorded together."""

    captures: list[FinishedCapture] = field(default_factory=list)
    files: list[tuple[Stamp, str]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    """Claims on the captures, to be released. They do not depend on settings."""
    replaced: list[str] = field(default_factory=list)
    """Contents of the captures that were stored with other settings before."""
    earlier: list[str] = field(default_factory=list)
    """Identifiers that an earlier version of espcap gave to captures."""
    since: float = field(default_factory=time.monotonic)

    def __bool__(self) -> bool:
        return bool(self.captures or self.files)


class Checkpoints:
    """The captures that are stored in full, as the ledger has them. If the ledger fails, that is reported once."""

    def __init__(
        self,
        path: Path,
        store: Store,
        digests: Digests,
        on_failure: Callable[[LedgerError], None],
        again: bool = False,
    ) -> None:
        """`path` is the file of the ledger. If it cannot be used, `on_failure` is called, and no capture is known.

        `digests` are those of the run's settings. If `again`, all captures are dissected, and still recorded.
        """
        self.outdated: set[str] = set()
        """Contents of captures that were skipped although another version of tshark or espcap stored them."""
        self.moved = 0
        """Packets that an earlier version had stored under other identifiers and that were deleted."""
        self._store = store
        self._ledger: Ledger | None = None
        self._claims: Claims | None = None
        self._digests = digests
        self._on_failure = on_failure
        self._again = again
        self._pending = _Pending()
        self._open(path)

    def _open(self, path: Path) -> None:
        claims = path.with_suffix(".claims")
        try:
            self._ledger = Ledger(path)
            self._claims = Claims(claims)
        except LedgerError as error:
            self._give_up(error)
        except OSError as error:
            self._give_up(LedgerError(f"cannot write {claims}: {error.strerror}"))

    def verify(self) -> int:
        """Removes captures from the ledger if the store has lost packets of them. Returns their number.

        Without the right to list the store's indices, the ledger is not used.
        """
        try:
            days = self._store.days()
        except StoreError as error:
            self._give_up(LedgerError(f"the ledger cannot be verified: {error.message}", error.hint))
            return 0
        return self._ask(lambda ledger: ledger.verify(days, time.time())) or 0

    def verify_settings(self) -> int:
        """Removes captures from the ledger if packets of them were replaced with other settings. Returns their number.

        If the store cannot be searched, or has too many captures to count, nothing is removed.
        """
        known = self._ask(lambda ledger: ledger.all_known(self._digests.work))
        if not known or self._again:
            return 0
        try:
            replaced = SettingsInStore(self._store).find_replaced(known)
        except StoreError:
            return 0
        return self._ask(lambda ledger: ledger.forget(replaced, self._digests.work)) or 0

    def packets_of_file(self, file: CaptureFile) -> int | None:
        """Returns the number of packets of a file that is stored and has not changed since; None if it must be read."""
        stamp = file.stamp
        if self._again or stamp is None:
            return None
        return self._packets(self._ask(lambda ledger: ledger.find_file(stamp, self._digests.work)))

    def _packets(self, known: StoredCapture | None) -> int | None:
        if known and known.settings_id != self._digests.settings_id:
            self.outdated.add(known.content)
        return known.packets if known else None

    def is_known(self, file: CaptureFile) -> bool:
        """Returns whether a file is stored and has not changed since."""
        return self.packets_of_file(file) is not None

    def take(self, content: str) -> bool:
        """Claims a capture for this process. Returns False if another process has claimed it."""
        return not self._claims or self._claims.take(content)

    def claim(self, file: CaptureFile) -> bool:
        """Claims a file for this process. Returns False if it need not be read or another process reads it.

        Raises EspcapError if the file cannot be read.
        """
        if self.is_known(file):
            return False
        with file.open() as opened:
            content = file.identify(opened)
        return self.take(content) and self.packets_of_content(content, file) is None

    def packets_of_content(self, content: str, file: CaptureFile, earlier: str = "") -> int | None:
        """Returns the number of packets of a capture that is stored, maybe from another file; None if it is not.

        `earlier` is the identifier that an earlier version of espcap gave to it, if it differs.
        """
        if self._again:
            return None
        work = self._digests.work
        known = self._ask(lambda ledger: ledger.find_content(content, work) or ledger.find_content(earlier, work))
        packets = self._packets(known)
        if known and packets is not None:
            self._note(file, known.content)
            self.release(content)
        return packets

    def release(self, content: str) -> None:
        """Releases the claim on a capture, so that another process can read it."""
        if self._claims:
            self._claims.release(content)

    def add(self, file: CaptureFile, content: str, ended: CaptureResult, earlier: str = "") -> None:
        """Adds a capture that was read in full. It is recorded by `settle`, when its packets are durable."""
        self._note(file, content)
        digests, pending = self._digests, self._pending
        finished = FinishedCapture(content, digests.work, ended.packets, ended.indices, digests.settings_id)
        pending.captures.append(finished)
        pending.replaced += [content] if ended.replaced else []
        pending.earlier += [earlier] if earlier and digests.is_whole else []
        pending.keys.append(content)

    def _note(self, file: CaptureFile, content: str) -> None:
        if not self._pending:
            self._pending.since = time.monotonic()
        if file.stamp:
            self._pending.files.append((file.stamp, content))

    def settle_if_due(self) -> None:
        """Calls `settle` if a capture has been waiting for SETTLE_SECONDS. Raises StoreError."""
        if self._pending and time.monotonic() - self._pending.since >= SETTLE_SECONDS:
            self.settle()

    def settle(self) -> None:
        """Flushes the store, records the captures that were added, and releases their claims. Raises StoreError."""
        pending, self._pending = self._pending, _Pending()
        if pending.captures:
            self._store.flush()
            if pending.replaced and self._digests.is_whole:  # other packets of them may still have the old settings
                self._store.forget(pending.replaced, keep=self._digests.settings_id)
            self._forget_earlier(pending.earlier)
            self._record(pending, self._store.days() if self._ledger else [])
        self._ask(lambda ledger: ledger.add_files(pending.files) if pending.files else None)
        for key in pending.keys:
            self.release(key)

    def _forget_earlier(self, captures: list[str]) -> None:
        """Deletes packets that an earlier version stored under other identifiers, as they are stored again now."""
        if captures and SettingsInStore(self._store).has_earlier():
            self.moved += self._store.forget(captures)

    def _record(self, pending: _Pending, days: list[StoredDay]) -> None:
        self._ask(lambda ledger: ledger.add(pending.captures, days))

    def close(self) -> None:
        """Closes the ledger and releases all claims."""
        self._ask(Ledger.close)
        if self._claims:
            self._claims.close()

    def _ask(self, question: Callable[[Ledger], _Answer]) -> _Answer | None:
        try:
            return question(self._ledger) if self._ledger else None
        except LedgerError as error:
            self._give_up(error)
            return None

    def _give_up(self, error: LedgerError) -> None:
        self._ledger = None
        self._on_failure(error)
