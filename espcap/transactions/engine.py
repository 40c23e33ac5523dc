"""Pairs requests with their answers, packet by packet.

Time is that of the packets, so that a file gives the same transactions as the live capture of its packets.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from espcap.base.times import LATEST, SECOND
from espcap.flows.flow import Flow
from espcap.flows.packets import INDEX, LOST, FlowPacket
from espcap.flows.table import END_OF_CAPTURE
from espcap.flows.table import EVICTED as FLOW_EVICTED
from espcap.flows.table import RESET as FLOW_RESET
from espcap.transactions.declaration import Declaration
from espcap.transactions.messages import Message
from espcap.transactions.splitting import Splitter
from espcap.transactions.streams import Stream

NO_ANSWER, NO_REQUEST = "no answer within {} s", "no request"
RESET, CLOSED, EVICTED = "connection reset", "connection closed", "evicted"
LOSS = "packet loss while capturing the response"
_REASONS = {FLOW_RESET: RESET, END_OF_CAPTURE: END_OF_CAPTURE, FLOW_EVICTED: EVICTED}
"""Why a request has no answer, by the reason for which its flow ended. For other reasons it is CLOSED."""
_KEPT_ANSWERS = 64
_KEPT_GAPS = 64
_LOST = INDEX[LOST]

Key = tuple[Any, ...]
Open = dict[Key, "deque[Transaction]"]
"""Requests that wait for an answer, by the type of their declaration and by their key, in the order of time."""


@dataclass(frozen=True)
class Limits:
    """The most that is kept."""

    open: int = 100_000
    """Requests that wait for an answer."""
    open_of_key: int = 1000
    """Requests that wait for an answer and cannot be told apart."""
    remembered: int = 1000
    """Texts that a flow remembers."""
    frame_times: int = 4096
    """Packets of a flow whose times are kept."""


@dataclass(slots=True, eq=False)
class Transaction:
    """A request and its answers. One of them can be missing."""

    declaration: Declaration
    flow: Flow
    request: Message | None = None
    responses: list[Message] = field(default_factory=list)
    """The first answers, and the last one if there are many."""
    counts: dict[str, int] = field(default_factory=dict)
    """Numbers of answers that the declaration counts, by path."""
    note: str = ""
    """Why the transaction is not complete; empty if it is."""
    is_reported: bool = True
    is_over: bool = False
    request_is_whole: bool = False
    deadline: int = 0
    last_frame: int = 0
    last_time: int = 0
    response_size: int | None = 0
    """The size of all answers in bytes; None if the reader does not know it."""
    stream: Stream | None = None
    """What was measured, if it is not a request but a stream."""
    place: tuple[Open, Key] | None = None
    """While it is open, where it is."""

    def answer(self, message: Message) -> None:
        """Adds an answer, or a part of one."""
        self.last_frame, self.last_time = message.frame, message.time
        if self.response_size is not None:
            self.response_size = None if message.size is None else self.response_size + message.size
        for path, holds in self.declaration.count:
            self.counts[path] = self.counts.get(path, 0) + holds(message)
        if len(self.responses) < _KEPT_ANSWERS:
            self.responses.append(message)
        else:
            self.responses[-1] = message

    @property
    def is_whole(self) -> bool:
        """Whether no further answer is needed: answers go on until the next request, and there are some."""
        return self.declaration.in_turns and bool(self.responses)


@dataclass
class Counts:
    """Numbers for the summary."""

    messages: int = 0
    paired: int = 0
    unanswered: int = 0
    unasked: int = 0
    """Answers without a request."""
    one_way: int = 0
    repeated: int = 0
    evicted: int = 0
    link_differs: int = 0
    """Answers that Wireshark links with another request."""


@dataclass(slots=True)
class FlowState:
    """What is known of the transactions of a flow."""

    waiting: Open = field(default_factory=dict)
    memory: dict[Key, Any] = field(default_factory=dict)
    """Texts that later requests need, such as those of prepared statements."""
    times: dict[int, int] = field(default_factory=dict)
    """Times of packets by their frame numbers."""
    out_of_step: set[str] = field(default_factory=set)
    """Types of protocols in order that have lost an answer since the last request."""
    early: dict[str, tuple[Declaration, Message]] = field(default_factory=dict)
    """By types of protocols, an answer that has come before its request."""
    evicted: dict[str, int] = field(default_factory=dict)
    """By types of protocols in order, the number of evicted requests whose answers come before all others."""
    gaps: list[int] = field(default_factory=list)
    """Times at which segments were missing that no answer has been reassembled across."""


class Engine:
    """Pairs the messages of one capture."""

    def __init__(self, declarations: Sequence[Declaration], names: Sequence[str], limits: Limits | None = None) -> None:
        """`names` are the wanted names, which messages have as indices."""
        self.counts = Counts()
        self._limits = limits or Limits()
        self._splitter = Splitter(declarations, names)
        self._shared: Open = {}
        """Open requests of declarations whose scope is not a flow."""
        self._deadlines: dict[int, OrderedDict[Transaction, None]] = {}
        """Open requests by their timeouts, the oldest first."""

    def add(self, flow: Flow, packet: FlowPacket) -> list[Transaction]:
        """Returns the transactions that a packet completes."""
        state = flow.state = flow.state or FlowState()
        found: list[Transaction] = []
        if packet.tcp is not None:
            self._keep_time(state, packet)
            if _LOST in packet.tcp:
                state.gaps[_KEPT_GAPS - 1 :] = [packet.time]
        if packet.application:
            for declaration, message in self._splitter.split(packet, flow.direction(packet), state.times):
                self.counts.messages += 1
                flow.application = flow.application or declaration.type
                found += self._handle(declaration, message, flow)
        if flow.is_reset and state.waiting:
            found += self._close(_all(state.waiting), RESET)
        return found

    def _keep_time(self, state: FlowState, packet: FlowPacket) -> None:
        if len(state.times) >= self._limits.frame_times:
            for number in list(state.times)[: self._limits.frame_times // 2]:
                del state.times[number]
        state.times[packet.number] = packet.time

    def _handle(self, declaration: Declaration, message: Message, flow: Flow) -> Iterator[Transaction]:
        match declaration.kind_of(message):
            case "request" | "unreported" as kind:
                yield from self._request(declaration, message, flow, kind == "request")
            case "request_part":
                yield from self._request_part(declaration, message, flow)
            case "interim" | "response" | "response_part" as kind:
                yield from self._response(declaration, message, flow, kind)
            case "stream":
                yield from self._stream(declaration, message, flow)
            case "one_way":
                self.counts.one_way += 1
                transaction = Transaction(declaration, flow, message, is_over=True)
                self._use_memory(transaction, message)
                yield transaction
            case "repeat":
                self.counts.repeated += 1

    def _request(
        self, declaration: Declaration, message: Message, flow: Flow, is_reported: bool
    ) -> Iterator[Transaction]:
        opened, key = self._place(declaration, declaration.key, message, flow)
        if flow.transport == "udp" and declaration.match == "id" and _asked(opened.get(key, ()), message):
            self.counts.repeated += 1  # the client has not got the answer
            return
        transaction = Transaction(declaration, flow, message, is_reported=is_reported, place=(opened, key))
        self._after_request(transaction, message)
        flow.state.out_of_step.discard(declaration.type)
        if before := opened.get(key):
            if before[0].is_whole and not declaration.response_begin:
                yield from self._close([before[0]], "")
            elif len(before) >= self._limits.open_of_key:
                yield self._evict(before[0])
        opened.setdefault(key, deque()).append(transaction)
        timeout = declaration.timeout.get(flow.transport, declaration.timeout["udp"])
        transaction.deadline = message.time + timeout
        self._deadlines.setdefault(timeout, OrderedDict())[transaction] = None
        if sum(map(len, self._deadlines.values())) > self._limits.open:
            yield self._evict_oldest()
        if early := flow.state.early.pop(declaration.type, None):
            answer = early[1]
            answer.time = answer.begins = message.time  # only now both are there
            yield from self._response(declaration, answer, flow, "response")

    def _stream(self, declaration: Declaration, message: Message, flow: Flow) -> Iterator[Transaction]:
        """Counts a packet of a stream, which lasts as long as its flow. Each direction has streams of its own."""
        opened, key = self._place(declaration, declaration.key, message, flow)
        key = *key, message.direction
        if key in opened:
            [transaction] = opened[key]
        else:
            transaction = Transaction(declaration, flow, message, stream=Stream(), deadline=LATEST, place=(opened, key))
            opened[key] = deque([transaction])
            self._deadlines.setdefault(0, OrderedDict())[transaction] = None
            if sum(map(len, self._deadlines.values())) > self._limits.open:
                yield self._evict_oldest()
        if transaction.stream and transaction.request:
            transaction.stream.add(message)
            transaction.request.last_frame = message.frame

    def _request_part(self, declaration: Declaration, message: Message, flow: Flow) -> Iterator[Transaction]:
        """Adds a part to the latest request, unless that is whole or is being answered."""
        opened, key = self._place(declaration, declaration.key, message, flow)
        last = opened[key][-1] if key in opened else None
        if not last or last.responses or last.request_is_whole or not last.request:
            yield from self._request(declaration, message, flow, True)
            return
        last.request.add(message.tree)
        last.request.last_frame = message.frame
        if last.request.size is not None:
            last.request.size = None if message.size is None else last.request.size + message.size
        self._after_request(last, message)

    def _after_request(self, transaction: Transaction, message: Message) -> None:
        declaration = transaction.declaration
        transaction.request_is_whole = bool(declaration.request_end and declaration.request_end(message))
        if declaration.memory and declaration.memory.side == "request":
            self._keep_memory(transaction, message)
        self._use_memory(transaction, message)

    def _use_memory(self, transaction: Transaction, message: Message) -> None:
        memory, request = transaction.declaration.memory, transaction.request
        if memory and request and memory.use[0](message):
            key = transaction.declaration.type, memory.use[1].fill(message)
            text = transaction.flow.state.memory.get(key)
            if text is not None and memory.use[2] not in request.values:
                request.add([(memory.use[2], 1, text)])

    def _keep_memory(self, transaction: Transaction, message: Message) -> None:
        memory, request, kept = transaction.declaration.memory, transaction.request, transaction.flow.state.memory
        if not memory or not request or not memory.store[0](message):
            return
        text = memory.store[2].fill(request)
        if text is not None:
            if len(kept) >= self._limits.remembered:
                del kept[next(iter(kept))]
            kept[transaction.declaration.type, memory.store[1].fill(message)] = str(text)

    def _place(self, declaration: Declaration, key: Sequence[str], message: Message, flow: Flow) -> tuple[Open, Key]:
        """Returns where the open requests are that a message belongs to."""
        state: FlowState = flow.state
        if declaration.match != "id":
            return state.waiting, (declaration.type,)
        if declaration.key_instead and declaration.key_instead[0] in message.values:
            key = declaration.key_instead
        values = tuple(message.first(name) for name in key)
        if declaration.scope == "flow":
            return state.waiting, (declaration.type, values)
        hosts = tuple(sorted(end[0] for end in flow.ends)) if declaration.scope == "hosts" else ()
        return self._shared, (declaration.type, hosts, values)

    def _response(self, declaration: Declaration, message: Message, flow: Flow, kind: str) -> Iterator[Transaction]:
        opened, key = self._place(declaration, declaration.response_key, message, flow)
        if flow.state.gaps and declaration.match == "order":
            yield from self._lose_step(flow.state, message)
        transaction = _asked(opened.get(key, ()), message)
        is_last = declaration.complete(message) if declaration.complete else kind == "response"
        if flow.state.evicted.get(declaration.type) and kind != "interim":
            flow.state.evicted[declaration.type] -= is_last
            transaction = None  # it is the answer of an evicted request
        if not transaction:
            if kind == "response":
                yield from self._without_request(declaration, message, flow)
            return
        if kind == "interim":
            return
        if transaction.responses and declaration.response_begin and declaration.response_begin(message):
            yield self._finish(transaction, "")
            yield from self._response(declaration, message, flow, kind)
            return
        if flow.state.gaps and _all(flow.state.waiting) == [transaction]:
            flow.state.gaps.clear()  # the missing segments have come: the answer began before them
        transaction.answer(message)
        self._compare_link(transaction, message)
        if declaration.memory and declaration.memory.side == "response":
            self._keep_memory(transaction, message)
        if is_last and not declaration.in_turns:
            yield self._finish(transaction, "")

    def _without_request(self, declaration: Declaration, message: Message, flow: Flow) -> Iterator[Transaction]:
        """Handles an answer that no request waits for."""
        state: FlowState = flow.state
        if declaration.early and declaration.early(message) and declaration.type not in state.early:
            state.early[declaration.type] = declaration, message
        elif declaration.type not in state.out_of_step and not (declaration.greeting and declaration.greeting(message)):
            yield self._unasked(declaration, message, flow)

    def _compare_link(self, transaction: Transaction, message: Message) -> None:
        """Compares the request with the one that Wireshark has linked, which can be wrong if requests are pipelined."""
        linked = message.first(transaction.declaration.link)
        if linked is not None and transaction.request and linked != transaction.request.frame:
            self.counts.link_differs += 1

    def _unasked(self, declaration: Declaration, message: Message, flow: Flow) -> Transaction:
        self.counts.unasked += 1
        transaction = Transaction(declaration, flow, note=NO_REQUEST, is_over=True)
        transaction.answer(message)
        return transaction

    def _finish(self, transaction: Transaction, note: str) -> Transaction:
        """Ends an open transaction."""
        assert transaction.place
        transaction.is_over = True
        transaction.note = note
        for waiting in self._deadlines.values():
            waiting.pop(transaction, None)
        opened, key = transaction.place
        opened[key].remove(transaction)  # it is mostly the first
        if not opened[key]:
            del opened[key]
        optional = transaction.declaration.optional
        if not transaction.responses and optional and transaction.request and optional(transaction.request):
            transaction.note = ""
            self.counts.one_way += 1
        elif transaction.responses and not note:
            self.counts.paired += 1
        else:
            self.counts.unanswered += 1
        return transaction

    def _evict(self, transaction: Transaction) -> Transaction:
        self.counts.evicted += 1
        declaration, evicted = transaction.declaration, transaction.flow.state.evicted
        is_optional = declaration.optional and transaction.request and declaration.optional(transaction.request)
        if declaration.match == "order" and not declaration.in_turns and not is_optional:
            evicted[declaration.type] = evicted.get(declaration.type, 0) + 1
        return self._finish(transaction, EVICTED)

    def _evict_oldest(self) -> Transaction:
        firsts = [next(iter(waiting)) for waiting in self._deadlines.values() if waiting]
        return self._evict(min(firsts, key=lambda transaction: transaction.deadline))

    def _lose_step(self, state: FlowState, message: Message) -> Iterator[Transaction]:
        """Ends the requests before a gap if an answer begins after it: it could be that of another request."""
        before = [time for time in state.gaps if time <= message.begins]
        state.gaps = [time for time in state.gaps if time > message.begins]
        if before:
            state.evicted.clear()
        for transaction in _all(state.waiting):
            if before and _is_before(transaction, max(before)):
                yield self._finish(transaction, LOSS)
                if transaction.place and transaction.place[1] not in state.waiting:
                    state.out_of_step.add(transaction.declaration.type)

    def _close(self, transactions: Iterable[Transaction], note: str) -> Iterator[Transaction]:
        for transaction in transactions:
            gaps = transaction.flow.state.gaps
            if gaps and _is_before(transaction, max(gaps)):
                yield self._finish(transaction, LOSS)
            else:
                yield self._finish(transaction, "" if transaction.is_whole else note)

    def end_flow(self, flow: Flow, reason: str) -> Iterator[Transaction]:
        """Yields the open transactions of a flow that has ended."""
        while flow.state and flow.state.early:
            _, (declaration, message) = flow.state.early.popitem()
            yield self._unasked(declaration, message, flow)
        if flow.state and flow.state.waiting:
            yield from self._close(_all(flow.state.waiting), _REASONS.get(reason, CLOSED))

    def advance(self, now: int) -> Iterator[Transaction]:
        """Yields the transactions whose answers have not come in time."""
        for timeout, waiting in self._deadlines.items():
            while waiting and (first := next(iter(waiting))).deadline < now:
                yield from self._close([first], NO_ANSWER.format(timeout // SECOND))

    def finish(self) -> Iterator[Transaction]:
        """Yields all open transactions, at the end of the capture."""
        for waiting in self._deadlines.values():
            yield from self._close(list(waiting), END_OF_CAPTURE)


def _asked(waiting: Iterable[Transaction], message: Message) -> Transaction | None:
    """Returns the oldest of the requests with one key that a message belongs to, or repeats; None if there is none."""
    for transaction in waiting:
        same, request = transaction.declaration.same, transaction.request
        if not same or not request or all(_agree(request.first(name), message.first(name)) for name in same):
            return transaction
    return None


def _agree(one: Any, other: Any) -> bool:
    return one is None or other is None or str(one).casefold() == str(other).casefold()


def _is_before(transaction: Transaction, gap: int) -> bool:
    """Returns whether answers in order may have been lost in a gap that came after the request."""
    request = transaction.request
    return transaction.declaration.match == "order" and request is not None and request.time <= gap


def _all(opened: Open) -> list[Transaction]:
    return [transaction for waiting in opened.values() for transaction in waiting]
