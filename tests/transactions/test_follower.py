"""Documents of flows and transactions, packet by packet."""

from tests.support.conversations import ACK, FIN, SYN, Conversation


def test_documents_that_end_say_what_was_read() -> None:
    """A live capture may delete packets that were read up to this number."""
    made = Conversation()
    made.tcp(0, SYN)
    made.tcp(1, FIN)
    made.tcp(2, FIN, back=True)
    assert made.documents == []
    made.udp(10)
    [document] = made.documents
    assert (document.read, document.frame_number, document.id, document.index) == (4, 4, "c-f1", "flows-2023-11-14")
    made.finish()
    assert [each.id for each in made.documents] == ["c-f1", "c-f4"]


def test_time_passes_without_packets() -> None:
    made = Conversation()
    made.udp(0)
    start = made.follower.table.now
    assert list(made.follower.advance(start + 59 * 10**9)) == []
    assert [document.id for document in made.follower.advance(start + 61 * 10**9)] == ["c-f1"]


def test_counts() -> None:
    made = Conversation()
    made.tcp(0, ACK)
    made.add(1, ("eth", {}))
    made.finish()
    counts = made.follower.counts()
    assert (counts["outside_flows"], counts["flows_evicted"], counts["messages"], counts["paired"]) == (1, 0, 0, 0)
