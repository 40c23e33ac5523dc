"""From a record to its document: pure, and the same for files and live captures.

The shape is Wireshark's under `layers` and the Elastic Common Schema's (ECS) above it.
"""

import re
import time
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import orjson

from espcap.dissection import Layers, Record
from espcap.fields import Value
from espcap.protocols import Place, ProtocolList, Stack

UNDATED_INDEX = "packets-undated"
"""For packets whose time is none, and for those past MOST_DAYS."""

MOST_DAYS = 366
"""Days of one capture that get an index of their own: damaged times must not make thousands of indices."""

_EPOCH = re.compile(r"(\d{1,10})\.(\d{9})")
_LATEST = (9223372036, 854775807)  # 2^63-1 nanoseconds after 1970: the last time that Elasticsearch can hold
_ADDRESSES = {"ip": ("ip", "src", "dst"), "ipv6": ("ipv6", "src", "dst")}
_PORTS = {"tcp", "udp", "sctp", "dccp"}
_MACS = {"eth": ("eth", "src", "dst"), "wlan": ("wlan", "sa", "da")}
_NETWORK_TYPES = {"ip": "ipv4"}
_TRANSPORT_NAMES = {"icmpv6": "ipv6-icmp"}  # as IANA, and so ECS, calls it


@dataclass(frozen=True)
class Origin:
    """What all documents of one capture have in common."""

    capture_id: str
    file_name: str = ""
    file_modified: float | None = None
    """Seconds since 1970, UTC."""
    hostname: str = ""
    """The observing host of a live capture."""


@dataclass(slots=True)
class Document:
    """One packet, ready for a store."""

    index: str
    """Name of its day's index, `packets-2015-07-30`."""
    id: str
    """`<capture_id>-<frame number>`; a store keeps one document for each."""
    source: dict[str, Any]
    body: bytes
    """`source` as one line of JSON, UTF-8, without a newline."""


class Moment(NamedTuple):
    """A packet's time."""

    seconds: int
    nanoseconds: int


class DocumentBuilder:
    """Builds the documents of one capture."""

    def __init__(self, origin: Origin, protocols: ProtocolList) -> None:
        self._origin = origin
        self._protocols = protocols
        self._days: set[str] = set()
        self._common: dict[str, Any] = {"capture_id": origin.capture_id}
        if origin.file_name:
            self._common = {"file_name": origin.file_name, **self._common}
        if origin.file_modified is not None:
            self._common["file_date_utc"] = _date(int(origin.file_modified))

    def build(self, record: Record) -> Document:
        """The document of a record, with its index and identifier."""
        layers = record.layers
        frame = layers["frame"]
        moment = _moment(record.epoch)
        protocol, stack = self._protocols.describe(str(frame.get("protocols", "")))
        source: dict[str, Any] = _times(moment, record) | self._common
        source["protocol"] = protocol
        source["protocols"] = list(dict.fromkeys(record.tree + record.inner))
        source["stack"] = stack.names
        source |= _ends(layers, stack)
        source["network"] = _network(stack, record)
        if self._origin.hostname:
            source["observer"] = _observer(self._origin.hostname, frame)
        _add_envelopes(layers, record.tree, stack)
        source["layers"] = layers
        if record.unparsed:
            source["unparsed"] = record.unparsed
        identifier = f"{self._origin.capture_id}-{frame.get('number', 0)}"
        return Document(self._index(moment), identifier, source, orjson.dumps(source))

    def _index(self, moment: Moment | None) -> str:
        if moment is None:
            return UNDATED_INDEX
        day = _date(moment.seconds)[:10]
        if len(self._days) < MOST_DAYS:
            self._days.add(day)
        return f"packets-{day}" if day in self._days else UNDATED_INDEX


def _moment(epoch: str) -> Moment | None:
    match = _EPOCH.fullmatch(epoch)
    moment = Moment(int(match[1]), int(match[2])) if match else None
    return moment if moment and moment <= _LATEST else None


def _date(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S+0000", time.gmtime(seconds))


def _times(moment: Moment | None, record: Record) -> dict[str, Any]:
    if moment is None:
        record.unparsed.setdefault("frame", {})["time_epoch"] = record.epoch
        return {"espcap": {"bad_time": True}}
    date = _date(moment.seconds)
    return {
        "@timestamp": f"{date[:19]}.{moment.nanoseconds:09}Z",
        "sniff_timestamp": float(record.epoch),
        "sniff_date_utc": date,
    }


def _occurrence(layers: Layers, layer: str, key: str, occurrence: int) -> Value | None:
    """One value of a field; where it occurs less often than its protocol, the last."""
    values = layers.get(layer, {}).get(key)
    if isinstance(values, list):
        return values[min(occurrence, len(values) - 1)]
    return values


def _ends(layers: Layers, stack: Stack) -> dict[str, Any]:
    """`source` and `destination`."""
    ends: dict[str, Any] = {}
    for index, end in enumerate(("source", "destination"), 1):
        values = {
            "ip": _address(layers, stack.network, _ADDRESSES, index),
            "port": _port(layers, stack.transport, index),
            "mac": _mac(_address(layers, stack.link, _MACS, index)),
        }
        if end == "source":
            values["bytes"] = layers["frame"].get("len")
        ends[end] = {name: value for name, value in values.items() if value is not None}
    return {end: values for end, values in ends.items() if values}


def _address(layers: Layers, place: Place | None, fields: dict[str, tuple[str, str, str]], index: int) -> Any:
    names = fields.get(place.protocol) if place else None
    return _occurrence(layers, names[0], names[index], place.occurrence) if names and place else None


def _port(layers: Layers, place: Place | None, index: int) -> Any:
    protocol = "udp" if place and place.protocol == "udplite" else place.protocol if place else ""
    key = "srcport" if index == 1 else "dstport"
    return _occurrence(layers, protocol, key, place.occurrence) if place and protocol in _PORTS else None


def _mac(address: Any) -> str | None:
    """As ECS writes it: 58-23-8C-B4-42-56."""
    return address.replace(":", "-").upper() if isinstance(address, str) else None


def _network(stack: Stack, record: Record) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if stack.network:
        values["type"] = _NETWORK_TYPES.get(stack.network.protocol, stack.network.protocol)
    if stack.transport:
        values["transport"] = _TRANSPORT_NAMES.get(stack.transport.protocol, stack.transport.protocol)
    if stack.application:
        values["protocol"] = stack.application.protocol
    if record.community_id:
        values["community_id"] = record.community_id
    values["bytes"] = record.layers["frame"].get("len")
    return values


def _observer(hostname: str, frame: dict[str, Any]) -> dict[str, Any]:
    observer: dict[str, Any] = {"hostname": hostname}
    if name := frame.get("interface_name"):
        observer["ingress"] = {"interface": {"name": name}}
    return observer


def _add_envelopes(layers: Layers, tree: list[str], stack: Stack) -> None:
    """Says of each layer that has no role in the stack which layer it is in."""
    roles = {"frame", *stack.names.values()}
    for below, name in pairwise(tree):
        if name not in roles:
            keys = layers.setdefault(name, {})
            earlier = keys.get("envelope")
            keys["envelope"] = (
                below if earlier is None else [*(earlier if isinstance(earlier, list) else [earlier]), below]
            )
