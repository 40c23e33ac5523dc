"""The state of the page, which its address holds whole, and what it asks of the store."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlencode

from espcap.base.errors import EspcapError, with_hint
from espcap.query import Everything, Query
from espcap.query.moments import read_times
from espcap.searches.searcher import PreparedQuery, Searcher

DEFAULT_COLUMNS = "number time source destination protocol length info"
_MOST_COLUMNS = 30


@dataclass(frozen=True)
class View:
    """What is looked at. All values are the words of the user."""

    filter: str = ""
    """A display filter."""
    query: str = ""
    """A query string."""
    since: str = ""
    until: str = ""
    sort: str = "time"
    """A column; `-` before it descends."""
    columns: str = DEFAULT_COLUMNS
    packet: str = ""
    """The identifier of the packet that is open."""

    @classmethod
    def of(cls, parameters: Mapping[str, str]) -> "View":
        """From the parameters of an address; others are passed over."""
        given = {name: parameters[name].strip() for name in cls.__dataclass_fields__ if name in parameters}
        return cls(**{name: value for name, value in given.items() if value})

    @property
    def column_names(self) -> list[str]:
        """The columns in their order, each once."""
        return list(dict.fromkeys(self.columns.replace(",", " ").split()))[:_MOST_COLUMNS]

    def address(self, **changes: str) -> str:
        """Parameters of the same view, but for the changes; what is as ever is left out."""
        view, usual = replace(self, **changes), View()
        return urlencode({name: value for name, value in vars(view).items() if value != getattr(usual, name)})

    def only_packet(self) -> str:
        """Parameters of a view of nothing but the open packet."""
        return urlencode({"query": f'_id:"{self.packet}"'})

    def only_open(self) -> str:
        """The parameter that names the open packet."""
        return urlencode({"packet": self.packet})

    def with_term(self, term: str) -> str:
        """The query string and one more condition."""
        return f"({self.query}) AND {term}" if self.query else term

    def with_condition(self, condition: str) -> str:
        """The display filter and one more condition."""
        return f"({self.filter}) && {condition}" if self.filter else condition


@dataclass
class Answerable:
    """A view's query, or what is wrong with it."""

    query: Query
    errors: dict[str, str] = field(default_factory=dict)
    """Messages by the name of the input."""
    notes: list[str] = field(default_factory=list)


def ask(view: View, searcher: Searcher) -> Answerable:
    """What the view asks of the store. Where a part is wrong, errors say so, and the query is of no use."""
    errors: dict[str, str] = {}
    searchers: dict[str, Callable[[], PreparedQuery | Query]] = {
        "filter": lambda: searcher.read_filter(view.filter),
        "query": lambda: searcher.read_query(view.query),
        "since": lambda: read_times(view.since, ""),
        "until": lambda: read_times("", view.until),
    }
    parts: list[PreparedQuery | Query] = []
    for name, read in searchers.items():
        try:
            parts.append(read())
        except EspcapError as error:
            errors[name] = with_hint(error.message, error.hint)
    if errors:
        return Answerable(Everything(), errors)
    asked = searcher.together(*parts)
    return Answerable(asked.query, notes=list(asked.notes))
