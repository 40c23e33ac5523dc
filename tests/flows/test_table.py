"""When flows end, by the times of packets, and how many are kept."""

import pytest

from espcap.base.times import SECOND
from espcap.flows.table import Limits
from tests.support.conversations import ACK, FIN, RST, SYN, SYN_ACK, Conversation


def ends(conversation: Conversation) -> list[tuple[int, int, bool, str]]:
    """For each record the first frame, the number of packets, whether it is the last one, and why it ends."""
    return [
        (flow["flow"]["first_frame"], flow["network"]["packets"], flow["flow"]["final"], flow["flow"]["end_reason"])
        for flow in conversation.flows()
    ]


def test_closed_by_both_ends() -> None:
    made = Conversation()
    for second, flags, back in [(0, SYN, False), (0.1, SYN_ACK, True), (0.2, FIN, False), (0.3, FIN, True)]:
        made.tcp(second, flags, back=back)
    made.tcp(0.4)
    assert ends(made) == []
    made.udp(6)
    assert ends(made) == [(1, 5, True, "closed")]
    assert made.flows()[0]["tcp"]["state"] == "closed"


@pytest.mark.parametrize(
    ("flags", "state"), [([SYN, RST], "refused"), ([SYN, SYN_ACK, RST], "reset"), ([RST], "reset")]
)
def test_reset(flags: list[int], state: str) -> None:
    made = Conversation()
    for second, flag in enumerate(flags):
        made.tcp(second / 10, flag, back=bool(second % 2))
    made.udp(10)
    assert [each[2:] for each in ends(made)] == [(True, "reset")]
    assert made.flows()[0]["tcp"]["state"] == state


def test_idle_by_the_time_of_other_packets() -> None:
    made = Conversation()
    made.udp(0)
    made.udp(59, stream=1)
    assert ends(made) == []
    made.udp(62, stream=2)
    assert ends(made) == [(1, 1, True, "idle")]
    made.udp(200)
    made.finish()
    assert ends(made)[1:] == [
        (2, 1, True, "idle"),
        (3, 1, True, "idle"),
        (4, 1, True, "end of capture"),
    ]


def test_a_connection_may_be_silent_for_long() -> None:
    made = Conversation()
    made.tcp(0, SYN)
    made.udp(3000)
    assert ends(made) == []
    made.udp(3700)
    assert ends(made)[0] == (1, 1, True, "idle")


def test_each_record_of_a_long_flow_has_its_own_share() -> None:
    made = Conversation()
    for minute in range(0, 100, 10):
        made.tcp(60 * minute, back=minute % 20 == 10)
    made.finish()
    flows = made.flows()
    assert ends(made) == [
        (1, 3, False, "active timeout"),
        (4, 3, False, "active timeout"),
        (7, 3, False, "active timeout"),
        (10, 1, True, "end of capture"),
    ]
    assert [flow["flow"]["sequence"] for flow in flows] == [0, 1, 2, 3]
    assert {flow["flow"]["id"] for flow in flows} == {"c-f1"}
    assert sum(flow["network"]["bytes"] for flow in flows) == 10 * 100


def test_of_too_many_the_longest_idle_go() -> None:
    made = Conversation(limits=Limits(flows=10))
    for stream in range(25):
        made.udp(stream / 100, stream=stream)
    made.udp(2, stream=0)
    made.finish()
    assert made.follower.table.counts.evicted == 16
    assert [each[0] for each in ends(made)[:3]] == [1, 2, 3]
    assert sum(each[1] for each in ends(made)) == 26


def test_times_that_go_back() -> None:
    """The order of packets can differ from that of their times; a flow lasts from the least to the greatest."""
    made = Conversation()
    made.udp(5)
    made.udp(3)
    made.udp(7)
    made.finish()
    assert made.flows()[0]["event"]["duration"] == 4 * SECOND


def test_choice_of_the_client() -> None:
    made = Conversation()
    made.tcp(0, SYN_ACK, stream=0)
    made.tcp(0, ACK, stream=1, back=True)
    made.tcp(0, ACK, stream=2)
    made.finish()
    ports = [flow["source"]["port"] for flow in made.flows()]
    assert ports == [80, 40000, 40000]


def test_analysis_notes_of_tcp() -> None:
    made = Conversation()
    made.tcp(0, SYN)
    made.tcp(1, SYN_ACK, back=True, analysis={"initial_rtt": 0.25, "retransmission": None})
    made.tcp(2, ACK, analysis={"lost_segment": None, "zero_window": None})
    made.finish()
    tcp = made.flows()[0]["tcp"]
    assert tcp["initial_rtt"] == SECOND // 4
    assert (tcp["server"]["retransmissions"], tcp["client"]["retransmissions"]) == (1, 0)
    assert (tcp["client"]["lost_segments"], tcp["client"]["zero_windows"], tcp["client"]["out_of_order"]) == (1, 1, 0)


def test_packets_outside_of_flows_are_counted() -> None:
    made = Conversation()
    made.add(0, ("eth", {"eth.src": "02:00:00:00:00:01", "eth.dst": "ff:ff:ff:ff:ff:ff"}))
    made.documents += made.follower.add([2, None, 60, []])
    made.finish()
    assert (made.flows(), made.follower.table.counts.outside) == ([], 2)
