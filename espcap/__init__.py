"""Packets, dissected by Wireshark's own dissectors, as searchable JSON documents.

for document in espcap.read("capture.pcap", display_filter="dns"): ...
espcap.index("captures/")
for document in espcap.search("protocol:dns"): ...
"""

TYPE_CHECKING = False  # typing itself takes longer to import than the rest of this room

if TYPE_CHECKING:
    from espcap.api import count, index, read, search, stats
    from espcap.base.errors import EspcapError, StoreError, UsageError
    from espcap.ingest.report import IncompleteError, Problem, Report, Severity
    from espcap.stores.elasticsearch.connection import Connection

    __version__: str

__all__ = [
    "Connection",
    "EspcapError",
    "IncompleteError",
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

_ROOMS = {
    **dict.fromkeys(("EspcapError", "StoreError", "UsageError"), "espcap.base.errors"),
    **dict.fromkeys(("count", "index", "read", "search", "stats"), "espcap.api"),
    **dict.fromkeys(("IncompleteError", "Problem", "Report", "Severity"), "espcap.ingest.report"),
    "Connection": "espcap.stores.elasticsearch.connection",
}


if not TYPE_CHECKING:  # which knows better what there is

    def __getattr__(name):
        """Names are looked up when they are wanted: to import their rooms takes longer than most of a start."""
        from importlib import import_module

        if name == "__version__":
            return import_module("importlib.metadata").version("espcap")
        if name in _ROOMS:
            return getattr(import_module(_ROOMS[name]), name)
        raise AttributeError(f"module 'espcap' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__, "__version__"])
