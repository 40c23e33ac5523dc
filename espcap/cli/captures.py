"""Display filters that only captures can answer: what `--captures` asks for."""

import sys
from functools import cache

from espcap.base.errors import UsageError
from espcap.captures.originals import Originals
from espcap.cli.options import QueryOptions
from espcap.cli.progress import Progress
from espcap.cli.search import PreparedSearch
from espcap.extract.extraction import Missing
from espcap.extract.filtering import Filtering
from espcap.ingest.job import check_words
from espcap.query.display_filter.bounds import bounds
from espcap.query.languages import TAKEN, Sign, sign_of_filter
from espcap.query.narrowing import together
from espcap.searches.searcher import Searcher
from espcap.tshark.arguments import Settings
from espcap.tshark.output import hand_over_files
from espcap.tshark.program import User, dissecting_user

PARTIAL = 3
"""The exit code where packets are missing."""


def wanted_of_captures(options: QueryOptions, searcher: Searcher) -> PreparedSearch:
    """What QUERY, the display filter and the times ask for together, where tshark filters the captures.

    The index is asked first, so that captures without packets that can pass are not read. Raises UsageError where
    tshark refuses the filter.
    """
    text, display_filter = _filter_of(options, searcher)
    user = dissecting_user(searcher.program)
    given = Settings(display_filter, options.decode_as, options.preference, profile_folder=options.profile_dir)
    settings = hand_over_files(given, user)
    _check(searcher, settings, user)
    asked = searcher.ask(text, "", options.since, options.until)
    for note in asked.notes:
        Progress.note(note)
    can_pass = bounds(display_filter, searcher.read_filter, searcher.registry.kind, cache(searcher.has_long_texts))
    narrowed = together(can_pass.query, asked.query)
    if can_pass.is_exact:
        return PreparedSearch(narrowed)
    missing: list[Missing] = []
    with Progress(sys.stderr.isatty()) as progress:
        originals = Originals(options.dir)
        filtering = Filtering(
            searcher.program, user, settings, originals, lambda one: _tell(one, missing), progress.update
        )
        passing = filtering.passing(searcher.store, narrowed)
    return PreparedSearch(together(asked.query, passing), PARTIAL if missing else 0)


def _check(searcher: Searcher, settings: Settings, user: User | None) -> None:
    """Raises UsageError where tshark refuses the filter. It does not know fields that only the store has recorded."""
    try:
        check_words(searcher.program, settings, user)
    except UsageError as error:
        if settings.profile_folder or not searcher.store.own_fields():
            raise
        hint = "tshark needs the profile of your own dissectors for their fields: name it with --profile-dir"
        raise UsageError(error.message, hint) from error


def _filter_of(options: QueryOptions, searcher: Searcher) -> tuple[str, str]:
    """QUERY, as far as it is none of them, and the display filters as one."""
    text, filters = options.query, [options.display_filter] if options.display_filter.strip() else []
    if sign_of_filter(text, searcher.registry) is Sign.NAMES:
        Progress.note(TAKEN)
        text, filters = "", [*filters, text]
    if not filters:
        raise UsageError("--captures is for display filters", "give one with -Y")
    return text, " && ".join(f"({each})" for each in filters) if filters[1:] else filters[0]


def _tell(one: Missing, missing: list[Missing]) -> None:
    missing.append(one)
    Progress.message(f"Error: {one.packets:,} packets could not be filtered: {one.reason}")
