"""Messages of captures, as each reader gives them, and what flows and transactions are made of them."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from espcap.dissection.columns import ColumnReader
from espcap.dissection.json_lines import JsonReader
from espcap.dissection.messages import PacketMessages
from espcap.dissection.tap import TapReader
from espcap.documents.packets import Origin
from espcap.documents.types import FLOWS, PACKETS, TRANSACTIONS, DocumentType
from espcap.ingest.job import close_job, open_job
from espcap.transactions.follower import Follower
from espcap.tshark.arguments import Settings
from espcap.tshark.output import Output, read_file
from espcap.tshark.program import find_program


def messages(capture: Path, reader: str, *decode_as: str) -> tuple[list[PacketMessages], tuple[str, ...]]:
    """The messages of each packet, by the reader `json`, `lines` or `columns`, and the wanted names."""
    job = open_job(find_program(), Settings(decode_as=decode_as), (), types=(PACKETS, FLOWS, TRANSACTIONS))
    plugin = job.settings.plugin and replace(job.settings.plugin, columns=reader == "columns", is_required=True)
    settings = replace(job.settings, plugin=None if reader == "json" else plugin)
    try:
        with capture.open("rb") as file, read_file(job.program, settings, file, job.user, 60) as output:
            if reader == "json":
                json_reader = JsonReader(job.registry, columns=output.columns, wanted=job.names)
                found = [record.messages for record in json_reader.records(output.blocks()) if record]
            else:
                found = _natively(output)
    finally:
        close_job(job)
    assert all(found)
    return [each for each in found if each], job.names


def _natively(output: Output) -> list[PacketMessages | None]:
    if output.has_columns:
        batches = ColumnReader().batches(output.blocks())
        return [orjson.loads(line) for batch in batches if batch for line in batch.messages]
    return [record.messages for record in TapReader().records(output.blocks()) if record]


def without_sizes(packets: Iterable[PacketMessages], presence: frozenset[int]) -> list[PacketMessages]:
    """The messages without what the JSON reader does not know: positions, sizes, and values of fields without one."""
    return [[*packet[:3], [_without_sizes(message, presence) for message in packet[3]]] for packet in packets]


def _without_sizes(message: list[Any], presence: frozenset[int]) -> list[Any]:
    values = message[3:]
    for place in range(0, len(values), 3):
        if values[place] in presence:
            values[place + 2] = None
    return [message[0], None, None, *values]


def follow(
    capture: Path, *decode_as: str, types: Sequence[DocumentType] = (FLOWS, TRANSACTIONS)
) -> list[dict[str, Any]]:
    """The documents of flows and transactions of a capture, by the native reader."""
    job = open_job(find_program(), Settings(decode_as=decode_as), (), types=types)
    settings = replace(job.settings, plugin=job.settings.plugin and replace(job.settings.plugin, is_required=True))
    follower = Follower(types, job.names, job.declarations, Origin("capture"))
    documents = []
    try:
        with capture.open("rb") as file, read_file(job.program, settings, file, job.user, 60) as output:
            for found in _natively(output):
                documents += follower.add(found or [])
        documents += follower.finish()
    finally:
        close_job(job)
    return [document.source for document in documents]
