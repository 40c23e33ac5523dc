"""Display filters that only captures can answer: what `--captures` asks for."""

import sys
from functools import cache

from espcap.base.errors import UsageError
from espcap.captures.originals import Originals
from espcap.cli.options import Narrowing
from espcap.cli.progress import Progress
from espcap.cli.search import Wanted
from espcap.extract.extraction import Missing
from espcap.extract.filtering import Filtering
from espcap.ingest.job import check_words
from espcap.query.display_filter.bounds import bounds
from espcap.query.languages import TAKEN, Sign, sign_of_filter
from espcap.query.narrowing import together
from espcap.searches.reader import Reader
from espcap.tshark.arguments import Settings
from espcap.tshark.output import hand_over_files
from espcap.tshark.program import User, dissecting_user

PARTIAL = 3
"""The exit code where packets are missing."""


def wanted_of_captures(options: Narrowing, reader: Reader) -> Wanted:
    """What QUERY, the display filter and the times ask for together, where tshark filters the captures.

    The index is asked first, so that captures without packets that can pass are not read. Raises UsageError where
    tshark refuses the filter.
    """
    text, display_filter = _filter_of(options, reader)
    user = dissecting_user(reader.program)
    given = Settings(display_filter, options.decode_as, options.preference, profile_folder=options.profile_dir)
    settings = hand_over_files(given, user)
    _check(reader, settings, user)
    asked = reader.ask(text, "", options.since, options.until)
    for note in asked.notes:
        Progress.note(note)
    can_pass = bounds(display_filter, reader.read_filter, reader.registry.kind, cache(reader.has_long_texts))
    narrowed = together(can_pass.query, asked.query)
    if can_pass.is_exact:
        return Wanted(narrowed)
    missing: list[Missing] = []
    with Progress(sys.stderr.isatty()) as progress:
        originals = Originals(options.dir)
        filtering = Filtering(
            reader.program, user, settings, originals, lambda one: _tell(one, missing), progress.update
        )
        passing = filtering.passing(reader.store, narrowed)
    return Wanted(together(asked.query, passing), PARTIAL if missing else 0)


def _check(reader: Reader, settings: Settings, user: User | None) -> None:
    """Raises UsageError where tshark refuses the filter. It does not know fields that only the store has recorded."""
    try:
        check_words(reader.program, settings, user)
    except UsageError as error:
        if settings.profile_folder or not reader.store.own_fields():
            raise
        hint = "tshark needs the profile of your own dissectors for their fields: name it with --profile-dir"
        raise UsageError(error.message, hint) from error


def _filter_of(options: Narrowing, reader: Reader) -> tuple[str, str]:
    """QUERY, as far as it is none of them, and the display filters as one."""
    text, filters = options.query, [options.display_filter] if options.display_filter.strip() else []
    if sign_of_filter(text, reader.registry) is Sign.NAMES:
        Progress.note(TAKEN)
        text, filters = "", [*filters, text]
    if not filters:
        raise UsageError("--captures is for display filters", "give one with -Y")
    return text, " && ".join(f"({each})" for each in filters) if filters[1:] else filters[0]


def _tell(one: Missing, missing: list[Missing]) -> None:
    missing.append(one)
    Progress.message(f"Error: {one.packets:,} packets could not be filtered: {one.reason}")
