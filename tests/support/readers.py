"""What both readers make of a capture, and whether it is the same."""

import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from espcap.dissection import Record, RecordReader
from espcap.dissection.json_lines import JsonReader
from espcap.dissection.tap import TapReader
from espcap.documents.columns import PacketColumns
from espcap.documents.packets import Document, DocumentBuilder, Origin
from espcap.fields.protocols import read_list
from espcap.fields.registry import Registry
from espcap.ingest.transfer import ColumnStream, Packets
from espcap.query import Everything
from espcap.sinks import Outcome
from espcap.stores.local.store import LocalStore
from espcap.tshark.arguments import Settings, plugin_command
from espcap.tshark.output import Output, read_file
from espcap.tshark.plugin import Plugin, has_loaded_plugin
from espcap.tshark.process import Exit, Process
from espcap.tshark.program import Program, dissecting_user, environment
from tests.support.wireshark_versions import installed

TWO_FORMS = re.compile(r"\.(layers|unparsed)\.everytype(\.absolute_time_(doy_utc|local|utc).*| only native)")
"""Times that Wireshark 4.6 prints as ISO 8601 in JSON alone, whatever their display."""
DISSECTOR_BUG = "[Dissector bug, "
POINTER = re.compile(r"0x[0-9a-f]{8,}")
"""An address of memory, which notes of Wireshark's HTTP/3 dissector have from 4.4 on: another one in each run."""


def differences(wanted: Any, got: Any, path: str = "") -> Iterator[str]:
    """Where two values differ; 1, 1.0 and true do."""
    if isinstance(wanted, dict) and isinstance(got, dict):
        for key in sorted(wanted.keys() | got.keys()):
            if key in wanted and key in got:
                yield from differences(wanted[key], got[key], f"{path}.{key}")
            else:
                yield f"{path}.{key} only {'JSON' if key in wanted else 'native'}"
    elif isinstance(wanted, list) and isinstance(got, list) and len(wanted) == len(got):
        for index, pair in enumerate(zip(wanted, got, strict=True)):
            yield from differences(*pair, f"{path}[{index}]")
    elif path == ".info" and str(got).startswith(DISSECTOR_BUG) and str(got).startswith(str(wanted)):
        pass  # Wireshark 4.4 notes its own fault once more if the tree is visible
    elif path.endswith("_ws.expert_message") and POINTER.sub("", str(wanted)) == POINTER.sub("", str(got)):
        pass
    elif wanted != got or type(wanted) is not type(got):
        yield f"{path}: JSON {str(wanted)[:200]!r}, native {str(got)[:200]!r}"


def read_as_json(program: Program, registry: Registry, capture: Path, settings: Settings) -> tuple[list[Record], Exit]:
    with capture.open("rb") as file:
        output = read_file(program, settings, file, dissecting_user(program), 0)
        return _read(output, JsonReader(registry, columns=output.columns))


def read_natively(
    program: Program, plugin: Plugin, capture: Path, settings: Settings, extra: dict[str, str] | None = None
) -> tuple[list[Record], Exit]:
    """`extra` are more variables of tshark's environment."""
    with capture.open("rb") as file:
        return _read(run_natively(program, plugin, file, settings, extra), TapReader())


def run_natively(
    program: Program, plugin: Plugin, file: BinaryIO, settings: Settings, extra: dict[str, str] | None = None
) -> Output:
    """A tshark with the plugin. `extra` are more variables of its environment."""
    variables = environment(settings.profile_folder) | plugin.variables(live=False) | (extra or {})
    arguments = plugin_command(program, settings)
    process = Process(arguments, file.fileno(), variables, dissecting_user(program), plugin.descriptors)
    assert has_loaded_plugin(process.stdout), process.wait()
    return Output(process)


def _read(output: Output, reader: RecordReader) -> tuple[list[Record], Exit]:
    with output:
        return [record for record in reader.records(output.blocks()) if record], output.finish()


def _own(ended: Exit) -> list[str]:
    """What tshark says without its process identifier."""
    return [message for message in ended.messages if message.startswith("tshark: ")]


def _without_epoch(unparsed: dict[str, Any]) -> dict[str, Any]:
    """Without a packet's time, which is compared by itself: documents note it whatever a reader does."""
    kept = {
        layer: {key: value for key, value in keys.items() if (layer, key) != ("frame", "time_epoch")}
        for layer, keys in unparsed.items()
    }
    return {layer: keys for layer, keys in kept.items() if keys}


def _parts(record: Record, layers: bytes) -> dict[str, Any]:
    return {
        "layers": orjson.loads(layers),
        "unparsed": _without_epoch(record.unparsed),
        "tree": record.tree,
        "inner": list(dict.fromkeys(record.inner)),
        "epoch": record.epoch,
        "community_id": record.community_id,
        "info": record.info and orjson.loads(record.info),
        "protocol_column": record.protocol_column,
        "payload_fields": record.payload_fields,
    }


@dataclass
class Readers:
    """Both readers, to be compared."""

    program: Program
    registry: Registry
    plugin: Plugin
    extra: dict[str, str] = field(default_factory=dict)
    """More variables of the environment of the native reader's tshark."""

    def compare(self, capture: Path, settings: Settings | None = None) -> list[Record]:
        """Fails where their records or tshark's ends differ; returns the records."""
        settings = settings or Settings()
        wanted, ended = read_as_json(self.program, self.registry, capture, settings)
        got, natively = read_natively(self.program, self.plugin, capture, settings, self.extra)
        assert (natively.status, _own(natively)) == (ended.status, _own(ended)), (capture, natively)
        assert [record.frame_number for record in got] == [record.frame_number for record in wanted]
        for record, other in zip(got, wanted, strict=True):
            found = list(differences(_parts(other, orjson.dumps(other.layers)), _parts(record, record.layers_json)))
            if installed().has_two_forms_of_times:
                found = [each for each in found if not TWO_FORMS.match(each)]
            assert found[:10] == [], (capture, other.frame_number)
        self.compare_columns(capture, settings, got)
        return got

    def compare_columns(self, capture: Path, settings: Settings, records: list[Record]) -> None:
        """Fails if documents that come as columns differ, after they were stored, from those of the records."""
        builder = DocumentBuilder(Origin("0123"), read_list())
        documents = [builder.build(record) for record in records]
        with tempfile.TemporaryDirectory() as folder:
            store = LocalStore(Path(folder), self.registry)
            outcome = Outcome()
            for packets in self._packets_as_columns(capture, settings):
                if isinstance(packets, PacketColumns):
                    store.write_columns(packets, outcome)
                elif isinstance(packets, Document):
                    store.write([packets], outcome)
            assert outcome == Outcome(stored=len(documents))
            found = {hit.id: hit.source for hit in store.search(Everything(), size=len(documents)).hits}
        for document in documents:
            assert list(differences(document.source, found[document.id])) == [], (capture, document.id)
            assert orjson.dumps(document.source) == orjson.dumps(found[document.id])  # also the order of the keys

    def _packets_as_columns(self, capture: Path, settings: Settings) -> Iterator[Packets]:
        plugin = replace(self.plugin, columns=True)
        with capture.open("rb") as file, run_natively(self.program, plugin, file, settings, self.extra) as output:
            stream = ColumnStream(DocumentBuilder(Origin("0123"), read_list()))
            yield from (packets for packets in stream.packets(output.blocks()) if packets)
