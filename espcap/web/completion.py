"""The names that a word may become: display-filter names, or the paths of a query string."""

from espcap.fields import ENVELOPE
from espcap.query.lucene import DEFAULT_PATHS
from espcap.reader import Reader

MOST = 20
_PATHS = sorted({*ENVELOPE, *DEFAULT_PATHS, "_exists_", "capture_id", "protocols", "network.transport"})


def complete(reader: Reader, word: str, language: str) -> list[str]:
    """At most MOST names in their order. The language is `filter` or `query`."""
    if not word:
        return []
    names = reader.registry.names_starting
    if language == "filter":
        return names(word, MOST)
    found = [path for path in _PATHS if path.startswith(word)]
    if "layers.".startswith(word[:7]):
        found += [f"layers.{path}" for path in reader.registry.paths_starting(word[7:], MOST)]
    return found[:MOST]
