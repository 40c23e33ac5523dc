"""An Elasticsearch whose `packets-*` has documents of another program too."""

from pathlib import Path

from tests.support.command import CAPTURES, espcap, on_terminal
from tests.support.elasticsearch_node import call
from tests.support.served import Reading, served

FOREIGN = [
    {"message": "hello"},
    {"source": "sensor", "network": "lan", "protocol": ["a", 5], "capture_id": 5, "file_name": 7},
    {"layers": {"frame": {"number": "one"}, "tcp": "yes"}, "observer": "me", "capture_id": "x"},
]
"""Documents of another program, whose members are missing or of other types."""


def test_documents_of_another_program(tmp_path: Path, elasticsearch_url: str) -> None:
    """They are shown as far as they have what a packet has."""
    assert espcap("--file", CAPTURES / "arp.pcap", "--node", elasticsearch_url).status == 0
    for number, source in enumerate(FOREIGN):
        index = {"mappings": {"enabled": False}}
        call(elasticsearch_url, "PUT", f"/packets-foreign-{number}", index)
        call(elasticsearch_url, "PUT", f"/packets-foreign-{number}/_create/f-{number}?refresh", source)
    table = on_terminal("search", "--node", elasticsearch_url)
    assert "9 of 9 packets" in table
    with served(elasticsearch_url) as page:
        assert len(Reading(page.get("/").text).packets) == 9
        for path in ("/histogram", "/tables"):
            assert page.get(path).status == 200
        for number, _ in enumerate(FOREIGN):
            answer = page.get("/packet", packet=f"f-{number}")
            assert (answer.status, "espcap did not store this document" in answer.text) == (200, True)
            assert page.get("/stream", packet=f"f-{number}").status == 422
        assert page.get("/extract").headers["espcap-packets"] == "6"
    assert espcap("stats", "--node", elasticsearch_url).status == 0
    assert espcap("extract", "-w", tmp_path / "o.pcapng", "--node", elasticsearch_url).status == 0
