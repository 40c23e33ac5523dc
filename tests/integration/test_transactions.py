"""Transactions of real servers and clients, as their own logs have them, and Wireshark's times of them."""

import json
import statistics
import subprocess
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from espcap.documents.types import FLOWS, TRANSACTIONS
from tests.support.command import CAPTURES, ROOT, espcap, on_terminal
from tests.support.messages import follow

pytest_plugins = ["tests.support.native"]
pytestmark = pytest.mark.usefixtures("native_reader")

FOLDER = ROOT / "test_transactions"
GOLDEN: dict[str, list[dict[str, Any]]] = json.loads((FOLDER / "transactions.json").read_text())
del GOLDEN["ssh.pcap"]  # the file has the key exchange of a connection; a transaction is the exchange of banners

NOT_DISSECTED: dict[str, set[int]] = {
    "amqp.pcap": {18, 20, 21, 27, 29},  # a transaction of basic.publish has the frame of the method, not of the content
    "ftp.pcap": {49},  # the second and third command of a segment
    "pop3.pcap": {36},
    "rpc.pcap": {11},  # the answer of a program that Wireshark does not know
    "tls.pcap": {79},  # a handshake that the client refuses ends with its own alert
    "http2_streams.pcap": {17, 19, 28},  # a request with content, and one that the client cancels
    "memcached_text.pcap": {18, 24, 30, 37},  # answers without a field, and commands after the first one of a segment
}
"""Requests of which the limits of Wireshark, or of the declaration, let no whole transaction be made."""
DECODE_AS = {"mongodb.pcap": ("tcp.port==27017,mongo",)}
"""Rules without which Wireshark 4.0 does not dissect a capture."""


def transactions(capture: Path, *decode_as: str) -> list[dict[str, Any]]:
    return [each for each in follow(capture, *decode_as, types=[FLOWS, TRANSACTIONS]) if each["type"] != "flow"]


def identity(transaction: dict[str, Any]) -> tuple[int | None, int | None, str]:
    """The frames of the request and of the whole answer, and the status."""
    request, response = (transaction.get(half, {}).get("frame") for half in ("request", "response"))
    status = "OK" if transaction["status"] == "OK" else "Error"
    is_cut_off = transaction.get("error", {}).get("message") == ["connection reset"]
    return request, None if is_cut_off else response, status


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_those_that_took_place(name: str) -> None:
    """Each request has its own answer and status; none is missing, and no pair is there that did not take place."""
    left_out = NOT_DISSECTED.get(name, set())
    wanted = [each for each in GOLDEN[name] if each["request_frame"] not in left_out]
    identities = Counter((each["request_frame"], each["response_frame"], each["status"]) for each in wanted)
    sessions = Counter(
        (each["request_frame"], each["response_frame"], each["status"]) for each in wanted if each.get("session")
    )
    found = Counter(
        identity(each) for each in transactions(FOLDER / name, *DECODE_AS.get(name, ())) if each.get("request")
    )
    for number in left_out:
        for each in [each for each in found if each[0] == number]:
            del found[each]
    assert identities - sessions - found == Counter()
    assert {each for each in found - identities if each[1] is not None} == set()
    frames = {each[half] for each in GOLDEN[name] for half in ("request_frame", "response_frame")}
    assert {each[0] for each in found} <= frames


WITH_TEXTS = sorted(name for name, golden in GOLDEN.items() if any("query" in each for each in golden))


@pytest.mark.parametrize("name", WITH_TEXTS)
def test_each_request_has_its_text(name: str) -> None:
    """Several requests and answers in the same packets have each their own text."""
    found = defaultdict(list)
    for each in transactions(FOLDER / name, *DECODE_AS.get(name, ())):
        found[identity(each)[:2]].append(_first_word(each.get("query", "")))
    compared = 0
    for frames, words in found.items():
        wanted = [each for each in GOLDEN[name] if (each["request_frame"], each["response_frame"]) == frames]
        queries = [_first_word(each["query"]) for each in wanted if "query" in each and not each.get("session")]
        if len(queries) == len(words) and frames[0] not in NOT_DISSECTED.get(name, ()):
            assert sorted(words) == sorted(queries)
            compared += len(words)
    assert compared > 0


def test_answers_of_dns_are_without_authorities_and_additional_records() -> None:
    """An answer that a name does not exist has the authority's SOA record and no answers."""
    found = [each["dns"] for each in transactions(FOLDER / "dns_server.pcap") if each["type"] == "dns"]
    counts = [(each["answers_count"], len(each.get("answers", ()))) for each in found if "answers_count" in each]
    assert all(count == answers for count, answers in counts)
    assert {0, 1} < {count for count, _ in counts}


def _first_word(text: str) -> str:
    return text.partition(" ")[0].lower()


LINKED = [
    ("http_xml.pcap", "http.time", "http"),
    ("dns.pcap", "dns.time", "dns"),
    ("icmp.pcap", "icmp.resptime", "icmp"),
]


