"""The HTTP endpoints of the page. Each searches the store and renders a template."""

import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from espcap.base.errors import EspcapError, UsageError, with_hint
from espcap.base.text import printable
from espcap.documents.types import TYPES, DocumentType
from espcap.searches.no_packets import explain_no_packets
from espcap.searches.paging import MOST_COUNTED, TIME, Cursor, page
from espcap.searches.searcher import Searcher
from espcap.web.columns import Column, Row, columns, row
from espcap.web.completion import complete
from espcap.web.derived import DerivedEndpoints
from espcap.web.derived_columns import COLUMNS
from espcap.web.derived_overview import BREAKDOWN, OVER_TIME, Summary
from espcap.web.failures import show_fault
from espcap.web.packets import PacketEndpoints
from espcap.web.parts import Parts
from espcap.web.receiving import UploadEndpoints
from espcap.web.searchers import SearcherPool
from espcap.web.view import EXAMPLES, ParsedView, View, parse_view

PAGE_SIZE = 100
_STATIC = Path(__file__).with_name("static")

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class Listing:
    """The list of a view: its query, its columns, and one page of rows, empty if the view is invalid."""

    parsed: ParsedView
    columns: list[Column]
    rows: list[Row]
    total: int
    next: Cursor | None
    why_empty: str = ""
    """Why there are no documents; empty if there are some."""


