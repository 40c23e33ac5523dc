"""The names that a word may become: display-filter names, or the paths of a query string."""

from espcap.query.paths import PATHS
from espcap.searches.searcher import Searcher

MOST = 20


def complete(searcher: Searcher, word: str, language: str) -> list[str]:
    """At most MOST names in their order. The language is `filter` or `query`."""
    if not word:
        return []
    names = searcher.registry.names_starting
    if language == "filter":
        return names(word, MOST)
    found = [path for path in ("_exists_", *PATHS) if path.startswith(word)]
    if "layers.".startswith(word[:7]):
        found += [f"layers.{path}" for path in searcher.registry.paths_starting(word[7:], MOST)]
    return found[:MOST]
