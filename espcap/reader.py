"""What it takes to ask a store."""

from dataclasses import dataclass

from espcap.fields import Registry
from espcap.query import Query
from espcap.query.lucene import parse
from espcap.query.moments import read_times
from espcap.query.narrowing import read_filter, together
from espcap.stores import Store
from espcap.tshark.program import Program
from espcap.tshark.value_names import value_names


@dataclass(frozen=True)
class Reader:
    """What it takes to answer."""

    program: Program
    registry: Registry
    store: Store

    def query(self, text: str, display_filter: str = "", since: str = "", until: str = "") -> Query:
        """What a query string, a display filter and two times ask for together. Raises UsageError."""
        narrower = read_filter(display_filter, self.registry, lambda field: value_names(self.program, field))
        return together(parse(text, self.registry.kind), narrower, read_times(since, until))

    def close(self) -> None:
        """Lets go of the store and the registry."""
        try:
            self.store.close()
        finally:
            self.registry.close()