def build_environment() -> Environment:
    """Returns an environment for templates that escapes markup and control characters in all values."""
    environment = Environment(
        loader=PackageLoader("espcap.web"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: printable(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["as_typed"] = Markup.escape
    environment.filters["milliseconds"] = lambda time: "-" if time is None else f"{time / 1e6:.6f}"
    environment.filters["count"] = lambda number: f"{number:,}"
    environment.globals["type_names"] = [each.name for each in TYPES]
    return environment


class SearchEndpoints:
    """The endpoints for searches."""

    def __init__(self, searchers: SearcherPool, node: str) -> None:
        """`node` is the name of the store that the page shows."""
        self._searchers = searchers
        self._node = node
        self._environment = build_environment()

    def routes(self) -> list[Route]:
        """Returns the routes of the endpoints."""
        return [
            Route("/", self.index),
            Route("/rows", self.rows),
            Route("/check", self.check),
            Route("/histogram", self.histogram),
            Route("/tables", self.tables),
            Route("/complete", self.complete),
        ]

    async def index(self, request: Request) -> Response:
        """Returns the page, or for htmx only its list, or only error messages if the view is invalid."""
        view = View.of(request.query_params)
        listed, seconds = await self._timed(_list, view, None)
        values = {"view": view, "listed": listed, "node": self._node, "parsed": listed.parsed}
        values |= {"predefined_columns": list(COLUMNS[view.documents]), "examples": EXAMPLES[view.type]}
        if "hx-request" not in request.headers:
            return self.render("page.html", values, 422 if listed.parsed.errors else 200, seconds)
        if listed.parsed.errors:
            return self._show_errors(view, listed.parsed)
        response = self.render("results.html", values, 200, seconds)
        response.headers["HX-Push-Url"] = f"{request.scope.get('root_path', '')}/?{view.address()}"
        return response

    async def rows(self, request: Request) -> Response:
        """Returns the next rows of the list."""
        view, given = View.of(request.query_params), request.query_params
        cursor = Cursor(given.get("after", ""), given.get("time", ""), _number(given.get("skip", "")))
        listed, seconds = await self._timed(_list, view, cursor)
        return self.render("rows.html", {"view": view, "listed": listed}, 200, seconds)

    async def check(self, request: Request) -> Response:
        """Returns only the error messages and notes of the view."""
        view = View.of(request.query_params)
        parsed = await self._searchers.run(_parse, view)
        return self.render("messages.html", {"view": view, "parsed": parsed}, 200)

    async def histogram(self, request: Request) -> Response:
        """Returns the documents over time, for transactions also response times."""
        return await self._summarize(request, OVER_TIME)

    async def tables(self, request: Request) -> Response:
        """Returns the tables: of packets protocols and ends, of flows conversations, of transactions services."""
        return await self._summarize(request, BREAKDOWN)

    async def complete(self, request: Request) -> Response:
        """Returns names of fields that begin with a word, as JSON."""
        given = request.query_params
        of = View.of(given).documents
        words = given.get("word", ""), given.get("language", "")
        return JSONResponse(await self._searchers.run(lambda searcher: complete(searcher.of_type(of), *words)))

    async def _summarize(self, request: Request, summaries: Mapping[DocumentType, Summary]) -> Response:
        view = View.of(request.query_params)
        template, search = summaries[view.documents]

        def answer(searcher: Searcher) -> tuple[ParsedView, Any]:
            searcher = searcher.of_type(view.documents)
            parsed = parse_view(view, searcher)
            return parsed, None if parsed.errors else search(searcher, parsed.query)

        (parsed, found), seconds = await self._timed(answer)
        if parsed.errors:
            return self._show_errors(view, parsed)
        return self.render(template, {"view": view, "found": found}, 200, seconds)

    async def _timed(self, search: Callable[..., Any], *arguments: Any) -> tuple[Any, float]:
        started = time.perf_counter()
        return await self._searchers.run(search, *arguments), time.perf_counter() - started

    def _show_errors(self, view: View, parsed: ParsedView) -> Response:
        response = self.render("messages.html", {"view": view, "parsed": parsed}, 422)
        response.headers["HX-Reswap"] = "none"
        return response

    def render(self, template: str, values: Mapping[str, Any], status: int, seconds: float = 0.0) -> HTMLResponse:
        """Returns a rendered template. The header `Server-Timing` contains the milliseconds of the search."""
        response = HTMLResponse(self._environment.get_template(template).render(values), status)
        response.headers["Server-Timing"] = f"store;dur={seconds * 1000:.1f}"
        return response


def build(parts: Parts) -> Starlette:
    """Returns the application, without its access guard."""
    pages = SearchEndpoints(parts.searchers, parts.node)
    packets, derived = PacketEndpoints(parts, pages.render), DerivedEndpoints(parts.searchers, pages.render)
    endpoints = (pages, packets, derived, UploadEndpoints(parts.uploads, pages.render))

    def show_failure(request: Request, error: Exception) -> Response:
        assert isinstance(error, EspcapError)
        status = 422 if isinstance(error, UsageError) else 500
        return pages.render("failure.html", {"message": with_hint(error.message, error.hint)}, status)

    def show_defect(request: Request, error: Exception) -> Response:
        show_fault(error)
        return pages.render("failure.html", {"message": "espcap failed: see the terminal in which it runs"}, 500)

    return Starlette(
        routes=[
            *(route for each in endpoints for route in each.routes()),
            Mount("/static", StaticFiles(directory=_STATIC)),
        ],
        exception_handlers={EspcapError: show_failure, Exception: show_defect},
    )


def _number(text: str) -> int:
    """Returns the number of documents to skip, from the untrusted address of a request; 0 if it is not a number."""
    return min(int(text), MOST_COUNTED - PAGE_SIZE) if re.fullmatch("[0-9]{1,9}", text) else 0


def _parse(searcher: Searcher, view: View) -> ParsedView:
    return parse_view(view, searcher.of_type(view.documents))


def _list(searcher: Searcher, view: View, after: Cursor | None) -> Listing:
    searcher = searcher.of_type(view.documents)
    parsed = parse_view(view, searcher)
    shown, column_errors = columns(view.column_names, searcher.path, COLUMNS[view.documents])
    if column_errors:
        parsed.errors["columns"] = "; ".join(column_errors)
    if parsed.errors:
        return Listing(parsed, shown, [], 0, None)
    sort = _sort(view, shown)
    if not after:
        parsed.notes += searcher.values_of(sort[0], parsed.query)[1]
    found = page(searcher, parsed.query, sort, after, PAGE_SIZE)
    why_empty = "" if found.total else explain_no_packets(searcher.store, parsed.query, searcher.of)
    return Listing(parsed, shown, [row(hit, shown) for hit in found.hits], found.total, found.next, why_empty)


def _sort(view: View, shown: list[Column]) -> tuple[str, bool]:
    """Returns the path to sort by, and whether the order is descending."""
    name = view.sort.removeprefix("-")
    paths = [column.path for column in shown if column.name == name and column.path]
    return paths[0] if paths else TIME, view.sort.startswith("-")
