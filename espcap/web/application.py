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
from espcap.searches.nothing import why_nothing
from espcap.searches.paging import MOST_COUNTED, TIME, Cursor, page
from espcap.searches.searcher import Searcher
from espcap.web.columns import Column, Row, columns, row
from espcap.web.completion import complete
from espcap.web.failures import show_fault
from espcap.web.overview import histogram, tables
from espcap.web.packets import Packets
from espcap.web.parts import Parts
from espcap.web.receiving import Receiving
from espcap.web.searchers import SearcherPool
from espcap.web.view import Answerable, View, ask

PAGE_SIZE = 100
_STATIC = Path(__file__).with_name("static")

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class PacketList:
    """The packet list of a view: its query, its columns, and one page of rows, empty if the view is invalid."""

    asked: Answerable
    columns: list[Column]
    rows: list[Row]
    total: int
    next: Cursor | None
    nothing: str = ""
    """Why there are no packets; empty if there are some."""


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
    environment.filters["count"] = lambda number: f"{number:,}"
    return environment


class Pages:
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
        """Returns the page, or for htmx only its packet list, or only error messages if the view is invalid."""
        view = View.of(request.query_params)
        listed, seconds = await self._timed(_list, view, None)
        values = {"view": view, "listed": listed, "node": self._node, "asked": listed.asked}
        if "hx-request" not in request.headers:
            return self.render("page.html", values, 422 if listed.asked.errors else 200, seconds)
        if listed.asked.errors:
            return self._show_errors(view, listed.asked)
        response = self.render("results.html", values, 200, seconds)
        response.headers["HX-Push-Url"] = f"{request.scope.get('root_path', '')}/?{view.address()}"
        return response

    async def rows(self, request: Request) -> Response:
        """Returns the next rows of the packet list."""
        view, given = View.of(request.query_params), request.query_params
        cursor = Cursor(given.get("after", ""), given.get("time", ""), _number(given.get("skip", "")))
        listed, seconds = await self._timed(_list, view, cursor)
        return self.render("rows.html", {"view": view, "listed": listed}, 200, seconds)

    async def check(self, request: Request) -> Response:
        """Returns only the error messages and notes of the view."""
        view = View.of(request.query_params)
        asked = await self._searchers.ask(_ask, view)
        return self.render("messages.html", {"view": view, "asked": asked}, 200)

    async def histogram(self, request: Request) -> Response:
        """Returns the histogram of packets over time."""
        return await self._summarize(
            request, "histogram.html", lambda searcher, asked: histogram(searcher.store, asked)
        )

    async def tables(self, request: Request) -> Response:
        """Returns the tables of protocols, sources and destinations."""
        return await self._summarize(request, "tables.html", lambda searcher, asked: tables(searcher.store, asked))

    async def complete(self, request: Request) -> Response:
        """Returns names of fields that begin with a word, as JSON."""
        given = request.query_params
        names = await self._searchers.ask(complete, given.get("word", ""), given.get("language", ""))
        return JSONResponse(names)

    async def _summarize(self, request: Request, template: str, question: Callable[..., Any]) -> Response:
        view = View.of(request.query_params)

        def answer(searcher: Searcher) -> tuple[Answerable, Any]:
            asked = ask(view, searcher)
            return asked, None if asked.errors else question(searcher, asked.query)

        (asked, found), seconds = await self._timed(answer)
        if asked.errors:
            return self._show_errors(view, asked)
        return self.render(template, {"view": view, "found": found}, 200, seconds)

    async def _timed(self, question: Callable[..., Any], *arguments: Any) -> tuple[Any, float]:
        started = time.perf_counter()
        return await self._searchers.ask(question, *arguments), time.perf_counter() - started

    def _show_errors(self, view: View, asked: Answerable) -> Response:
        response = self.render("messages.html", {"view": view, "asked": asked}, 422)
        response.headers["HX-Reswap"] = "none"
        return response

    def render(self, template: str, values: Mapping[str, Any], status: int, seconds: float = 0.0) -> HTMLResponse:
        """Returns a rendered template. The header `Server-Timing` contains the milliseconds of the search."""
        response = HTMLResponse(self._environment.get_template(template).render(values), status)
        response.headers["Server-Timing"] = f"store;dur={seconds * 1000:.1f}"
        return response


def build(parts: Parts) -> Starlette:
    """Returns the application, without its access guard."""
    pages = Pages(parts.searchers, parts.node)
    endpoints = (pages, Packets(parts, pages.render), Receiving(parts.uploads, pages.render))

    def show_failure(request: Request, error: Exception) -> Response:
        assert isinstance(error, EspcapError)
        status = 422 if isinstance(error, UsageError) else 500
        return pages.render("failure.html", {"message": with_hint(error.message, error.hint)}, status)

    def show_defect(request: Request, error: Exception) -> Response:
        show_fault(error)
        return pages.render("failure.html", {"message": "espcap failed: its standard error has the reason"}, 500)

    return Starlette(
        routes=[
            *(route for each in endpoints for route in each.routes()),
            Mount("/static", StaticFiles(directory=_STATIC)),
        ],
        exception_handlers={EspcapError: show_failure, Exception: show_defect},
    )


def _number(text: str) -> int:
    """Returns the number of packets to skip, from the untrusted address of a request; 0 if it is not a number."""
    return min(int(text), MOST_COUNTED - PAGE_SIZE) if re.fullmatch("[0-9]{1,9}", text) else 0


def _ask(searcher: Searcher, view: View) -> Answerable:
    return ask(view, searcher)


def _list(searcher: Searcher, view: View, after: Cursor | None) -> PacketList:
    asked = _ask(searcher, view)
    shown, column_errors = columns(view.column_names, searcher.path)
    if column_errors:
        asked.errors["columns"] = "; ".join(column_errors)
    if asked.errors:
        return PacketList(asked, shown, [], 0, None)
    sort = _sort(view, shown)
    if not after:
        asked.notes += searcher.values_of(sort[0], asked.query)[1]
    found = page(searcher, asked.query, sort, after, PAGE_SIZE)
    nothing = "" if found.total else why_nothing(searcher.store, asked.query)
    return PacketList(asked, shown, [row(hit, shown) for hit in found.hits], found.total, found.next, nothing)


def _sort(view: View, shown: list[Column]) -> tuple[str, bool]:
    """Returns the path to sort by, and whether the order is descending."""
    name = view.sort.removeprefix("-")
    paths = [column.path for column in shown if column.name == name and column.path]
    return paths[0] if paths else TIME, view.sort.startswith("-")
