"""Reads the output of `tshark -T json` line by line.

tshark prints each member of an object on a line of its own, so a packet's fields are lines such as `"name": "value",`
in the order of its tree. Reading lines keeps all values in their order; a JSON parser would keep only the last of equal
keys. It also needs no recursion. Most lines occur in many packets, so the meaning of a line is remembered.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import orjson

from espcap.base.times import epoch_text
from espcap.dissection import MOST_VALUES, Layers, Record
from espcap.dissection.messages import COMMUNITY_IDS, MessageLines
from espcap.dissection.ntp_times import NTP_TIMES
from espcap.fields.casts import Value, cast
from espcap.fields.field import PRESENCE, Field, Kind, is_frame_number
from espcap.fields.registry import Registry
from espcap.tshark.columns import Columns
from espcap.tshark.output import IDLE

LONGEST_BYTES = 64
"""Longest value of a byte field, in bytes. Longer values are payload and are left out by default."""

_PACKET_END = b"\n  }"  # only the closing brace of a packet is indented by two blanks
_LAYER_INDENT = '        "'
_REMEMBERED_LINES = 50_000
_REMEMBERED_LABELS = 10_000
_LONGEST_REMEMBERED = 200


class _Entry(NamedTuple):
    """The meaning of a line: a value to add to one of a packet's three groups, under a layer and a key."""

    group: int
    layer: str
    key: str
    value: Value


_LAYERS, _UNPARSED, _TREE = range(3)
"""The groups: values of fields, values that do not fit their field's type, and facts about the packet itself."""
_NO_TIME = "NULL"
"""The text of an NTP time that is not set, in `tshark -T fields`, and in `-T json` up to 4.4."""
_NO_TIME_AS_JSON = "1970-01-01T00:00:00.000000000Z"
"""The text of an NTP time that is not set, in `-T json` from 4.6 on."""


