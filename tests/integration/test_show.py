"""`espcap show`: packets of a store from their captures, and what is said where those are not to be had."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from espcap.captures.kept import kept_name
from espcap.tshark.program import environment
from tests.support.command import CAPTURES, Ran, espcap, on_terminal
from tests.support.frame_oracle import frames, without_empty
from tests.support.hostile import packets

COLOUR = re.compile(r"\x1b\[[\d;]*m")
DNS = "423b430b9a1cab6f8ca6317f76422072"
"""Digest of dns.pcap."""


@pytest.fixture
def node(node: str, tmp_path: Path) -> str:
    """A store with the packets of dns.pcap."""
    shutil.copy(CAPTURES / "dns.pcap", tmp_path / "dns.pcap")
    assert espcap("--file", "dns.pcap", "--node", node, cwd=tmp_path).status == 0
    return node


def lines(ran: Ran) -> list[str]:
    assert ran.status == 0, ran.errors
    return without_empty(ran.output.decode().splitlines())


def failure(ran: Ran, status: int = 1) -> str:
    assert (ran.status, ran.output, len(ran.lines)) == (status, b"", 1)
    return ran.lines[0]


def test_packet_of_a_store(node: str, tmp_path: Path) -> None:
    """And what is said once its capture has changed, moved and gone."""
    wanted = ("show", f"{DNS}-7", "--node", node)
    expected = frames(CAPTURES / "dns.pcap")[6]
    assert lines(espcap(*wanted, cwd=tmp_path)) == expected
    assert "Error: the capture dns.pcap is gone (run espcap in the folder from which it" in failure(espcap(*wanted))

    capture, archive = tmp_path / "dns.pcap", tmp_path / "archive"
    archive.mkdir()
    capture.rename(archive / "moved.pcap")
    shutil.copy(CAPTURES / "arp.pcap", capture)
    changed = failure(espcap(*wanted, cwd=tmp_path))
    assert changed.startswith("Error: dns.pcap is no longer the capture that was stored: its content has changed (")
    assert lines(espcap(*wanted, "--dir", "archive", cwd=tmp_path)) == expected


def test_no_such_packet(node: str) -> None:
    assert f"has no packet {DNS}-25 (espcap search finds packets)" in failure(
        espcap("show", f"{DNS}-25", "--node", node)
    )
    assert "has no packet dns.pcap#25 (espcap search finds packets)" in failure(
        espcap("show", "dns.pcap#25", "--node", node)
    )
    for word in ("dns.pcap", "dns.pcap#", "dns.pcap#x", "#", f"{DNS}-x"):
        assert "does not name a packet (write FILE#NUMBER as espcap search does" in failure(
            espcap("show", word, "--node", node), status=2
        )


def test_output_of_search(node: str, tmp_path: Path) -> None:
    """The last column of its table names a packet for show; two captures of one name are told apart by identifiers."""
    table = on_terminal("search", "--sort", "frame.number", "--size", "30", "--node", node, COLUMNS="300")
    names = re.findall(r"\S+#\d+", COLOUR.sub("", table))
    assert names[6] == "dns.pcap#7"
    assert len(names) == 24
    assert lines(espcap("show", names[6], "--node", node, cwd=tmp_path)) == frames(CAPTURES / "dns.pcap")[6]

    shutil.copy(CAPTURES / "arp.pcap", tmp_path / "dns.pcap")
    assert espcap("--file", "dns.pcap", "--node", node, cwd=tmp_path).status == 0
    told = failure(espcap("show", names[2], "--node", node, cwd=tmp_path), status=2)
    assert told.startswith("Error: dns.pcap#3 is a packet of 2 captures that were stored under this name (name one of")
    assert f"{DNS}-3" in told


def test_live_packet(tmp_path: Path) -> None:
    """A document as a live capture makes it, sent as `retry` sends documents."""
    node = f"local:{tmp_path / 'index'}"
    [document, *_] = espcap("--file", CAPTURES / "arp.pcap").documents
    for name in ("file_name", "file_date_utc"):
        del document[name]
    document["observer"] = {"hostname": "sensor"}
    identifier = f"{document['capture_id']}-1"
    letter = {"reason": "", "index": "packets-2024-05-01", "id": identifier, "source": document}
    (tmp_path / "letters").write_text(json.dumps(letter) + "\n")
    assert espcap("retry", tmp_path / "letters", "--node", node).status == 0
    for name in (identifier, "sensor#1"):
        told = failure(espcap("show", name, "--node", node))
        assert told.startswith("Error: no capture file of the live capture on sensor is kept here (")


def test_packet_of_a_file() -> None:
    ran = espcap("show", CAPTURES / "tls13.pcapng", "10", "-o", f"tls.keylog_file:{CAPTURES / 'tls13.keys'}")
    assert "        Request URI: /order.xml" in lines(ran)
    assert "has no frame 7 (it has 6 that can be read)" in failure(espcap("show", CAPTURES / "arp.pcap", "7"))
    assert "is not a capture" in failure(espcap("show", CAPTURES / "README.md", "1"))
    assert "cannot read" in failure(espcap("show", "none.pcap", "1"))
    with (CAPTURES / "arp.pcap").open("rb") as capture:
        assert lines(espcap("show", "-", "1", stdin=capture)) == frames(CAPTURES / "arp.pcap")[0]
    assert "standard input" in failure(espcap("show", "-", "1", stdin=subprocess.PIPE), status=2)


def test_decode_as(tmp_path: Path) -> None:
    """As tshark shows it with -d, ranges, texts and a profile's own rules included; wrong rules are refused."""
    for folder in (tmp_path, *list(tmp_path.parents)[:2]):
        folder.chmod(0o755)  # tshark does not run as root
    (tmp_path / "decode_as_entries").write_text("decode_as_entry: udp.port,9,(none),NTP\n")
    profile = ("--profile-dir", tmp_path)
    for rule in ("udp.port==53,syslog", "udp.port==50-60,syslog", "udp.port==0x32:9,syslog"):
        for more in ((), profile):
            shown = lines(espcap("show", CAPTURES / "dns.pcap", "1", "-d", rule, *more))
            assert shown == frames(CAPTURES / "dns.pcap", "-d", rule)[0]
            assert any(line.startswith("Syslog message") for line in shown)
    (tmp_path / "decode_as_entries").write_text("decode_as_entry: udp.port,53,(none),NTP\n")
    kept = espcap("show", CAPTURES / "dns.pcap", "1", "-d", "udp.port==9,syslog", *profile)
    assert any(line.startswith("Network Time") for line in lines(kept))
    for rule in ("udp.port", "udp.port==53,nosuch", "nosuch==1,dns"):
        assert failure(espcap("show", CAPTURES / "dns.pcap", "1", "-d", rule), status=2)


