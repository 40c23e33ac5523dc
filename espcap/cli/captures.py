"""Searches with `--captures`: tshark filters the captures of the packets that can match."""

import sys
from functools import cache

from espcap.base.errors import UsageError
from espcap.captures.originals import Originals
from espcap.cli.dissecting import dissecting_settings
from espcap.cli.options.querying import QueryOptions
from espcap.cli.progress import Progress
from espcap.cli.search import PreparedSearch
from espcap.extract.extraction import Missing
from espcap.extract.filtering import Filtering
from espcap.ingest.job import check_filters
from espcap.query import combine
from espcap.query.display_filter.bounds import bounds
from espcap.query.languages import FILTER_NOTE, Sign, sign_of_filter
from espcap.searches.searcher import Searcher
from espcap.tshark.arguments import Settings
from espcap.tshark.output import hand_over_files
from espcap.tshark.program import User, dissecting_user

PARTIAL = 3
"""The exit code if packets could not be filtered."""


def prepare_with_captures(options: QueryOptions, searcher: Searcher) -> PreparedSearch:
    """Returns the query for the packets that match QUERY, the display filter, which tshark applies, and the times.

    The store is searched first, so that captures without packets that can match are not read. Raises UsageError if
    the filter is invalid for tshark.
    """
    text, display_filter = _filter_of(options, searcher)
    user = dissecting_user(searcher.program)
    settings = hand_over_files(dissecting_settings(options, display_filter), user)
    _check_filter(searcher, settings, user)
    question = searcher.prepare(text, "", options.since, options.until)
    for note in question.notes:
        Progress.note(note)
    possible = bounds(display_filter, searcher.read_filter, searcher.registry.kind, cache(searcher.has_long_texts))
    narrowed = combine(possible.query, question.query)
    if possible.is_exact:
        return PreparedSearch(narrowed)
    missing: list[Missing] = []
    with Progress(sys.stderr.isatty()) as progress:
        originals = Originals(options.dir)
        filtering = Filtering(
            searcher.program, user, settings, originals, lambda one: _report(one, missing), progress.update
        )
        passing = filtering.passing(searcher.store, narrowed)
    return PreparedSearch(combine(question.query, passing), PARTIAL if missing else 0)


def _check_filter(searcher: Searcher, settings: Settings, user: User | None) -> None:
    """Raises UsageError if the filter is invalid for tshark.

    Without their scripts, tshark does not know fields of the user's own dissectors, which the store has recorded.
    """
    try:
        check_filters(searcher.program, settings, user)
    except UsageError as error:
        if settings.profile_folder or settings.scripts or not searcher.store.own_fields():
            raise
        hint = "tshark needs your own dissectors for their fields: name it with --profile-dir or --protocol-dir"
        raise UsageError(error.message, hint) from error


def _filter_of(options: QueryOptions, searcher: Searcher) -> tuple[str, str]:
    """Returns QUERY, empty if it is itself a display filter, and all display filters as one."""
    text, filters = options.query, [options.display_filter] if options.display_filter.strip() else []
    if sign_of_filter(text, searcher.registry) is Sign.NAMES:
        Progress.note(FILTER_NOTE)
        text, filters = "", [*filters, text]
    if not filters:
        raise UsageError("--captures is for display filters", "give one with -Y")
    return text, " && ".join(f"({each})" for each in filters) if filters[1:] else filters[0]


def _report(one: Missing, missing: list[Missing]) -> None:
    missing.append(one)
    Progress.message(f"Error: {one.packets:,} packets could not be filtered: {one.reason}")
