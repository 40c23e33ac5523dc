"""An option of another program is answered with what espcap has instead."""

import click
import pytest
from click.testing import CliRunner

from espcap.cli import main
from espcap.cli.foreign_options import explained


@pytest.mark.parametrize(
    ("words", "instead"),
    [
        (["-w", "x.pcap"], "documents go to standard output, or to --node; espcap extract -w writes packets"),
        (["-V"], "espcap show prints the tree of a packet"),
        (["search", "--limit", "5"], "--size N is the number of packets to print"),
        (["search", "-f", "udp"], "stored packets are found by -Y, a display filter"),
        (["export", "--sort", "ip.src"], "packets are exported in the order of time; espcap search --sort prints them"),
        (["export", "--size", "5"], "all packets that match are exported"),
        (["export", "-e", "ip.src"], "--columns names the fields"),
        (["extract", "-e", "ip.src"], "documents contain all fields; --agg FIELD counts the values of one"),
    ],
)
def test_instead(words: list[str], instead: str) -> None:
    ran = CliRunner().invoke(main, words)
    option = next(word for word in words if word.startswith("-"))
    assert ran.exit_code == 2
    assert f"No such option '{option}': {instead}" in ran.output


def test_unknown_options_stay_as_click_reports_them() -> None:
    error = click.NoSuchOption("--nonsense")
    assert explained(error, "search") is error
    assert explained(error, "setup") is error
    ran = CliRunner().invoke(main, ["search", "--nonsense"])
    assert ran.exit_code == 2
    assert "No such option" in ran.output
