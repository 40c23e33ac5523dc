"""The state of the page, which is completely contained in its address, and the query that follows from it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlencode

from espcap.base.errors import EspcapError, with_hint
from espcap.documents.types import PACKETS, DocumentType, type_named
from espcap.query import Everything, Query
from espcap.query.time_range import read_time_range
from espcap.searches.searcher import PreparedQuery, Searcher

DEFAULT_COLUMNS = "number time source destination protocol length info"
COLUMNS_OF = {
    "packets": DEFAULT_COLUMNS,
    "flows": "time protocol client server packets packets_back bytes bytes_back duration state end",
    "transactions": "time type method query status duration client server bytes bytes_back error",
}
"""The columns that the page shows from the start, by the names of types of documents."""
EXAMPLES = {
    "packets": ("ip.addr == 10.0.0.0/8 && dns", "protocol:http AND source.ip:10.0.0.0/8"),
    "flows": ("network.bytes > 1000000", "tcp.state:reset AND source.ip:10.0.0.0/8"),
    "transactions": ('status != "OK"', "type:http AND server.ip:10.0.0.0/8"),
}
"""A display filter and a query string for each type of documents."""
_MOST_COLUMNS = 30


@dataclass(frozen=True)
class View:
    """The inputs of the page, as the user typed them."""

    type: str = PACKETS.name
    """The name of the type of documents that are listed."""
    filter: str = ""
    """A display filter."""
    query: str = ""
    """A query string."""
    since: str = ""
    until: str = ""
    sort: str = "time"
    """Name of a column; with `-` before it, the order is descending."""
    columns: str = DEFAULT_COLUMNS
    """Names of columns, separated by blanks or commas."""
    packet: str = ""
    """The identifier of the open document, such as a packet; empty if none is open."""

    @classmethod
    def of(cls, parameters: Mapping[str, str]) -> "View":
        """Returns the view of the parameters of an address. Ignores other parameters.

        Raises UsageError if the type of documents does not exist.
        """
        given = {name: parameters[name].strip() for name in cls.__dataclass_fields__ if name in parameters}
        default = cls.default(given.get("type") or PACKETS.name)
        return replace(default, **{name: value for name, value in given.items() if value})

    @classmethod
    def default(cls, type: str) -> "View":
        """Returns the view of all documents of a type. Raises UsageError if the type does not exist."""
        return cls(type=type, columns=COLUMNS_OF[type_named(type).name])

    @property
    def documents(self) -> DocumentType:
        """The type of documents that are listed."""
        return type_named(self.type)

    @property
    def column_names(self) -> list[str]:
        """The names of the columns in their order, without duplicates."""
        return list(dict.fromkeys(self.columns.replace(",", " ").split()))[:_MOST_COLUMNS]

    def address(self, **changes: str) -> str:
        """Returns the address parameters of this view with changes, without parameters that have their default."""
        view = replace(self, **changes)
        default = vars(View.default(view.type)) | {"type": PACKETS.name}
        return urlencode({name: value for name, value in vars(view).items() if value != default[name]})

    def address_of_type(self, type: str, query: str | None = None) -> str:
        """Returns the address parameters for documents of another type: those of the same times, or of a query."""
        if query is not None:
            return replace(View.default(type), query=query).address()
        return replace(View.default(type), query=self.query, since=self.since, until=self.until).address()

    def all(self) -> str:
        """Returns the address parameters of all documents of this type."""
        return View.default(self.type).address()

    def only_packet(self) -> str:
        """Returns the address parameters of a view that finds only the open packet."""
        return urlencode({"query": f'_id:"{self.packet}"'})

    def only_open(self) -> str:
        """Returns the address parameter that names the open packet."""
        return urlencode({"packet": self.packet})

    def only(self, identifier: str) -> str:
        """Returns the address parameters that name a document of the list."""
        return urlencode({"type": self.type, "packet": identifier})

    def with_term(self, term: str) -> str:
        """Returns the query string with one more condition."""
        return f"({self.query}) AND {term}" if self.query else term

    def with_condition(self, condition: str) -> str:
        """Returns the display filter with one more condition."""
        return f"({self.filter}) && {condition}" if self.filter else condition


@dataclass
class ParsedView:
    """The query of a view, with notes, or the errors in the view."""

    query: Query
    errors: dict[str, str] = field(default_factory=dict)
    """Error messages, by the name of the input."""
    notes: list[str] = field(default_factory=list)


def parse_view(view: View, searcher: Searcher) -> ParsedView:
    """Returns the query of a view. If a part is invalid, the result contains errors, and its query must not be used."""
    errors: dict[str, str] = {}
    parsers: dict[str, Callable[[], PreparedQuery | Query]] = {
        "filter": lambda: searcher.read_filter(view.filter),
        "query": lambda: searcher.read_query(view.query),
        "since": lambda: read_time_range(view.since, ""),
        "until": lambda: read_time_range("", view.until),
    }
    parts: list[PreparedQuery | Query] = []
    for name, read in parsers.items():
        try:
            parts.append(read())
        except EspcapError as error:
            errors[name] = with_hint(error.message, error.hint)
    if errors:
        return ParsedView(Everything(), errors)
    prepared = searcher.combine(*parts)
    return ParsedView(prepared.query, notes=list(prepared.notes))
