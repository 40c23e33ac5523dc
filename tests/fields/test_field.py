"""Paths of fields, and which fields contain frame numbers."""

import pytest

from espcap.fields.field import Field, Kind, is_frame_number


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("tcp.srcport", "layers.tcp.srcport"),
        ("tcp.analysis.initial_rtt", "layers.tcp.analysis_initial_rtt"),
        ("frame.time", "@timestamp"),
        ("frame.time_epoch", "@timestamp"),
        ("communityid.hash", "network.community_id"),
        ("_ws.col.info", "info"),
        ("_ws.col.protocol", "protocol_column"),
    ],
)
def test_path(name: str, path: str) -> None:
    layer, _, rest = name.partition(".")
    assert Field(name, layer, rest.replace(".", "_"), Kind.STRING, "", "FT_STRING").path == path


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (Field("frame.number", "frame", "number", Kind.INTEGER, "BASE_DEC", "FT_UINT32"), True),
        (Field("dns.response_in", "dns", "response_in", Kind.INTEGER, "", "FT_FRAMENUM"), True),
        (Field("tcp.srcport", "tcp", "srcport", Kind.INTEGER, "BASE_DEC", "FT_UINT16"), False),
        (Field("tcp.time_delta", "tcp", "time_delta", Kind.FLOAT, "", "FT_RELATIVE_TIME"), False),
    ],
)
def test_frame_numbers(field: Field, expected: bool) -> None:
    assert is_frame_number(field) is expected