class JsonReader:
    """Makes records from the output of `tshark -T json`."""

    def __init__(
        self,
        registry: Registry,
        payload: bool = False,
        before: int = 0,
        columns: Columns | None = None,
        wanted: Sequence[str] = (),
    ) -> None:
        """`payload`: keep payload, which is left out by default.

        `before` is the number of packets of the capture that this tshark did not get; it is added to all frame numbers.
        `columns` supplies Wireshark's columns of each packet. `wanted` are the names of the protocols and fields that
        are wanted in messages; without them records have no messages.
        """
        self._registry = registry.without_store()
        self._payload = payload
        self._before = before
        self._columns = columns
        self._entries: dict[str, _Entry | None] = {}
        self._fields: dict[str, Field] = {}
        self._messages = MessageLines(wanted, self._registry, self._typed) if wanted else None
        self._is_name = lru_cache(_REMEMBERED_LABELS)(self._is_field_or_protocol)
        self.bad_utf8 = 0
        """Number of packets with text that is not UTF-8; U+FFFD replaces the wrong bytes."""

    def records(self, blocks: Iterable[bytes]) -> Iterator[Record | None]:
        """Yields a record for each whole packet, and None for each IDLE block. Drops an unfinished last packet."""
        buffer = bytearray()
        for block in blocks:
            if block == IDLE:
                yield None
                continue
            searched = max(0, len(buffer) - len(_PACKET_END))
            buffer += block
            end = buffer.rfind(_PACKET_END, searched)
            if end >= 0:
                packets = buffer[:end].split(_PACKET_END)
                del buffer[: end + len(_PACKET_END)]
                for packet in packets:
                    yield self._with_columns(self.bad_utf8, self._decode(packet))

    def _with_columns(self, bad_before: int, packet: str) -> Record:
        record = self._record(packet)
        if self._columns:
            shown = self._columns.at(record.frame_number - self._before)
            if labels := [label for label in shown.labels if self._is_name(label)]:
                record = self._record(_without(labels, packet))
            if info := _unquoted(shown.info):
                record.info = orjson.dumps(info)
            record.protocol_column = _unquoted(shown.protocol)
            if shown.is_bad_utf8 and self.bad_utf8 == bad_before:
                self.bad_utf8 += 1
        return record

    def _decode(self, text: bytearray) -> str:
        try:
            return text.decode()
        except UnicodeDecodeError:
            self.bad_utf8 += 1
            return text.decode("utf-8", "replace")

    def _record(self, packet: str) -> Record:
        layers: Layers = {}
        unparsed: Layers = {}
        tree: Layers = {}
        groups = (layers, unparsed, tree)
        entries = self._entries
        lines = packet.split("\n")
        values, most = 1, MOST_VALUES if len(lines) > MOST_VALUES else 0
        for line in lines:
            try:
                entry = entries[line]
            except KeyError:
                entry = self._entry(line)
            if entry is None:
                continue
            if most and entry.group != _TREE:
                values += 1
                if values > most:
                    continue
            group, layer, key, value = entry
            try:
                keys = groups[group][layer]
            except KeyError:
                groups[group][layer] = {key: value}
                continue
            if key not in keys:
                keys[key] = value
            elif isinstance(earlier := keys[key], list):
                earlier.append(value)
            else:
                keys[key] = [earlier, value]
        record = _record(layers, unparsed, tree)
        record.left_out = max(0, values - MOST_VALUES)
        if self._messages:
            record.messages = self._messages.read(packet, record)
        return record

    def _entry(self, line: str) -> _Entry | None:
        entry = self._read(line)
        if len(line) <= _LONGEST_REMEMBERED:
            if len(self._entries) >= _REMEMBERED_LINES:
                self._entries.clear()
            self._entries[line] = entry
        return entry

    def _read(self, line: str) -> _Entry | None:
        start = line.find('"')
        end = line.find('": ', start)
        if end < 0:
            return None
        name, text = line[start + 1 : end], line[end + 3 :].removesuffix(",")
        if name in COMMUNITY_IDS and text.startswith('"') and text != '""':
            return _Entry(_TREE, "", "communityid", _unquoted(text))
        if line.startswith(_LAYER_INDENT) and self._registry.is_protocol(name) and "." not in name:
            return _Entry(_TREE, "", "protocols", name)
        if field := self._field(name):
            is_payload = self._is_payload(field, text)
            return _Entry(_TREE, "", "payload", name) if is_payload else self._value(field, text)
        return _Entry(_TREE, "", "inner", name) if self._registry.is_protocol(name) else None

    def _field(self, name: str) -> Field | None:
        field = self._fields.get(name) or self._registry.field(name)
        if field:  # other names are labels with text of a packet, of which there is no limit: they are not remembered
            self._fields[name] = field
        return field

    def _is_field_or_protocol(self, name: str) -> bool:
        return self._registry.field(name) is not None or self._registry.is_protocol(name)

    def _value(self, field: Field, text: str) -> _Entry | None:
        if field.base == PRESENCE:
            return _Entry(_LAYERS, field.layer, field.key, True)
        if not text.startswith('"'):
            return None
        text = _unquoted(text)
        if not text and field.kind not in (Kind.STRING, Kind.BYTES):
            return None  # a label that reads like a field's name, because fields of this kind are never empty
        if field.name == "frame.time_epoch":
            return _Entry(_TREE, "", "epoch", epoch_text(text))
        if text == _NO_TIME_AS_JSON and field.name in NTP_TIMES:
            text = _NO_TIME
        try:
            return _Entry(_LAYERS, field.layer, field.key, self._cast(field, text))
        except ValueError:
            if field.name == "frame.time" and text.endswith("Z"):  # -T json of 4.6; -T fields prints +0000
                text = f"{text[:-1]}+0000"
            return _Entry(_UNPARSED, field.layer, field.key, text)

    def _typed(self, field: Field, text: str) -> Value | None:
        """Returns the value of a field; None if there is none, or if it does not fit the field's type."""
        entry = self._value(field, text)
        return entry.value if entry and entry.group == _LAYERS else None

    def _cast(self, field: Field, text: str) -> Value:
        value = cast(field, text)
        return value + self._before if self._before and is_frame_number(field) and isinstance(value, int) else value

    def _is_payload(self, field: Field, text: str) -> bool:
        if field.kind is not Kind.BYTES or self._payload or not text.startswith('"'):
            return False
        octets = (len(text) - 1) // 3  # the text is "01:02:03" with its quotes
        return octets > LONGEST_BYTES or field.name.endswith(".reassembled.data")


def _without(labels: Iterable[str], packet: str) -> str:
    """The packet without the lines of these labels, which look like lines of fields and protocols without a value."""
    lines = packet.split("\n")
    for label in labels:
        alike = (f'"{label}": ""', f'"{label}": {{')
        found = [index for index, line in enumerate(lines) if line.strip(" ,") in alike]
        if found:  # of equal lines, one with members, or the less indented one, is probably the protocol
            del lines[min(found, key=lambda index: (lines[index].endswith("{"), -lines[index].index('"')))]
    return "\n".join(lines)


def _unquoted(text: str) -> str:
    if "\\" not in text:
        return text[1:-1]
    try:
        return str(orjson.loads(text))
    except orjson.JSONDecodeError:  # tshark has printed half of a surrogate pair
        return text[1:-1]


def _record(layers: Layers, unparsed: Layers, tree: Layers) -> Record:
    notes = tree.get("", {})
    protocols, epoch, community_id = notes.get("protocols", []), notes.get("epoch", ""), notes.get("communityid", "")
    epoch, community_id = _first(epoch), _first(community_id)
    try:
        layers.setdefault("frame", {})["time_epoch"] = float(epoch)
    except ValueError:
        unparsed.setdefault("frame", {})["time_epoch"] = epoch
    return Record(
        epoch,
        layers,
        _names(protocols),
        unparsed=unparsed,
        community_id=community_id,
        inner=_names(notes.get("inner", [])),
        payload_fields=list(dict.fromkeys(_names(notes.get("payload", [])))),
    )


def _names(value: Value | list[Value]) -> list[str]:
    return [str(name) for name in (value if isinstance(value, list) else [value])]


def _first(value: Value | list[Value]) -> str:
    return str(value[0] if isinstance(value, list) else value)
