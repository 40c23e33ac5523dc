"""Messages for flows and transactions are the same with each reader."""

from pathlib import Path

import pytest

from espcap.fields.field import PRESENCE
from espcap.fields.registry import Registry
from tests.support.captures import KEYS
from tests.support.command import CAPTURES, ROOT
from tests.support.messages import messages, without_sizes

pytest_plugins = ["tests.support.core_fixtures", "tests.support.native"]
pytestmark = pytest.mark.usefixtures("native_reader")

TRANSACTIONS = ROOT / "test_transactions"
ALL = sorted(
    path for folder in (CAPTURES, TRANSACTIONS) for path in folder.iterdir() if path.suffix in (".pcap", ".pcapng")
)


@pytest.mark.parametrize("capture", ALL, ids=lambda path: path.name)
def test_readers_agree(capture: Path, registry: Registry) -> None:
    by_lines, names = messages(capture, "lines")
    by_columns, _ = messages(capture, "columns")
    from_json, _ = messages(capture, "json")
    assert by_lines == by_columns
    fields = [registry.field(name) for name in names]
    presence = frozenset(index for index, field in enumerate(fields) if field and field.base == PRESENCE)
    assert without_sizes(by_lines, presence) == without_sizes(from_json, presence)
    assert {len(packet) for packet in by_lines} == {4}


def test_members_of_a_message() -> None:
    """A question and its answer in dns.pcap: places, sizes and depths are those of Wireshark's packet details."""
    found, names = messages(CAPTURES / "dns.pcap", "lines")
    [number, time, length, parts] = found[0]
    assert (number, time, length) == (1, 1714557600123456000, 76)
    assert [names[part[0]].partition(".")[0] for part in parts] == ["eth", "ip", "udp", "dns", "communityid"]
    dns = parts[3]
    assert dns[1:3] == [42, 34]
    values = {names[name]: (depth, value) for name, depth, value in zip(dns[3::3], dns[4::3], dns[5::3], strict=True)}
    assert values["dns.flags.response"] == (2, False)
    assert values["dns.qry.name"] == (3, "www.example.test")


def test_keys_are_for_two() -> None:
    """The captures with keys are among those above; without keys they have other messages."""
    assert {CAPTURES / name for name in KEYS} <= set(ALL)
