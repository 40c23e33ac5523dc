"""The HTTP endpoints for flows and transactions: one document, and the way from it to its packets."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from espcap.base.errors import UsageError
from espcap.base.text import quoted
from espcap.documents.types import FLOWS, PACKETS, TRANSACTIONS, DocumentType
from espcap.query import Equals
from espcap.searches.links import packets_of, related_to_packet, with_same_flow
from espcap.searches.searcher import Searcher
from espcap.stores import Hit
from espcap.web.searchers import SearcherPool
from espcap.web.view import View

_LONGEST_TERM = 240


@dataclass(frozen=True)
class Member:
    """A value of a document."""

    path: str
    text: str
    term: str
    """A query string for documents with this value; empty if the value cannot be searched."""


class DerivedEndpoints:
    """The endpoints for flows and transactions."""

    def __init__(self, searchers: SearcherPool, render: Callable[..., Response]) -> None:
        self._searchers = searchers
        self._render = render

    def routes(self) -> list[Route]:
        """Returns the routes of the endpoints."""
        return [Route("/document", self.document), Route("/packets", self.packets)]

    async def document(self, request: Request) -> Response:
        """Returns the values of a flow or a transaction."""
        view = View.of(request.query_params)

        def search(searcher: Searcher) -> tuple[str, list[Member]]:
            searcher = searcher.of_type(view.documents)
            source = open_document(searcher, view.packet).source
            return with_same_flow(source), list(members(searcher, source))

        same_flow, found = await self._searchers.run(search)
        other = TRANSACTIONS if view.documents is FLOWS else FLOWS
        values = {"view": view, "members": found, "other": other.name, "same_flow": same_flow}
        return self._render("derived.html", values, 200)

    async def packets(self, request: Request) -> Response:
        """Redirects to the view of the packets of a flow or a transaction."""
        view = View.of(request.query_params)

        def search(searcher: Searcher) -> str:
            hit = open_document(searcher.of_type(view.documents), view.packet)
            return packets_of(searcher, view.documents, hit)

        query = await self._searchers.run(search)
        return RedirectResponse(f"./?{view.address_of_type(PACKETS.name, query)}", 303)


def open_document(searcher: Searcher, identifier: str) -> Hit:
    """Returns the document with an identifier. Raises UsageError if it does not exist."""
    for hit in searcher.store.search(Equals("_id", identifier), size=1).hits:
        return hit
    raise UsageError(f"{searcher.of.name[:-1]} {identifier} does not exist", "it may have been deleted")


def related(searcher: Searcher, packet: dict[str, Any]) -> dict[str, str]:
    """Returns query strings for the flow and for the transactions of a packet, by the names of their types.

    A type is missing if the store has no such documents.
    """
    queries = {of: related_to_packet(searcher, packet, of) for of in (FLOWS, TRANSACTIONS)}
    return {of.name: query for of, query in queries.items() if query and _exists(searcher, of, query)}


def _exists(searcher: Searcher, of: DocumentType, query: str) -> bool:
    searcher = searcher.of_type(of)
    try:
        parsed = searcher.read_query(query).query
    except UsageError:  # a document of another program can have anything as an address
        return False
    return searcher.store.search(parsed, size=0).total > 0


def members(searcher: Searcher, document: Any, path: str = "") -> Iterator[Member]:
    """Yields the values of a document, those of objects by their whole paths."""
    if isinstance(document, dict):
        for name, value in document.items():
            yield from members(searcher, value, f"{path}.{name}" if path else name)
    elif isinstance(document, list):
        for value in document:
            yield from members(searcher, value, path)
    else:
        text = str(document).lower() if isinstance(document, bool) else str(document)
        is_known = searcher.registry.field(path) is not None and len(text) <= _LONGEST_TERM
        yield Member(path, text, f"{path}:{quoted(text)}" if is_known else "")
