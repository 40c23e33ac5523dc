"""From a record to its document: pure, and the same for files and live captures.

The shape is Wireshark's under `layers` and the Elastic Common Schema's (ECS) above it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import orjson

from espcap.base.times import DAY, SECOND, date_text, parse_epoch, timestamp
from espcap.dissection import Layers, Record, Terms
from espcap.fields.casts import Value
from espcap.fields.protocols import ProtocolList, Stack

FORM = 2
"""The version of the documents' form: a greater one where the same packet gives another document."""

UNDATED_INDEX = "packets-undated"
"""For packets whose time is none, and for those past MOST_DAYS."""

MOST_DAYS = 366
"""Days of one capture that get an index of their own: damaged times must not make thousands of indices."""

_ADDRESSES = {"ip": ("ip", "src", "dst"), "ipv6": ("ipv6", "src", "dst")}
_PORTS = {"tcp", "udp", "sctp", "dccp"}
_MACS = {"eth": ("eth", "src", "dst"), "wlan": ("wlan", "sa", "da")}
_NETWORK_TYPES = {"ip": "ipv4"}
_REMEMBERED_TEMPLATES = 10_000
_LENGTH = 0x6C656E677468
"""Stands for a packet's length in a template."""
_PARTS = 3  # of a template: around the length of `source` and of `network`
_TRANSPORT_NAMES = {"icmpv6": "ipv6-icmp"}  # as IANA, and so ECS, calls it


HEAD = (
    *("frame.protocols", "frame.interface_name"),
    *(f"{layer}.{key}" for layer, *keys in (*_ADDRESSES.values(), *_MACS.values()) for key in keys),
    *(f"{layer}.{key}" for layer in sorted(_PORTS) for key in ("srcport", "dstport")),
)
"""What is needed of a packet's layers for what is outside `layers`: the only ones that are looked at."""


@dataclass(frozen=True)
class Origin:
    """What all documents of one capture have in common."""

    capture_id: str
    file_name: str = ""
    file_modified: float | None = None
    """Seconds since 1970, UTC."""
    hostname: str = ""
    """The observing host of a live capture."""
    settings_id: str = ""
    """What shaped the documents, as a digest."""


@dataclass(slots=True)
class Document:
    """One packet, ready for a store."""

    index: str
    """Name of its day's index, `packets-2015-07-30`."""
    id: str
    """`<capture_id>-<frame number>`; a store keeps one document for each."""
    notes: dict[str, Any]
    """What most packets do without: their values that are unparsed, and what espcap says of them."""
    body: bytes
    """The document as one line of JSON, UTF-8, without a newline. It has all that is here."""
    nanoseconds: int | None = None
    """The packet's time since 1970, where it has one."""
    shared: bytes = b""
    """What else is outside `layers`: members of a JSON object, each with a comma behind it. Equal for many packets."""
    info: bytes = b""
    """JSON of Wireshark's column Info; empty where the packet has none."""
    terms: Terms | None = None
    """What `layers` is in the local index, where a reader has made it."""
    settings_id: str = ""
    """What shaped it, as a digest. A store replaces a document that another one shaped."""
    is_printable: bool = False
    """Whether it is known that no control character, and none that turns the direction of text, is in `body` raw."""

    @property
    def source(self) -> dict[str, Any]:
        """The document, made anew from its text."""
        source: dict[str, Any] = orjson.loads(self.body)
        return source

    @property
    def frame_number(self) -> int:
        """The packet's number in its capture, from 1."""
        return int(self.id.rpartition("-")[2])


class _Wanted(NamedTuple):
    """A value of `source` or `destination`, and where it is in a packet's layers."""

    end: str
    name: str
    layer: str
    key: str
    occurrence: int


class _Plan(NamedTuple):
    """What the names of a packet's protocols say of its document; captures repeat a few hundred combinations."""

    protocol: str
    stack: dict[str, str]
    roles: frozenset[str]
    wanted: tuple[_Wanted, ...]
    network: dict[str, Any]


class _Template(NamedTuple):
    """What the documents of one context share outside `layers`."""

    parts: list[bytes]
    """JSON; between each two of them belongs the packet's length."""
    envelopes: list[tuple[bytes, bytes]]
    is_printable: bool


