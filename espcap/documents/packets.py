"""Builds the document of a packet from its record, in the same way for files and live captures, without side effects.

The names under `layers` are Wireshark's; the names outside it follow the Elastic Common Schema (ECS).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import orjson

from espcap.base.times import DAY, SECOND, date_text, parse_epoch, timestamp
from espcap.dissection import Layers, Record
from espcap.documents.types import PACKETS, number_in
from espcap.fields.casts import Value
from espcap.fields.protocols import ProtocolList, Stack

FORM = 2
"""The version of the documents' form. Increase it if the same packet gives another document than before."""

MOST_DAYS = 366
"""The most days of one capture that get their own index, so that damaged times do not create thousands of indices."""

_ADDRESSES = {"ip": ("ip", "src", "dst"), "ipv6": ("ipv6", "src", "dst")}
_PORTS = {"tcp", "udp", "sctp", "dccp"}
_MACS = {"eth": ("eth", "src", "dst"), "wlan": ("wlan", "sa", "da")}
_NETWORK_TYPES = {"ip": "ipv4"}
_REMEMBERED_TEMPLATES = 10_000
_LENGTH = b"\n"
"""Stands for the packet's length in the JSON of a template, which contains no other newline: in strings it is `\\n`."""
_TRANSPORT_NAMES = {"icmpv6": "ipv6-icmp"}
"""Names of transport protocols that differ in ECS, which uses those of IANA."""


HEAD = (
    *("frame.protocols", "frame.interface_name"),
    *(f"{layer}.{key}" for layer, *keys in (*_ADDRESSES.values(), *_MACS.values()) for key in keys),
    *(f"{layer}.{key}" for layer in sorted(_PORTS) for key in ("srcport", "dstport")),
)
"""Fields of a packet that the members outside `layers` are made from, as paths below `layers`."""


@dataclass(frozen=True)
class Origin:
    """The properties that all documents of one capture share."""

    capture_id: str
    file_name: str = ""
    file_modified: float | None = None
    """The time of the file's last change, in seconds since 1970, UTC."""
    hostname: str = ""
    """The host that made a live capture."""
    settings_id: str = ""
    """A digest of the settings that change documents, such as preferences and rules of `-d`."""


@dataclass(slots=True)
class Document:
    """A packet, a flow or a transaction, ready for a store."""

    index: str
    """The name of the index of its day, such as `packets-2015-07-30`."""
    id: str
    """`<capture_id>-<frame number>` for a packet. A store contains at most one document with this identifier."""
    notes: dict[str, Any]
    """The members `unparsed` and `espcap`, which most packets do not have."""
    body: bytes
    """The whole document as one line of JSON, in UTF-8, without a newline."""
    nanoseconds: int | None = None
    """The packet's time in nanoseconds since 1970; None if it is not valid."""
    info: bytes = b""
    """Wireshark's column Info as JSON; empty if it is missing."""
    settings_id: str = ""
    """A digest of the settings. A store replaces a document that was made with other settings."""
    is_printable: bool = False
    """Whether all characters of `body` are known to be safe on a terminal."""
    read: int = 0
    """If it is made from several packets, the number of the last packet that was read; 0 for a packet."""

    @property
    def source(self) -> dict[str, Any]:
        """The document, parsed from `body` at each call."""
        source: dict[str, Any] = orjson.loads(self.body)
        return source

    @property
    def frame_number(self) -> int:
        """The packet's number in its capture, from 1, or that of the last packet that was read."""
        return self.read or number_in(self.id)[1]


class _Wanted(NamedTuple):
    """A member of `source` or `destination`, and the field that its value is taken from."""

    end: str
    name: str
    layer: str
    key: str
    occurrence: int


class _Plan(NamedTuple):
    """The parts of a document that depend only on the packet's protocols; a capture has a few hundred combinations."""

    protocol: str
    stack: dict[str, str]
    roles: frozenset[str]
    wanted: tuple[_Wanted, ...]
    network: dict[str, Any]


