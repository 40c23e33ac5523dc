"""Display filters that only captures can answer: what `--captures` asks for."""

import sys

from espcap.cli.options import Narrowing
from espcap.cli.progress import Progress
from espcap.cli.search import Wanted
from espcap.errors import UsageError
from espcap.extraction import Missing
from espcap.filtering import Filtering
from espcap.originals import Originals
from espcap.query.display_filter.bounds import bounds
from espcap.query.languages import TAKEN, Sign, sign_of_filter
from espcap.query.narrowing import together
from espcap.reader import Reader
from espcap.tshark.arguments import Settings
from espcap.tshark.output import check_settings, hand_over_files
from espcap.tshark.program import User, dissecting_user

PARTIAL = 3
"""The exit code where packets are missing."""


def wanted_of_captures(options: Narrowing, reader: Reader) -> Wanted:
    """What QUERY, the display filter and the times ask for together, where tshark filters the captures.

    The index is asked first, so that captures without packets that can pass are not read. Raises UsageError where
    tshark refuses the filter.
    """
    text, filters = options.query, [options.display_filter] if options.display_filter.strip() else []
    if sign_of_filter(text, reader.registry) is Sign.NAMES:
        Progress.note(TAKEN)
        text, filters = "", [*filters, text]
    if not filters:
        raise UsageError("--captures is for display filters", "give one with -Y")
    user = dissecting_user(reader.program)
    settings = _settings(options, " && ".join(f"({each})" for each in filters) if filters[1:] else filters[0])
    settings = _checked(reader, hand_over_files(settings, user), user)
    asked = reader.ask(text, "", options.since, options.until)
    for note in asked.notes:
        Progress.note(note)
    can_pass = bounds(settings.display_filter, reader.read_filter, reader.registry.kind)
    narrowed = together(can_pass.query, asked.query)
    if can_pass.is_exact:
        return Wanted(narrowed)
    missing: list[Missing] = []
    with Progress(sys.stderr.isatty()) as progress:

        def tell(one: Missing) -> None:
            missing.append(one)
            progress.message(f"Error: {one.packets:,} packets could not be filtered: {one.reason}")

        filtering = Filtering(reader.program, user, settings, Originals(options.dir), tell, progress.update)
        passing = filtering.passing(reader.store, narrowed)
    return Wanted(together(asked.query, passing), PARTIAL if missing else 0)


def _settings(options: Narrowing, display_filter: str) -> Settings:
    return Settings(display_filter, preferences=options.preference, profile_folder=options.profile_dir)


def _checked(reader: Reader, settings: Settings, user: User | None) -> Settings:
    ended = check_settings(reader.program, settings, user)
    if ended.status:
        raise UsageError(ended.message, "see man wireshark-filter; fields of your own dissectors need --profile-dir")
    return settings
