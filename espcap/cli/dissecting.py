"""Turns the options of the dissection into the settings of tshark."""

from espcap.cli.options.dissecting import DissectingOptions
from espcap.tshark.arguments import Settings
from espcap.tshark.scripts import find_scripts


def dissecting_settings(options: DissectingOptions, display_filter: str = "", count: int = 0) -> Settings:
    """Returns the settings of the options. Raises UsageError if a folder of a protocol has no dissector."""
    return Settings(
        display_filter,
        decode_as=options.decode_as,
        preferences=options.preference,
        count=count,
        profile_folder=options.profile_dir,
        scripts=find_scripts(options.protocol_dir),
    )
