"""Each option is declared once: the command gets a value of the field's type."""

from dataclasses import fields
from pathlib import Path
from typing import Any, get_args, get_origin

import click
import pytest
from click.testing import CliRunner

from espcap.cli.options.declaring import with_options
from espcap.cli.options.querying import ExtractOptions, SearchOptions, ServeOptions, ShowOptions, StatsOptions
from espcap.cli.options.reading import ReadOptions
from espcap.cli.options.storing import ForgetOptions, PruneOptions, RetryOptions, SetupOptions, StoreOptions

CLASSES: dict[type, list[str]] = {
    ReadOptions: [],
    SearchOptions: ["ip.src", "==", "192.0.2.1"],
    ExtractOptions: ["-w", "out.pcapng"],
    StatsOptions: [],
    ShowOptions: ["a.pcap", "12"],
    ServeOptions: [],
    RetryOptions: ["dead-letters"],
    SetupOptions: [],
    PruneOptions: [],
    ForgetOptions: ["a.pcap"],
    StoreOptions: [],
}


def parse(options_class: type, *words: str, **variables: str) -> Any:
    """The options that a command gets, or the output that says what is wrong."""
    got: list[Any] = []
    command = click.command(context_settings={"auto_envvar_prefix": "ESPCAP_SEARCH"})(
        with_options(options_class)(got.append)
    )
    ran = CliRunner().invoke(command, [*words], env=variables)
    return got[0] if got else ran.output


@pytest.mark.parametrize("options_class", CLASSES)
def test_values_have_the_types_of_their_fields(options_class: type) -> None:
    options = parse(options_class, *CLASSES[options_class])
    for each in fields(options_class):
        kind: Any = each.type
        value = getattr(options, each.name)
        if kind == tuple[str, ...]:
            assert value == ()
        elif get_origin(kind) is tuple:
            assert {type(each) for each in value} == {get_args(kind)[0]}
        else:
            assert type(value) in (get_args(kind) or (kind,)), each.name


def test_words_of_a_query_are_joined() -> None:
    assert parse(SearchOptions, "ip.src", "==", "192.0.2.1").query == "ip.src == 192.0.2.1"


def test_values_of_an_environment_variable_are_its_lines() -> None:
    """Options of every command have one variable, whatever the prefix of the command."""
    options = parse(SearchOptions, ESPCAP_NODE="a:9200\nb:9200\n", ESPCAP_CA_CERT="my ca.pem")
    assert (options.node, options.ca_cert) == (("a:9200", "b:9200"), Path("my ca.pem"))


@pytest.mark.parametrize(("text", "size"), [("500MB", 500_000_000), ("1.5G", 1_500_000_000), ("1000000", 1_000_000)])
def test_disk_space(text: str, size: int) -> None:
    assert parse(ReadOptions, "--spool-size", text).spool_size == size


@pytest.mark.parametrize("text", ["5", "1kB", "ten", "-1GB"])
def test_too_little_disk_space(text: str) -> None:
    assert f"'{text}' is not a size of at least 262,144 bytes, such as 500MB or 20GB" in parse(
        ReadOptions, "--keep-captures", text
    )


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("30m", 1800), ("12h", 43_200), ("7d", 604_800)])
def test_duration(text: str, seconds: float) -> None:
    assert parse(ReadOptions, "--keep-captures-for", text).keep_captures_for == seconds


@pytest.mark.parametrize("text", ["0s", "7", "7 days", "-1d", "1y"])
def test_text_that_is_not_a_duration(text: str) -> None:
    assert f"'{text}' is not a duration such as 30m, 12h, 7d or 4w" in parse(ReadOptions, "--keep-captures-for", text)
