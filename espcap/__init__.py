"""Packets, dissected by Wireshark's own dissectors, as searchable JSON documents.

for document in espcap.read("capture.pcap", display_filter="dns"): ...
espcap.index("captures/")
for document in espcap.search("protocol:dns"): ...
"""

TYPE_CHECKING = False  # importing typing takes longer than the rest of this module

if TYPE_CHECKING:
    from espcap.api import Packets, count, index, read, search, stats
    from espcap.base.errors import EspcapError, StoreError, UsageError
    from espcap.ingest.report import IncompleteError, Problem, Report, Severity
    from espcap.stores.elasticsearch.connection import Connection

    __version__: str

__all__ = [
    "Connection",
    "EspcapError",
    "IncompleteError",
    "Packets",
    "Problem",
    "Report",
    "Severity",
    "StoreError",
    "UsageError",
    "count",
    "index",
    "read",
    "search",
    "stats",
]

_MODULES = {
    **dict.fromkeys(("EspcapError", "StoreError", "UsageError"), "espcap.base.errors"),
    **dict.fromkeys(("Packets", "count", "index", "read", "search", "stats"), "espcap.api"),
    **dict.fromkeys(("IncompleteError", "Problem", "Report", "Severity"), "espcap.ingest.report"),
    "Connection": "espcap.stores.elasticsearch.connection",
}


if not TYPE_CHECKING:  # type checkers use the imports above

    def __getattr__(name):
        """Imports a name when it is used, as importing all modules takes longer than the rest of the start."""
        from importlib import import_module

        if name == "__version__":
            return import_module("importlib.metadata").version("espcap")
        if name in _MODULES:
            return getattr(import_module(_MODULES[name]), name)
        raise AttributeError(f"module 'espcap' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__, "__version__"])