class DocumentBuilder:
    """Builds the documents of one capture."""

    def __init__(self, origin: Origin, protocols: ProtocolList) -> None:
        self._origin = origin
        self._plan = lru_cache(maxsize=10_000)(lambda names: _plan(*protocols.describe(names)))
        self._templates: dict[bytes, _Template] = {}
        self._indices: dict[int, str] = {}
        self._common: dict[str, Any] = {"capture_id": origin.capture_id}
        if origin.file_name:
            self._common = {"file_name": origin.file_name, **self._common}
        if origin.settings_id:
            self._common["settings_id"] = origin.settings_id
        if origin.file_modified is not None:
            self._common["file_date_utc"] = date_text(int(origin.file_modified))

    def build(self, record: Record) -> Document:
        """The document of a record, with its index and identifier."""
        nanoseconds = parse_epoch(record.epoch)
        template = self._templates.get(record.context) or self._template(record)
        notes = _notes(record, nanoseconds)
        noted = members(notes)
        shared = orjson.dumps(record.frame_length).join(template.parts)
        layers = record.layers_json or orjson.dumps(record.layers)
        terms = record.terms
        if template.envelopes:
            layers = _with(layers, template.envelopes)
            terms = terms and terms._replace(texts=_with(terms.texts, template.envelopes))
        info = record.info and b'"info":%b,' % record.info
        body = b"".join((b"{", _times(nanoseconds), info, noted, shared, b'"layers":', layers, b"}"))
        is_printable = template.is_printable and _is_printable(noted)
        identifier = f"{self._origin.capture_id}-{record.frame_number}"
        index, settings = self._index(nanoseconds), self._origin.settings_id
        return Document(index, identifier, notes, body, nanoseconds, shared, record.info, terms, settings, is_printable)

    def _template(self, record: Record) -> _Template:
        names = str(record.layers.get("frame", {}).get("protocols", ""))
        plan = self._plan(names or ":".join(record.tree[1:]))  # from Wireshark 4.4 on it can be empty
        envelopes = _envelopes(tuple(record.tree), plan.roles)
        if record.context:
            shared = self._shared(record, plan, _LENGTH)
            parts = shared.split(b"%d" % _LENGTH)
            if len(parts) == _PARTS:  # else a name has the same digits
                if len(self._templates) >= _REMEMBERED_TEMPLATES:
                    self._templates.clear()
                template = self._templates[record.context] = _Template(parts, envelopes, _is_printable(shared))
                return template
        shared = self._shared(record, plan, record.frame_length)
        return _Template([shared], envelopes, bool(record.layers_json) and _is_printable(shared))

    def _shared(self, record: Record, plan: _Plan, length: Any) -> bytes:
        """What is outside `layers` and the same for records with the same context."""
        layers = record.layers
        shared: dict[str, Any] = self._common | {"protocol": plan.protocol}
        if record.protocol_column:
            shared["protocol_column"] = record.protocol_column
        if record.payload_fields:
            shared["payload_fields"] = record.payload_fields
        shared["protocols"] = list(dict.fromkeys(record.tree + record.inner))
        shared["stack"] = plan.stack
        shared |= _ends(layers, plan.wanted, length)
        shared["network"] = network = {**plan.network, "bytes": length}
        if record.community_id:
            network["community_id"] = record.community_id
        if self._origin.hostname:
            shared["observer"] = _observer(self._origin.hostname, layers.get("frame", {}))
        return members(shared)

    def _index(self, nanoseconds: int | None) -> str:
        if nanoseconds is None:
            return UNDATED_INDEX
        day = nanoseconds // DAY
        if day not in self._indices and len(self._indices) < MOST_DAYS:
            self._indices[day] = f"packets-{date_text(nanoseconds // SECOND)[:10]}"
        return self._indices.get(day, UNDATED_INDEX)