def test_json() -> None:
    [packet] = espcap("show", CAPTURES / "http_xml.pcap", "12", "--json").documents
    labels = [f"[{line['label']}]" if line.get("generated") else line["label"] for line in packet["tree"]]
    indented = [" " * 4 * line["depth"] + label for line, label in zip(packet["tree"], labels, strict=True)]
    expected = frames(CAPTURES / "http_xml.pcap")[11]
    assert without_empty(indented) == expected[: len(indented)]
    assert packet["frame"] == 12
    assert f"{packet['sources'][0]['name']}:" == expected[len(indented)]
    assert len(packet["sources"]) > 1
    raw = ["tshark", "-r", str(CAPTURES / "http_xml.pcap"), "-Y", "frame.number==12", "-T", "json", "-x"]
    [whole] = json.loads(subprocess.run(raw, capture_output=True, env=environment(), check=True).stdout)
    assert packet["sources"][0]["hex"] == whole["_source"]["layers"]["frame_raw"][0]
    [ttl] = [line for line in packet["tree"] if line["label"] == "Time to Live: 64"]
    assert (ttl["filter"], ttl["source"], ttl["start"], ttl["length"]) == ("ip.ttl == 64", 0, 22, 1)


def test_colours() -> None:
    """On a terminal, unless NO_COLOR says otherwise; a note of an expert has that of its severity."""
    wanted = ("show", CAPTURES / "http_xml.pcap", "1")
    shown = on_terminal(*wanted)
    assert "\x1b[34m" in shown
    plain = on_terminal(*wanted, NO_COLOR="1")
    assert not COLOUR.search(plain)
    assert COLOUR.sub("", shown) == plain
    assert without_empty(plain.splitlines()) == lines(espcap(*wanted)) == frames(CAPTURES / "http_xml.pcap")[0]


def test_hostile_text_on_a_terminal(tmp_path: Path) -> None:
    capture = packets.hostile_names(tmp_path / "hostile.pcapng")
    for more in ((), ("--json",)):
        shown = COLOUR.sub("", on_terminal("show", capture, "1", *more))
        assert not re.search(r"[\x00-\x09\x0b-\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]", shown)
        assert "title" in shown


def test_missing_sharkd(tmp_path: Path) -> None:
    """A tshark without a sharkd beside it, and none on the PATH."""
    (tmp_path / "tshark").symlink_to(str(shutil.which("tshark")))
    ran = espcap("show", CAPTURES / "arp.pcap", "1", "--tshark", tmp_path / "tshark", PATH=str(tmp_path))
    assert failure(ran) == ("Error: sharkd is not installed (it comes with Wireshark: apt install wireshark-common)")


def test_live_packets_that_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the default spool, with the numbers of frames and streams that they have in the whole capture, whose first
    files are gone."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    node, whole = f"local:{tmp_path / 'index'}", tmp_path / "whole.pcapng"
    captures = [str(CAPTURES / name) for name in ("dns.pcap", "http_xml.pcap")]
    subprocess.run(["mergecap", "-a", "-w", str(whole), *captures], check=True)
    letters: list[dict[str, Any]] = []
    for document in espcap("--file", whole).documents:
        name = f"{document['capture_id']}-{document['layers']['frame']['number']}"
        live = {key: value for key, value in document.items() if key not in ("file_name", "file_date_utc")}
        letters.append({"reason": "", "index": "packets-2024-05-01", "id": name, "source": live})
    (tmp_path / "letters").write_text("\n".join(map(json.dumps, letters)) + "\n")
    assert espcap("retry", tmp_path / "letters", "--node", node).status == 0
    folder = tmp_path / "espcap" / "spool" / "captures"
    folder.mkdir(parents=True)
    for place, first in enumerate(range(21, len(letters) + 1, 10), 3):
        kept = folder / kept_name(letters[0]["id"].partition("-")[0], first - 1, place)
        subprocess.run(["editcap", "-r", str(whole), str(kept), f"{first}-{first + 9}"], check=True)
    expected = frames(whole)
    for letter in letters[24:]:
        if "http" in letter["source"]["layers"]:
            number = letter["source"]["layers"]["frame"]["number"]
            shown = lines(espcap("show", letter["id"], "--node", node))
            assert [line for line in shown if "first frame" not in line] == [
                line for line in expected[number - 1] if "first frame" not in line
            ]
    told = failure(espcap("show", letters[4]["id"], "--node", node))
    assert "the capture file with frame 5 is gone: the live capture has kept packets from frame 21 on (" in told
