"""The HTTP endpoints for packets: the dissection of one packet, its stream, and the extraction of many packets."""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from espcap.base.errors import EspcapError, UsageError, with_hint
from espcap.base.members import frame_number, part
from espcap.base.text import printable
from espcap.captures.originals import Originals
from espcap.extract.extraction import Extraction, Missing
from espcap.extract.needed import find_needed
from espcap.searches.searcher import Searcher
from espcap.searches.selection import select_packets
from espcap.web.derived import open_document, related
from espcap.web.dissector import MOST_BYTES, MOST_LINES, hex_lines, stream_lines, tree_lines
from espcap.web.parts import Parts
from espcap.web.view import View, parse_view

_BLOCK = 1 << 18


@dataclass
class Extracted:
    """A temporary file with extracted packets, and the packets that are missing in it."""

    file: BinaryIO
    packets: int = 0
    missing: list[Missing] = field(default_factory=list)


class PacketEndpoints:
    """The endpoints for packets."""

    def __init__(self, parts: Parts, render: Callable[..., Response]) -> None:
        self._parts = parts
        self._render = render

    def routes(self) -> list[Route]:
        """Returns the routes of the endpoints."""
        return [Route("/packet", self.packet), Route("/stream", self.stream), Route("/extract", self.extract)]

    async def packet(self, request: Request) -> Response:
        """Returns the tree and the bytes of a packet, or its document if its capture is missing."""
        view = View.of(request.query_params)
        document = (await self._parts.searchers.run(open_document, view.packet)).source
        values: dict[str, Any] = {
            "view": view,
            "document": document,
            "number": frame_number(document) or "",
            "flow": part(document, "network").get("community_id") or "",
            "has_stream": bool(part(document, "layers", "tcp") or part(document, "layers", "udp")),
            "related": await self._parts.searchers.run(related, document),
            "most_lines": MOST_LINES,
            "most_bytes": MOST_BYTES,
        }
        try:
            needed = await self._parts.searchers.run(find_needed, document)
            dissection = await self._parts.dissector.show(document, needed)
        except EspcapError as error:
            text = orjson.dumps(document, option=orjson.OPT_INDENT_2).decode()
            values |= {"message": with_hint(error.message, error.hint), "lines": text.splitlines()}
            return self._render("document.html", values, 200)
        lines = await self._parts.searchers.run(lambda searcher: tree_lines(dissection, searcher.registry))
        values |= {"tree": lines, "sources": dissection.sources, "hex_lines": hex_lines}
        return self._render("packet.html", values, 200)

    async def stream(self, request: Request) -> Response:
        """Returns the payload of a packet's conversation."""
        document = (await self._parts.searchers.run(open_document, View.of(request.query_params).packet)).source
        needed = await self._parts.searchers.run(find_needed, document)
        pieces = await self._parts.dissector.follow(document, needed)
        values = {"pieces": stream_lines(pieces), "size": sum(len(each.data) for each in pieces), "most": MOST_BYTES}
        return self._render("stream.html", values, 200)

    async def extract(self, request: Request) -> Response:
        """Returns the packets of a view as pcapng. Headers contain their number, and that of missing ones."""
        view, flow = View.of(request.query_params), request.query_params.get("flow") == "1"
        extracted = await self._parts.slow_searchers.run(_extract, view, flow, self._parts)
        missing_packets = sum(each.packets for each in extracted.missing)
        reasons = "; ".join(printable(each.reason) for each in extracted.missing[:3])
        if not extracted.packets:
            raise UsageError("no packet can be extracted", reasons or "no packet matches")
        headers = {
            "Content-Disposition": f'attachment; filename="{"conversations" if flow else "packets"}.pcapng"',
            "Espcap-Packets": str(extracted.packets),
            "Espcap-Missing": str(missing_packets),
            "Espcap-Reason": reasons.encode("ascii", "backslashreplace").decode(),
        }
        return StreamingResponse(_blocks(extracted.file), headers=headers, media_type="application/x-pcapng")


def _extract(searcher: Searcher, view: View, flow: bool, parts: Parts) -> Extracted:
    parsed = parse_view(view, searcher)
    if parsed.errors:
        raise UsageError("; ".join(parsed.errors.values()))
    extracted = Extracted(tempfile.TemporaryFile())  # noqa: SIM115 - `_blocks` closes it
    extraction = Extraction(searcher.program, parts.user, extracted.missing.append)
    try:
        extraction.find(select_packets(searcher, parsed.query, flow), Originals(parts.folders), "")
        extracted.packets = extraction.write(extracted.file)
    except OSError as error:
        raise EspcapError(
            f"cannot extract the packets: {error.strerror}", f"make room in {tempfile.gettempdir()}"
        ) from error
    extracted.file.seek(0)
    return extracted


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while block := file.read(_BLOCK):
            yield block
