"""Which captures of a run need no dissection, and the recording of those that come to a good end.

A capture is recorded once the store has made all of its packets durable, some captures at a time.
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
"""Captures are recorded together so long after the first of them, and at the end of a run."""


class CaptureResult(Protocol):
    """How the dissection of a capture ended."""

    @property
    def packets(self) -> int:
        """Those that were read."""

    @property
    def indices(self) -> frozenset[str]:
        """Names of the indices that the packets belong to."""

    @property
    def replaced(self) -> int:
        """Packets that were there with other settings."""


@dataclass
class _Pending:
    """What is to be recorded together."""

    captures: list[FinishedCapture] = field(default_factory=list)
    files: list[tuple[Stamp, str]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    """Claims on the captures: one at a time reads a capture, with whatever settings."""
    replaced: list[str] = field(default_factory=list)
    """Those of the captures that were there with other settings."""
    earlier: list[str] = field(default_factory=list)
    """Identifiers that an earlier version gave some of the captures."""
    since: float = field(default_factory=time.monotonic)

    def __bool__(self) -> bool:
        return bool(self.captures or self.files)


class Checkpoints:
    """What a run asks its ledger. A ledger that fails is reported once and not asked again."""

    def __init__(
        self,
        path: Path,
        store: Store,
        digests: Digests,
        on_failure: Callable[[LedgerError], None],
        again: bool = False,
    ) -> None:
        """`path` is that of the ledger. If it cannot be used, that is reported, and no capture is known.

        `digests` are those of the run's settings; `again` has everything dissected, and still recorded.
        """
        self.outdated: set[str] = set()
        """Contents that were passed over though another version of tshark or espcap stored them."""
        self.moved = 0
        """Packets that an earlier version had stored under other identifiers."""
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
        """Forgets what the store has lost; returns how many captures. A store that hides its indices has no ledger."""
        try:
            days = self._store.days()
        except StoreError as error:
            self._give_up(LedgerError(f"what is done cannot be verified: {error.message}", error.hint))
            return 0
        return self._ask(lambda ledger: ledger.verify(days, time.time())) or 0

    def verify_settings(self) -> int:
        """Forgets what other settings have replaced since, in whole or in part; returns how many captures.

        A store that may not be searched, or has too many captures to count, is taken at the ledger's word.
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
        """Packets of a file that is done and has not changed since; None where it must be looked at."""
        stamp = file.stamp
        if self._again or stamp is None:
            return None
        return self._packets(self._ask(lambda ledger: ledger.find_file(stamp, self._digests.work)))

    def _packets(self, known: StoredCapture | None) -> int | None:
        if known and known.documents != self._digests.documents:
            self.outdated.add(known.content)
        return known.packets if known else None

    def is_known(self, file: CaptureFile) -> bool:
        """Whether a file is done and has not changed since."""
        return self.packets_of_file(file) is not None

    def take(self, content: str) -> bool:
        """Claims a capture for this process; False where another one is at it."""
        return not self._claims or self._claims.take(content)

    def claim(self, file: CaptureFile) -> bool:
        """Whether a file is to be read, and by this process, which claims it then. Raises what `open` raises."""
        if self.is_known(file):
            return False
        with file.open() as opened:
            content = file.identify(opened)
        return self.take(content) and self.packets_of_content(content, file) is None

    def packets_of_content(self, content: str, file: CaptureFile, earlier: str = "") -> int | None:
        """Packets of a capture that is done, maybe as another file; None where it must be dissected.

        `earlier` is the identifier that an earlier version would have given it, if that is another one.
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
        """Lets another process try a capture that did not come to a good end here."""
        if self._claims:
            self._claims.release(content)

    def add(self, file: CaptureFile, content: str, ended: CaptureResult, earlier: str = "") -> None:
        """Keeps a capture that came to a good end until its packets are known to be durable."""
        self._note(file, content)
        digests, pending = self._digests, self._pending
        pending.captures.append(FinishedCapture(content, digests.work, ended.packets, ended.indices, digests.documents))
        pending.replaced += [content] if ended.replaced else []
        pending.earlier += [earlier] if earlier and self._digests.is_whole else []
        self._pending.keys.append(content)

    def _note(self, file: CaptureFile, content: str) -> None:
        if not self._pending:
            self._pending.since = time.monotonic()
        if file.stamp:
            self._pending.files.append((file.stamp, content))

    def settle_if_due(self) -> None:
        """Settles some seconds after the first capture that is not recorded yet."""
        if self._pending and time.monotonic() - self._pending.since >= SETTLE_SECONDS:
            self.settle()

    def settle(self) -> None:
        """Has the store make all durable, records it, and lets go of the claims. Raises StoreError."""
        pending, self._pending = self._pending, _Pending()
        if pending.captures:
            self._store.flush()
            if pending.replaced and self._digests.is_whole:  # what other settings have left of them
                self._store.forget(pending.replaced, keep=self._digests.documents)
            self._forget_earlier(pending.earlier)
            self._record(pending, self._store.days() if self._ledger else [])
        self._ask(lambda ledger: ledger.add_files(pending.files) if pending.files else None)
        for key in pending.keys:
            self.release(key)

    def _forget_earlier(self, captures: list[str]) -> None:
        """Deletes what an earlier version stored under other identifiers, now that it is there under its own."""
        if captures and SettingsInStore(self._store).has_earlier():
            self.moved += self._store.forget(captures)

    def _record(self, pending: _Pending, days: list[StoredDay]) -> None:
        self._ask(lambda ledger: ledger.add(pending.captures, days))

    def close(self) -> None:
        """Lets go of the ledger and of all claims."""
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