@pytest.mark.parametrize(("name", "field", "type"), LINKED)
def test_times_are_those_of_wireshark(name: str, field: str, type: str) -> None:
    command = [
        "tshark",
        "-n",
        "-r",
        str(CAPTURES / name),
        "-Y",
        field,
        "-T",
        "fields",
        "-e",
        "frame.number",
        "-e",
        field,
    ]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    unit = 1e6 if field == "icmp.resptime" else 1e9
    wanted = {int(frame): round(float(time) * unit) for frame, time in map(str.split, printed.splitlines())}
    found = {
        each["response"]["frame"]: each["event"]["duration"]
        for each in transactions(CAPTURES / name)
        if each["type"] == type and "response" in each
    }
    assert found == wanted
    assert wanted


def test_a_message_of_mail_has_its_sender_and_recipients() -> None:
    [mail, *_] = [each for each in transactions(CAPTURES / "smtp.pcap") if "email" in each]
    assert mail["email"]["subject"] == "Plain text"
    assert mail["email"]["from"]["address"].endswith("example.test")
    assert mail["email"]["to"]["address"]


def test_readers_agree() -> None:
    """The JSON reader gives the same documents, but for sizes, which tshark's JSON does not have."""

    def documents(reader: str) -> list[dict[str, Any]]:
        ran = espcap("--dir", CAPTURES, "--types", "flows,transactions", ESPCAP_READER=reader, timeout=300)
        assert ran.status == 0, ran.errors
        return [_without_sizes(each) for each in ran.documents]

    assert documents("native") == documents("json")


def _without_sizes(document: dict[str, Any]) -> dict[str, Any]:
    if document["type"] != "flow":
        for end in ("client", "server", "source", "destination"):
            document[end].pop("bytes", None)
    return document


@pytest.mark.parametrize("reader", ["native", "json"])
def test_a_generated_protocol(reader: str, tmp_path: Path) -> None:
    """Requests of a protocol that `espcap new-protocol` has made: pipelined, several in a segment, one an error."""
    tmp_path.chmod(0o755)  # if root runs this, nobody dissects
    folder = tmp_path / "myecho"
    made = espcap(
        "new-protocol", "myecho", "--port", "7777", "--request", ">", "--response", "<", "--error", "!", "-o", folder
    )
    assert made.status == 0, made.errors
    ran = espcap(
        *("--protocol-dir", folder, "--file", folder / "myecho.pcap", "--types", "flows,transactions"),
        ESPCAP_READER=reader,
    )
    found = [each for each in ran.documents if each["type"] != "flow"]
    assert [(each["query"], each["status"], each["event"]["duration"]) for each in found] == [
        ("hello", "OK", 1_500_000),
        ("good", "OK", 3_000_000),
        ("fail", "Error", 3_000_000),
        ("bye", "OK", 1_500_000),
    ]
    assert {each["flow"]["id"] for each in found} == {
        each["flow"]["id"] for each in ran.documents if each["type"] == "flow"
    }


def test_banners_of_ssh() -> None:
    [first, *_] = [each for each in transactions(FOLDER / "ssh.pcap") if each["type"] == "ssh"]
    assert (first["method"], first["status"]) == ("CONNECT", "OK")
    assert first["ssh"]["client"].startswith("SSH-2.0-")
    assert first["ssh"]["server"].startswith("SSH-2.0-")


GIVEN_UP = [("tls.pcap", 79, 83, "Unknown CA"), ("http2_streams.pcap", 28, 32, "CANCEL")]


@pytest.mark.parametrize(("name", "request_frame", "end", "error"), GIVEN_UP)
def test_requests_that_the_client_gives_up(name: str, request_frame: int, end: int, error: str) -> None:
    """The error is the client's own message, not the end of the connection."""
    [given_up] = [each for each in transactions(FOLDER / name) if identity(each)[0] == request_frame]
    assert (identity(given_up), given_up["error"]["message"]) == ((request_frame, end, "Error"), [error])


def test_services(node: str) -> None:
    """Numbers of requests, errors and response times of each service, from every store, as from the documents."""
    for name in ("http_xml.pcap", "dns.pcap", "smtp.pcap"):
        assert espcap("--file", CAPTURES / name, "--types", "packets,flows,transactions", "--node", node).status == 0
    made = espcap("transactions", "--size", "1000", "--node", node).documents
    [found] = espcap("stats", "--type", "transactions", "--node", node).documents
    assert found["transactions"] == len(made)
    assert found["errors"] == sum(each["status"] != "OK" for each in made)
    for service in found["services"]:
        own = [each for each in made if each["type"] == service["value"]]
        times = sorted(each["event"]["duration"] for each in own if "duration" in each["event"])
        assert (service["transactions"], service["answered"], service["maximum"]) == (len(own), len(times), times[-1])
        assert service["p50"] == pytest.approx(statistics.median(times))
    slowest = max(each["event"].get("duration", 0) for each in made)
    assert found["slowest"][0]["event"]["duration"] == slowest
    flows = espcap("flows", "--size", "1000", "--node", node).documents
    [summary] = espcap("stats", "--type", "flows", "--node", node).documents
    assert (summary["flows"], summary["bytes"]) == (len(flows), sum(each["network"]["bytes"] for each in flows))
    assert summary["largest"][0]["bytes"] == max(each["network"]["bytes"] for each in flows)
    shown = on_terminal("stats", "--type", "transactions", "--node", node)
    assert "Services" in shown
    assert "Largest" in on_terminal("stats", "--type", "flows", "--node", node)
