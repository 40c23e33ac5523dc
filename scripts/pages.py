"""Writes docs/cli.md and the man page docs/espcap.1 from the commands and their help: python scripts/pages.py."""

from collections.abc import Iterator
from pathlib import Path

import click
from click.testing import CliRunner

import espcap
from espcap.cli import main

DOCS = Path(__file__).parent.parent / "docs"

EXIT_CODES = {
    "0": "Every packet that was read is stored or printed. A live capture that was asked to stop also ends with 0.",
    "1": "Failed. One line has the reason and the next step.",
    "2": "Wrong usage.",
    "3": "Partial: some packets were rejected (they are kept, see espcap retry), some files could not be read, or a "
    "damaged file was read as far as possible. With extract and --captures: some captures are missing or changed.",
    "130, 143": "A file was interrupted by Ctrl-C or SIGTERM, after everything that was read was stored.",
    "141": "The program that reads standard output has ended.",
}

ENVIRONMENT = {
    "ESPCAP_NODE, ESPCAP_CHUNK, …": "Each option of espcap, in capitals and with _ for -. Options of a command "
    "have the name of the command in front: ESPCAP_SEARCH_SIZE. Values of an option that repeats have a line each.",
    "ESPCAP_PASSWORD, ESPCAP_API_KEY": "Secrets that are not on the command line.",
    "ESPCAP_READER": "json reads without the native reader; native fails if the native reader cannot be used.",
    "NO_COLOR": "No colours on the terminal.",
    "XDG_CACHE_HOME, XDG_DATA_HOME, XDG_STATE_HOME": "Folders for the files of espcap; see docs/files.md.",
}

EXAMPLES = {
    "espcap --dir captures/ --node local": "Store all captures of a folder in an index on this machine.",
    "espcap search -Y 'dns.flags.rcode == 3' --node local": "Find failed DNS queries.",
    "espcap extract -Y 'tcp.analysis.retransmission' -w slow.pcapng --node local": "Write packets to one capture.",
    "espcap export -Y dns -w dns.csv --columns ip.src,dns.qry.name --node local": "Write a table of packets.",
    "ssh host tcpdump -w - | espcap --file - --node local": "Store what another machine captures.",
}

_INTRODUCTION = """# The command line

This page is made from the commands by `scripts/pages.py`; do not edit it. `docs/espcap.1` is the same as a man page:
`man -l docs/espcap.1`.

Data goes to standard output, and nothing else does. Progress, notes and errors go to standard error.
"""
_WIDTH = 98
"""The columns of text that click prints on a terminal with 100 columns."""


def commands() -> Iterator[tuple[list[str], click.Command]]:
    """Yields the main command and its subcommands, each with the words that call it."""
    yield [], main
    for name, command in main.commands.items():
        yield [name], command


def help_text(words: list[str]) -> str:
    """The output of `espcap WORDS --help` on a terminal with 100 columns."""
    ran = CliRunner().invoke(
        main, [*words, "--help"], prog_name="espcap", terminal_width=_WIDTH, catch_exceptions=False
    )
    return ran.output


def cli_page() -> str:
    """The page docs/cli.md."""
    parts = [_INTRODUCTION]
    for words, _ in commands():
        parts.append(f"## {' '.join(['espcap', *words])}\n\n```\n{help_text(words)}```\n")
    parts.append(_table("Exit codes", "code", EXIT_CODES))
    parts.append(_table("Environment", "variable", ENVIRONMENT))
    return "\n".join(parts)


def _table(title: str, name: str, rows: dict[str, str]) -> str:
    lines = [
        f"## {title}",
        "",
        f"| {name} | meaning |",
        "|---|---|",
        *(f"| {key} | {text} |" for key, text in rows.items()),
    ]
    return "\n".join(lines) + "\n"


def man_page() -> str:
    """The man page docs/espcap.1, in roff."""
    summary, *_ = (main.help or "").split("\n\n")
    lines = [
        '.\\" Made by scripts/pages.py; do not edit.',
        f'.TH ESPCAP 1 "" "espcap {espcap.__version__}" "User Commands"',
        ".SH NAME",
        f"espcap \\- {_roff('packets, dissected by Wireshark, as searchable JSON documents')}",
        ".SH SYNOPSIS",
        *(line for words, command in commands() for line in _usage(words, command)),
        ".SH DESCRIPTION",
        *_paragraphs(main.help or summary),
        ".SH OPTIONS",
        *_options(main, set()),
        ".SH COMMANDS",
    ]
    common = set(_records(main))
    for words, command in commands():
        if words:
            lines += [f".SS {_roff(' '.join(['espcap', *words]))}", *_paragraphs(command.help or "")]
            lines += _shared(command, common)
            lines += _options(command, common)
    lines += [".SH EXIT STATUS", *_definitions(EXIT_CODES), ".SH ENVIRONMENT", *_definitions(ENVIRONMENT)]
    lines += [".SH EXAMPLES", *_definitions(EXAMPLES), ".SH SEE ALSO"]
    lines += [".BR tshark (1),", ".BR dumpcap (1),", ".BR wireshark\\-filter (4),", ".BR pcap\\-filter (7)"]
    return "\n".join(lines) + "\n"


def _context(command: click.Command) -> click.Context:
    return click.Context(command, info_name=command.name, terminal_width=_WIDTH, **command.context_settings)


def _records(command: click.Command) -> dict[tuple[str, str], str]:
    """The options as `--help` prints them, (names, text), each with its longest name."""
    context = _context(command)
    found = {}
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record:
            found[record] = max(parameter.opts, key=len)
    return found


def _usage(words: list[str], command: click.Command) -> list[str]:
    pieces = " ".join(command.collect_usage_pieces(_context(command)))
    return [f".B {_roff(' '.join(['espcap', *words]))}", _roff(pieces), ".br"]


def _paragraphs(text: str) -> list[str]:
    lines: list[str] = []
    for paragraph in text.split("\n\n"):
        lines += [".PP", _roff(" ".join(paragraph.split()))]
    return lines


def _shared(command: click.Command, common: set[tuple[str, str]]) -> list[str]:
    names = [name for record, name in _records(command).items() if record in common]
    return [".PP", _roff(f"Options as above: {', '.join(names)}.")] if names else []


def _options(command: click.Command, without: set[tuple[str, str]]) -> list[str]:
    return _definitions({name: text for name, text in _records(command) if (name, text) not in without})


def _definitions(rows: dict[str, str]) -> list[str]:
    return [line for name, text in rows.items() for line in (".TP", f".B {_roff(name)}", _roff(text))]


def _roff(text: str) -> str:
    """Text in which nothing is a request or an escape of roff, in ASCII."""
    plain = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga")
    plain = "".join(letter if letter.isascii() else f"\\[u{ord(letter):04X}]" for letter in plain)
    return f"\\&{plain}" if plain.startswith(".") else plain


if __name__ == "__main__":
    (DOCS / "cli.md").write_text(cli_page(), encoding="utf-8")
    (DOCS / "espcap.1").write_text(man_page(), encoding="utf-8")