def _times(nanoseconds: int | None) -> bytes:
    """The members of a document that tell its time."""
    if nanoseconds is None:
        return b""
    moment, epoch, date = timestamp(nanoseconds), nanoseconds / SECOND, date_text(nanoseconds // SECOND)
    return f'"@timestamp":"{moment}","sniff_timestamp":{epoch!r},"sniff_date_utc":"{date}",'.encode()


def _notes(record: Record, nanoseconds: int | None) -> dict[str, Any]:
    notes: dict[str, Any] = {}
    if nanoseconds is None:
        notes["espcap"] = {"bad_time": True}
        record.unparsed.setdefault("frame", {})["time_epoch"] = record.epoch
    if record.unparsed:
        notes["unparsed"] = record.unparsed
    if record.left_out:
        notes.setdefault("espcap", {})["left_out"] = record.left_out
    return notes


def info_of(source: dict[str, Any]) -> bytes:
    """What `Document.info` is of a document that was read as JSON."""
    info = source.get("info")
    return orjson.dumps(info) if info and isinstance(info, str) else b""


def members(part: dict[str, Any]) -> bytes:
    """The members of a JSON object, each with a comma behind it."""
    return orjson.dumps(part)[1:-1] + b"," if part else b""


def _is_printable(text: bytes) -> bool:
    return text.isascii() and b"\x7f" not in text


def _occurrence(layers: Layers, layer: str, key: str, occurrence: int) -> Value | None:
    """One value of a field; where it occurs less often than its protocol, the last."""
    values = layers.get(layer, {}).get(key)
    if isinstance(values, list):
        return values[min(occurrence, len(values) - 1)]
    return values


def _plan(protocol: str, stack: Stack) -> _Plan:
    network: dict[str, Any] = {}
    if stack.network:
        network["type"] = _NETWORK_TYPES.get(stack.network.protocol, stack.network.protocol)
    if stack.transport:
        network["transport"] = _TRANSPORT_NAMES.get(stack.transport.protocol, stack.transport.protocol)
    if stack.application:
        network["protocol"] = stack.application.protocol
    names = stack.names
    return _Plan(protocol, names, frozenset(["frame", *names.values()]), tuple(_places(stack)), network)


def _places(stack: Stack) -> Iterator[_Wanted]:
    """Where the values of `source` and `destination` are."""
    for index, end in enumerate(("source", "destination"), 1):
        if stack.network and (names := _ADDRESSES.get(stack.network.protocol)):
            yield _Wanted(end, "ip", names[0], names[index], stack.network.occurrence)
        transport = stack.transport.protocol.replace("udplite", "udp") if stack.transport else ""
        if stack.transport and transport in _PORTS:
            yield _Wanted(end, "port", transport, ("srcport", "dstport")[index - 1], stack.transport.occurrence)
        if stack.link and (names := _MACS.get(stack.link.protocol)):
            yield _Wanted(end, "mac", names[0], names[index], stack.link.occurrence)


def _ends(layers: Layers, wanted: Iterable[_Wanted], length: Any) -> dict[str, Any]:
    """`source` and `destination`."""
    ends: dict[str, dict[str, Any]] = {"source": {}, "destination": {}}
    for end, name, layer, key, occurrence in wanted:
        value = _occurrence(layers, layer, key, occurrence)
        if name == "mac":
            value = _mac(value)
        if value is not None:
            ends[end][name] = value
    if length is not None:
        ends["source"]["bytes"] = length
    return {end: values for end, values in ends.items() if values}


@lru_cache(maxsize=10_000)
def _mac(address: Any) -> str | None:
    """As ECS writes it: 58-23-8C-B4-42-56."""
    return address.replace(":", "-").upper() if isinstance(address, str) else None


def _observer(hostname: str, frame: dict[str, Any]) -> dict[str, Any]:
    observer: dict[str, Any] = {"hostname": hostname}
    if name := frame.get("interface_name"):
        observer["ingress"] = {"interface": {"name": name}}
    return observer


@lru_cache(maxsize=10_000)
def _envelopes(tree: tuple[str, ...], roles: frozenset[str]) -> list[tuple[bytes, bytes]]:
    """As JSON, the name of each layer that has no role in the stack, and the layer that it is in, or all of them."""
    envelopes: dict[str, list[str]] = {}
    for below, name in pairwise(tree):
        if name not in roles:
            envelopes.setdefault(name, []).append(below)
    return [
        (orjson.dumps(name), orjson.dumps(below if len(below) > 1 else below[0])) for name, below in envelopes.items()
    ]


def _with(layers: bytes, envelopes: Iterable[tuple[bytes, bytes]]) -> bytes:
    for name, envelope in envelopes:
        layers = _with_envelope(layers, name, envelope)
    return layers


def _with_envelope(layers: bytes, name: bytes, envelope: bytes) -> bytes:
    """The JSON of layers with one more member in a layer.

    The layer is found by its name as text, without parsing: a quote inside a string is escaped, so that `"xml":{` can
    only be a key and the start of an object, and objects are what layers alone are.
    """
    opening = b"%b:{" % name
    before, found, after = layers.partition(opening)
    if not found:
        return b'%b%b%b"envelope":%b}}' % (layers[:-1], b"," if len(layers) > 2 else b"", opening, envelope)
    return b'%b%b"envelope":%b%b%b' % (before, opening, envelope, b"" if after[:1] == b"}" else b",", after)
