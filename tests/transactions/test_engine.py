"""Requests and answers: paired, missing, lost, too many, and in the middle of connections."""

from pathlib import Path
from typing import Any

import pytest

from espcap.base.times import SECOND
from espcap.fields.registry import Registry
from espcap.query.display_filter import parse
from espcap.query.filter_language import Language
from espcap.transactions.declaration import Declaration, Reader
from espcap.transactions.engine import Limits
from tests.support.conversations import ACK, FIN, RST, SYN, Conversation

pytest_plugins = ["tests.support.core_fixtures"]
PROTOCOLS = Path(__file__).parents[2] / "espcap" / "transactions" / "protocols"


def load(registry: Registry, name: str) -> Declaration:
    reader = Reader(registry, lambda text: parse(text, registry, lambda field: [], Language((4, 0))), lambda *_: None)
    return reader.read(PROTOCOLS / f"{name}.toml")


@pytest.fixture
def web(registry: Registry) -> Conversation:
    return Conversation([load(registry, "http")])


def get(path: str) -> tuple[str, dict[str, Any]]:
    return "http", {"http.request": None, "http.request.method": "GET", "http.request.uri": path}


def answer(code: int) -> tuple[str, dict[str, Any]]:
    return "http", {"http.response": None, "http.response.code": code}


def shown(conversation: Conversation) -> list[tuple[Any, ...]]:
    """For each transaction its path, status, frames, and errors."""
    return [
        (
            each.get("resource"),
            each["status"],
            each.get("request", {}).get("frame"),
            each.get("response", {}).get("frame"),
            *each.get("error", {}).get("message", []),
        )
        for each in conversation.transactions()
    ]


def test_pipelined_requests_are_answered_in_order(web: Conversation) -> None:
    web.tcp(0, ACK, get("/a"), get("/b"), get("/c"))
    web.tcp(1, ACK, answer(200), answer(404), back=True)
    web.tcp(2, ACK, answer(500), back=True)
    assert [each[:4] for each in shown(web)] == [
        ("/a", "OK", 1, 2),
        ("/b", "Client Error", 1, 2),
        ("/c", "Server Error", 1, 3),
    ]
    assert [each["event"]["duration"] for each in web.transactions()] == [SECOND, SECOND, 2 * SECOND]
    assert len({document.id for document in web.documents}) == 3


def test_an_interim_answer_is_none(web: Conversation) -> None:
    web.tcp(0, ACK, get("/a"))
    web.tcp(1, ACK, answer(100), back=True)
    web.tcp(2, ACK, answer(201), back=True)
    assert shown(web) == [("/a", "OK", 1, 3)]


def test_no_answer_in_time(web: Conversation) -> None:
    web.tcp(0, ACK, get("/a"))
    web.udp(599)
    assert shown(web) == []
    web.udp(602)
    assert shown(web) == [("/a", "Error", 1, None, "no answer within 600 s")]
    web.tcp(603, ACK, answer(200), back=True)
    assert shown(web)[1:] == [(None, "Error", None, 4, "no request")]
    assert web.transactions()[1].get("event", {}).get("start") is None


@pytest.mark.parametrize(("flags", "reason"), [([RST], "connection reset"), ([FIN, FIN], "connection closed")])
def test_a_connection_that_ends(web: Conversation, flags: list[int], reason: str) -> None:
    web.tcp(0, ACK, get("/a"))
    for number, flag in enumerate(flags):
        web.tcp(1 + number / 10, flag, back=bool(number % 2))
    web.udp(20)
    assert shown(web) == [("/a", "Error", 1, None, reason)]


def test_the_end_of_the_capture(web: Conversation) -> None:
    web.tcp(0, ACK, get("/a"))
    web.finish()
    assert shown(web) == [("/a", "Error", 1, None, "end of capture")]
    assert web.transactions()[0]["flow"]["id"] == web.flows()[0]["flow"]["id"]


def test_after_a_gap_no_answer_is_given_to_the_wrong_request(web: Conversation) -> None:
    """One of two answers is lost: the other could be that of either request."""
    web.tcp(0, ACK, get("/a"), get("/b"))
    web.tcp(1, ACK, answer(200), back=True, analysis={"lost_segment": None})
    web.tcp(2, ACK, get("/c"))
    web.tcp(3, ACK, answer(204), back=True)
    assert shown(web) == [
        ("/a", "Error", 1, None, "packet loss while capturing the response"),
        ("/b", "Error", 1, None, "packet loss while capturing the response"),
        ("/c", "OK", 3, 4),
    ]