class _Template(NamedTuple):
    """The members outside `layers` that all records with the same context share."""

    parts: list[bytes]
    """Parts of the JSON of these members. The packet's length belongs between each two of them."""
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

    @property
    def origin(self) -> Origin:
        """The properties that all documents share."""
        return self._origin

    def build(self, record: Record) -> Document:
        """The document of a record, with its index and identifier."""
        nanoseconds = parse_epoch(record.epoch)
        template = self._templates.get(record.context) or self._template(record)
        notes = _notes(record, nanoseconds)
        noted = json_members(notes)
        shared = orjson.dumps(record.frame_length).join(template.parts)
        layers = record.layers_json or orjson.dumps(record.layers)
        if template.envelopes:
            layers = _with(layers, template.envelopes)
        info = record.info and b'"info":%b,' % record.info
        body = b"".join((b"{", _times(nanoseconds), info, noted, shared, b'"layers":', layers, b"}"))
        is_printable = template.is_printable and _is_printable(noted)
        identifier = f"{self._origin.capture_id}-{record.frame_number}"
        index, settings_id = self.index_of(nanoseconds), self._origin.settings_id
        return Document(index, identifier, notes, body, nanoseconds, record.info, settings_id, is_printable)

    def _template(self, record: Record) -> _Template:
        plan = self._plan_of(record)
        envelopes = _envelopes(tuple(record.tree), plan.roles)
        if not record.context:
            shared = self._shared(record, plan, record.frame_length)
            return _Template([shared], envelopes, bool(record.layers_json) and _is_printable(shared))
        shared = self._shared(record, plan, orjson.Fragment(_LENGTH))
        if len(self._templates) >= _REMEMBERED_TEMPLATES:
            self._templates.clear()
        template = _Template(shared.split(_LENGTH), envelopes, _is_printable(shared))
        self._templates[record.context] = template
        return template

    def _shared(self, record: Record, plan: _Plan, length: Any) -> bytes:
        """The members outside `layers` that are the same for records with the same context, with `length`, as JSON."""
        return json_members(self._shared_members(record, plan, length))

    def _shared_members(self, record: Record, plan: _Plan, length: Any) -> dict[str, Any]:
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
        return shared

    def shared(self, record: Record) -> tuple[dict[str, Any], dict[str, Any]]:
        """Returns what records with the same context share, except for the packet's length.

        This is the members outside `layers`, and for each layer without a role in the stack its envelope.
        """
        plan = self._plan_of(record)
        envelopes = _envelopes(tuple(record.tree), plan.roles)
        return (
            self._shared_members(record, plan, None),
            {orjson.loads(name): orjson.loads(envelope) for name, envelope in envelopes},
        )

    def _plan_of(self, record: Record) -> _Plan:
        names = str(record.layers.get("frame", {}).get("protocols", ""))
        return self._plan(names or ":".join(record.tree[1:]))  # from Wireshark 4.4 on frame.protocols can be empty

    def index_of(self, nanoseconds: int | None) -> str:
        """Returns the index of a time; the undated one for packets without a valid time and beyond MOST_DAYS."""
        if nanoseconds is None:
            return PACKETS.undated
        day = nanoseconds // DAY
        if day not in self._indices and len(self._indices) < MOST_DAYS:
            self._indices[day] = PACKETS.index(date_text(nanoseconds // SECOND)[:10])
        return self._indices.get(day, PACKETS.undated)


def _times(nanoseconds: int | None) -> bytes:
    """The members of a document with its time, as JSON, each followed by a comma."""
    if nanoseconds is None:
        return b""
    moment, epoch, date = timestamp(nanoseconds), nanoseconds / SECOND, date_text(nanoseconds // SECOND)
    return f'"@timestamp":"{moment}","sniff_timestamp":{epoch!r},"sniff_date_utc":"{date}",'.encode()


def _notes(record: Record, nanoseconds: int | None) -> dict[str, Any]:
    if nanoseconds is None:
        record.unparsed.setdefault("frame", {})["time_epoch"] = record.epoch
    about: dict[str, Any] = {"bad_time": True} if nanoseconds is None else {}
    if record.left_out:
        about["left_out"] = record.left_out
    notes = {"unparsed": record.unparsed, "espcap": about}
    return {name: note for name, note in notes.items() if note}


def info_of(source: dict[str, Any]) -> bytes:
    """`Document.info` of a document that was parsed from JSON."""
    info = source.get("info")
    return orjson.dumps(info) if info and isinstance(info, str) else b""


def json_members(part: dict[str, Any]) -> bytes:
    """The members of an object as JSON, each followed by a comma, without the braces."""
    return orjson.dumps(part)[1:-1] + b"," if part else b""


def leaves_outside(part: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yields the paths and values of the members outside `layers`; empty objects have no path."""
    for key, value in part.items():
        if isinstance(value, dict):
            yield from leaves_outside(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _is_printable(text: bytes) -> bool:
    return text.isascii() and b"\x7f" not in text


def _occurrence(layers: Layers, layer: str, key: str, occurrence: int) -> Value | None:
    """The value of a field for one occurrence of its protocol; the last value if the field occurs less often."""
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
    """Yields the fields that the members of `source` and `destination` are taken from."""
    for index, end in enumerate(("source", "destination"), 1):
        if stack.network and (names := _ADDRESSES.get(stack.network.protocol)):
            yield _Wanted(end, "ip", names[0], names[index], stack.network.occurrence)
        transport = stack.transport.protocol.replace("udplite", "udp") if stack.transport else ""
        if stack.transport and transport in _PORTS:
            yield _Wanted(end, "port", transport, ("srcport", "dstport")[index - 1], stack.transport.occurrence)
        if stack.link and (names := _MACS.get(stack.link.protocol)):
            yield _Wanted(end, "mac", names[0], names[index], stack.link.occurrence)


def _ends(layers: Layers, wanted: Iterable[_Wanted], length: Any) -> dict[str, Any]:
    """The members `source` and `destination` of a document. `source.bytes` is the packet's length."""
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
    """The address as ECS writes it: 58-23-8C-B4-42-56. None if it is not text."""
    return address.replace(":", "-").upper() if isinstance(address, str) else None


def _observer(hostname: str, frame: dict[str, Any]) -> dict[str, Any]:
    observer: dict[str, Any] = {"hostname": hostname}
    if name := frame.get("interface_name"):
        observer["ingress"] = {"interface": {"name": name}}
    return observer


@lru_cache(maxsize=10_000)
def _envelopes(tree: tuple[str, ...], roles: frozenset[str]) -> list[tuple[bytes, bytes]]:
    """The name and the envelope, as JSON, of each layer that has no role in the stack.

    The envelope is the layer below it, or a list of these layers if the layer occurs several times.
    """
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
    """The JSON of `layers` with the member `envelope` added to the layer `name`.

    The layer is found as text, such as `"xml":{`, without parsing the JSON. No value can contain this text, because a
    quote inside a string is escaped, and only layers are objects.
    """
    opening = b"%b:{" % name
    before, found, after = layers.partition(opening)
    if not found:
        return b'%b%b%b"envelope":%b}}' % (layers[:-1], b"," if len(layers) > 2 else b"", opening, envelope)
    return b'%b%b"envelope":%b%b%b' % (before, opening, envelope, b"" if after[:1] == b"}" else b",", after)
