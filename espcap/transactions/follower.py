"""Makes the documents of flows and transactions of the packets of one capture, one packet after the other."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict

from espcap.base.times import SECOND
from espcap.dissection.messages import PacketMessages
from espcap.documents.derived import DerivedDocuments
from espcap.documents.packets import Document, Origin
from espcap.documents.types import FLOWS, TRANSACTIONS, DocumentType
from espcap.flows.documents import build_flow
from espcap.flows.packets import NAMES, PacketReader
from espcap.flows.table import FlowRecord, FlowTable
from espcap.transactions.declaration import Declaration
from espcap.transactions.documents import build_transaction
from espcap.transactions.engine import Engine, Transaction


def wanted_names(declarations: Iterable[Declaration]) -> tuple[str, ...]:
    """Returns the names of the protocols and fields that messages must have."""
    return tuple(dict.fromkeys([*NAMES, *sorted({name for each in declarations for name in each.names})]))


class Follower:
    """Follows the packets of one capture. `documents` of each method are those that end."""

    def __init__(
        self, types: Sequence[DocumentType], names: Sequence[str], declarations: Sequence[Declaration], origin: Origin
    ) -> None:
        """`types` are those of FLOWS and TRANSACTIONS that are wanted, `names` the wanted names of the messages."""
        self.table = FlowTable()
        self.engine = Engine(declarations, names) if TRANSACTIONS in types else None
        self._has_flows = FLOWS in types
        self._reader = PacketReader(names)
        self._documents = DerivedDocuments(origin)
        self._read = 0
        self._next = 0
        """The time from which on flows and transactions may have ended: the next whole second."""

    def add(self, messages: PacketMessages) -> list[Document]:
        """Returns the documents that a packet completes."""
        self._read = messages[0]
        packet = self._reader.read(messages)
        if packet is None or not packet.head.key:
            self.table.counts.outside += 1
            return []
        found: list[Document] = []
        if packet.time >= self._next:
            found += self.advance(packet.time)
        flow = self.table.find(packet)
        if record := self.table.add(flow, packet):
            found += self._flow_documents([record])
        if self.engine:
            found += self._transaction_documents(self.engine.add(flow, packet))
        return found

    def counts(self) -> dict[str, int]:
        """Returns the numbers of the table of flows and of the engine, by name."""
        table = {"flows_evicted": self.table.counts.evicted, "outside_flows": self.table.counts.outside}
        return table | (asdict(self.engine.counts) if self.engine else {})

    def advance(self, now: int) -> Iterator[Document]:
        """Yields the documents that end because of the time, in nanoseconds since 1970."""
        self._next = now - now % SECOND + SECOND
        if self.engine:
            yield from self._transaction_documents(self.engine.advance(now))
        yield from self._flow_documents(self.table.advance(now))

    def finish(self) -> Iterator[Document]:
        """Yields the documents of all that is open, at the end of the capture."""
        yield from self._flow_documents(self.table.finish())
        if self.engine:
            yield from self._transaction_documents(self.engine.finish())

    def _flow_documents(self, records: Iterable[FlowRecord]) -> Iterator[Document]:
        for record in records:
            if self.engine and record.is_final:
                yield from self._transaction_documents(self.engine.end_flow(record.flow, record.reason))
            if self._has_flows:
                yield build_flow(record, self._documents, self._read)

    def _transaction_documents(self, transactions: Iterable[Transaction]) -> Iterator[Document]:
        for transaction in transactions:
            if transaction.is_reported:
                yield build_transaction(transaction, self._documents, self._read)
