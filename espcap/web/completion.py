"""Completes names of fields: names in display filters, or paths in query strings."""

from espcap.documents.types import PACKETS
from espcap.fields.field import PATHS
from espcap.searches.searcher import Searcher

MOST = 20


def complete(searcher: Searcher, word: str, language: str) -> list[str]:
    """Returns at most MOST sorted names that begin with a word. The language is `filter` or `query`."""
    if not word:
        return []
    names = searcher.registry.names_starting
    if language == "filter" or searcher.of is not PACKETS:
        return names(word, MOST)
    found = [path for path in ("_exists_", *sorted(PATHS)) if path.startswith(word)]
    if "layers.".startswith(word[:7]):
        found += [f"layers.{path}" for path in searcher.registry.paths_starting(word[7:], MOST)]
    return found[:MOST]
