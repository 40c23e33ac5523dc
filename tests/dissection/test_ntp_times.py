"""Names of fields with times in NTP's form."""

from espcap.dissection.ntp_times import NTP_TIMES
from espcap.fields.field import Kind
from espcap.fields.registry import Registry

pytest_plugins = ["tests.support.core_fixtures"]


def test_they_are_times(registry: Registry) -> None:
    """A misspelt name would not be a field of tshark; versions before 4.4 lack a few of them."""
    fields = {name: registry.field(name) for name in NTP_TIMES}
    known = {name: field for name, field in fields.items() if field}
    assert {field.kind for field in known.values()} == {Kind.TIME}
    assert {"ntp.org", "ntp.xmt", "pfcp.start_time"} <= known.keys()
    assert len(known) > len(NTP_TIMES) * 0.8, sorted(NTP_TIMES - known.keys())