def test_an_answer_that_began_before_a_gap_belongs_to_its_request(web: Conversation) -> None:
    """A segment in the middle of an answer comes again: Wireshark reassembles the answer across the gap."""
    web.tcp(0, ACK, get("/a"))
    web.tcp(1, ACK, back=True)
    web.tcp(2, ACK, back=True, analysis={"lost_segment": None})
    web.tcp(3, ACK, ("tcp.segments", {"tcp.segment": [2, 4, 3]}), answer(200), back=True)
    web.tcp(4, ACK, get("/b"))
    web.tcp(5, ACK, answer(204), back=True)
    assert shown(web) == [("/a", "OK", 1, 4), ("/b", "OK", 5, 6)]


def test_an_answer_across_a_gap_says_nothing_of_later_answers(web: Conversation) -> None:
    """Other requests wait as well, and the gap can be in their answers."""
    web.tcp(0, ACK, get("/a"), get("/b"), get("/c"))
    web.tcp(1, ACK, back=True)
    web.tcp(2, ACK, back=True, analysis={"lost_segment": None})
    web.tcp(3, ACK, ("tcp.segments", {"tcp.segment": [2, 4, 3]}), answer(200), back=True)
    web.tcp(4, ACK, answer(204), back=True)
    assert shown(web) == [
        ("/a", "OK", 1, 4),
        ("/b", "Error", 1, None, "packet loss while capturing the response"),
        ("/c", "Error", 1, None, "packet loss while capturing the response"),
    ]


def test_a_gap_explains_why_no_answer_follows(web: Conversation) -> None:
    web.tcp(0, ACK, get("/a"))
    web.tcp(1, ACK, back=True, analysis={"lost_segment": None})
    web.finish()
    assert shown(web) == [("/a", "Error", 1, None, "packet loss while capturing the response")]


def test_identifiers_find_their_requests(registry: Registry) -> None:
    """Questions of DNS that are answered in another order, one never, and one with the identifier of another host."""
    made = Conversation([load(registry, "dns")])
    for number in (1, 2, 3):
        made.udp(number / 10, dns(number, False, f"{number}.test"))
    made.udp(0.5, dns(3, True, "3.test"), back=True)
    made.udp(0.6, dns(1, True, "1.test"), back=True)
    made.udp(0.7, dns(2, True, "2.test"), stream=1, back=True)
    made.udp(20)
    assert shown(made) == [
        ("3.test", "OK", 3, 4),
        ("1.test", "OK", 1, 5),
        ("2.test", "Error", None, 6, "no request"),
        ("2.test", "Error", 2, None, "no answer within 10 s"),
    ]


def dns(identifier: int, is_answer: bool, name: str) -> tuple[str, dict[str, Any]]:
    return "dns", {"dns.id": identifier, "dns.flags.response": is_answer, "dns.qry.name": name, "dns.flags.rcode": 0}


def test_a_repeated_question_is_no_second_one(registry: Registry) -> None:
    made = Conversation([load(registry, "dns")])
    made.udp(0, dns(1, False, "a.test"))
    layer, values = dns(1, False, "a.test")
    made.udp(1, (layer, values | {"dns.retransmission": None}))
    made.udp(1, (layer, values))
    made.udp(2, dns(1, True, "a.test"), back=True)
    assert shown(made) == [("a.test", "OK", 1, 4)]
    assert made.follower.engine
    assert made.follower.engine.counts.repeated == 2


def test_one_identifier_of_several_questions(registry: Registry) -> None:
    """Wireshark takes the second question for a retransmission. An answer need not have the question."""
    made = Conversation([load(registry, "dns")])
    made.udp(0, dns(7, False, "a.test"))
    layer, values = dns(7, False, "b.test")
    made.udp(1, (layer, values | {"dns.retransmission": None}))
    made.udp(2, dns(7, False, "c.test"))
    made.udp(3, dns(7, True, "B.test"), back=True)
    made.udp(4, ("dns", {"dns.id": 7, "dns.flags.response": True, "dns.flags.rcode": 1}), back=True)
    made.finish()
    assert [each[:4] for each in shown(made)] == [
        ("b.test", "OK", 2, 4),
        ("a.test", "Error", 1, 5),
        ("c.test", "Error", 3, None),
    ]


def test_a_repeated_answer_is_no_answer_alone(registry: Registry) -> None:
    made = Conversation([load(registry, "dns")])
    made.udp(0, dns(1, False, "a.test"))
    layer, values = dns(1, True, "a.test")
    made.udp(1, (layer, values), back=True)
    made.udp(2, (layer, values | {"dns.retransmission": None}), back=True)
    assert shown(made) == [("a.test", "OK", 1, 2)]


