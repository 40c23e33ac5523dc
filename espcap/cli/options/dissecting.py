"""Options of commands that run tshark or sharkd on captures."""

from dataclasses import dataclass

from espcap.cli.options.declaring import FOLDERS, absolute_path, option


@dataclass(frozen=True)
class FilterOptions:
    """The display filter."""

    display_filter: str = option(
        "-Y", "--display-filter", default="", metavar="FILTER", help="Only packets that match this display filter."
    )


@dataclass(frozen=True)
class OriginalsOptions:
    """The folders of the captures of stored packets."""

    dir: tuple[str, ...] = option(
        "--dir",
        metavar="DIR",
        shell_complete=FOLDERS,
        help="Directory that contains the captures if they were moved; they are found by their content. Repeatable.",
    )


@dataclass(frozen=True)
class DissectingOptions:
    """Options of the dissection by tshark."""

    decode_as: tuple[str, ...] = option(
        "-d", "--decode-as", metavar="RULE", help="Decode as, in the syntax of tshark: tcp.port==88,http."
    )
    preference: tuple[str, ...] = option(
        "-o", "--preference", metavar="NAME:VALUE", help="Wireshark preference, e.g. tls.keylog_file:keys."
    )
    profile_dir: str = option(
        "--profile-dir",
        default="",
        metavar="DIR",
        callback=absolute_path,
        shell_complete=FOLDERS,
        help="Wireshark configuration folder (profile); by default none. Its subfolder plugins can contain your "
        "dissectors.",
    )
    protocol_dir: tuple[str, ...] = option(
        "--protocol-dir",
        metavar="DIR",
        shell_complete=FOLDERS,
        help="Folder with a dissector, NAME.lua, such as espcap new-protocol makes. Repeatable.",
    )