def test_limits_hold(registry: Registry) -> None:
    """A capture that is made to grow tables costs a bounded number of open requests; all are reported."""
    made = Conversation([load(registry, "dns")], engine_limits=Limits(open=10, open_of_key=3))
    for number in range(100):
        made.udp(number / 1000, dns(number, False, "many.test"), stream=number)
    for number in range(20):
        made.tcp(0.2 + number / 1000, ACK, dns(7, False, "same.test"))
    made.finish()
    found = shown(made)
    assert len(found) == 120
    assert sum(each[-1] == "evicted" for each in found) == 120 - 3 - 7
    assert made.follower.engine
    assert made.follower.engine.counts.evicted == 110


def test_answers_of_evicted_requests_are_not_those_of_others(registry: Registry) -> None:
    made = Conversation([load(registry, "http")], engine_limits=Limits(open_of_key=2))
    for path in "abcde":
        made.tcp(0, ACK, get(f"/{path}"))
    for code in range(201, 206):
        made.tcp(1, ACK, answer(code), back=True)
    made.tcp(2, ACK, get("/f"))
    made.tcp(3, ACK, answer(206), back=True)
    pairs = [(each[0], each[2], each[3]) for each in shown(made) if each[-1] != "evicted"]
    assert pairs == [(None, None, 6), (None, None, 7), (None, None, 8), ("/d", 4, 9), ("/e", 5, 10), ("/f", 11, 12)]
    assert made.follower.engine
    assert (made.follower.engine.counts.evicted, made.follower.engine.counts.unasked) == (3, 3)


def test_the_answer_of_an_evicted_request_comes_before_the_next_request(registry: Registry) -> None:
    made = Conversation([load(registry, "http")], engine_limits=Limits(open=1))
    made.tcp(0, ACK, get("/a"))
    made.tcp(1, ACK, get("/other"), stream=1)
    made.tcp(2, ACK, answer(201), back=True)
    made.tcp(3, ACK, get("/b"))
    made.tcp(4, ACK, answer(202), back=True)
    assert [each[:4] for each in shown(made) if each[-1] != "evicted"] == [(None, "Error", None, 3), ("/b", "OK", 4, 5)]


def test_wireshark_links_are_compared(web: Conversation) -> None:
    web.tcp(0, ACK, get("/a"))
    layer, values = answer(200)
    web.tcp(1, ACK, (layer, values | {"http.request_in": 7}), back=True)
    assert web.follower.engine
    assert (shown(web), web.follower.engine.counts.link_differs) == ([("/a", "OK", 1, 2)], 1)


def test_turns(registry: Registry) -> None:
    """Answers of MySQL go on until the next request; with two requests at once each packet 1 begins another answer."""
    made = Conversation([load(registry, "mysql")])
    made.tcp(0, SYN)
    made.tcp(1, ACK, query("select 1"), query("select 2"))
    made.tcp(2, ACK, reply(1), reply(2, row=True), reply(3, row=True), back=True)
    made.tcp(3, ACK, reply(1, error=1046), back=True)
    made.finish()
    first, second = made.transactions()
    assert (first["query"], first["status"], first["mysql"]["num_rows"], first["response"]["frame"]) == (
        *("select 1", "OK"),
        *(2, 3),
    )
    assert (second["query"], second["status"], second["mysql"]["error_code"]) == ("select 2", "Error", 1046)


def query(text: str) -> tuple[str, dict[str, Any]]:
    return "mysql", {"mysql.packet_number": 0, "mysql.command": 3, "mysql.query": text}


def reply(number: int, row: bool = False, error: int = 0) -> tuple[str, dict[str, Any]]:
    values: dict[str, Any] = {"mysql.packet_number": number}
    if row:
        values["mysql.row.text"] = "x"
    if error:
        values |= {"mysql.response_code": 0xFF, "mysql.error_code": error}
    return "mysql", values


def test_prepared_statements_are_remembered(registry: Registry) -> None:
    made = Conversation([load(registry, "mysql")])
    prepare = {"mysql.packet_number": 0, "mysql.command": 22, "mysql.query": "select ?"}
    execute = {"mysql.packet_number": 0, "mysql.command": 23, "mysql.stmt_id": 5, "mysql.exec.field.string": "p"}
    made.tcp(0, SYN)
    made.tcp(1, ACK, ("mysql", prepare))
    made.tcp(2, ACK, ("mysql", {"mysql.packet_number": 1, "mysql.stmt_id": 5}), back=True)
    made.tcp(3, ACK, ("mysql", execute))
    made.tcp(4, ACK, reply(1), back=True)
    made.finish()
    prepared, executed = made.transactions()
    assert (prepared["method"], executed["method"], executed["query"]) == ("PREPARE", "SELECT", "select ?")
    assert executed["params"] == ["p"]
