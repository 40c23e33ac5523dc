"""`espcap extract`: the packets that tshark's own filter prints, byte for byte, and what is said of others."""

import os
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from scapy.layers.dns import DNS, DNSQR, DNSRR
from scapy.layers.inet import IP, UDP, fragment
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment, fragment6
from scapy.layers.l2 import GRE, Ether
from scapy.utils import wrpcap

from espcap.tshark.program import environment
from tests.support.command import CAPTURES, Ran, espcap, on_terminal
from tests.support.filter_oracle import passing

FIELDS = ["frame.time_epoch", "frame.len", "frame.cap_len", "frame.encap_type", "frame.comment", "frame.md5_hash"]
NAMES = ("arp.pcap", "dns.pcap", "http_xml.pcap", "icmp.pcap", "midnight.pcap", "nanoseconds.pcapng", "tls13.pcapng")
SAMPLES = [CAPTURES / name for name in NAMES]
FILTERS = ["ip.addr == 192.0.2.1 && tcp.flags.syn == 1", "arp || icmp", ""]


def packets(capture: Path | bytes, display_filter: str = "") -> list[str]:
    """Time, length, link type, comment and digest of the packets that pass, as tshark sees them."""
    command = ["tshark", "-n", "-o", "frame.generate_md5_hash:TRUE", "-T", "fields", "-Y", display_filter]
    command += [word for field in FIELDS for word in ("-e", field)]
    given = capture if isinstance(capture, bytes) else capture.read_bytes()
    answer = subprocess.run([*command, "-r", "-"], input=given, capture_output=True, env=environment(), check=False)
    return answer.stdout.decode().splitlines()


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """For each filter the packets of all samples that pass."""
    script = tmp_path_factory.mktemp("filters") / "script.lua"
    found: dict[str, list[str]] = {text: [] for text in FILTERS}
    for sample in SAMPLES:
        lines = packets(sample)
        for text, frames in zip(FILTERS, passing(sample, FILTERS, script), strict=True):
            found[text] += [lines[frame - 1] for frame in frames or []]
    return found


def times(lines: list[str]) -> list[str]:
    return [line.split("\t")[0] for line in lines]


@pytest.fixture
def local(tmp_path: Path) -> str:
    """For what does not depend on the store."""
    return f"local:{tmp_path / 'index'}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder to put captures in."""
    (tmp_path / "captures").mkdir()
    return tmp_path / "captures"


def store(folder: Path, node: str) -> None:
    assert espcap("--dir", folder, "--node", node).status in (0, 3)


def extracted(node: str, *arguments: str | Path) -> tuple[list[str], Ran]:
    """The packets of the capture that goes to a pipe."""
    ran = espcap("extract", *arguments, "-w", "-", "--node", node)
    return packets(ran.output), ran


def test_packets_of_many_captures(node: str, folder: Path, expected: dict[str, list[str]]) -> None:
    for sample in SAMPLES:
        shutil.copy(sample, folder)
    store(folder, node)
    for text in FILTERS:
        found, ran = extracted(node, "-Y", text)
        assert Counter(found) == Counter(expected[text])
        assert times(found) == sorted(times(expected[text]))
        assert ran.status == 0
        assert ran.summary.startswith(f"{len(expected[text]):,} packets of ")


def test_order_of_one_capture_stays(local: str, folder: Path) -> None:
    """Its second half comes before its first: times go back."""
    parts = [folder / "later.pcap", folder / "earlier.pcap"]
    for part, frames in zip(parts, ("13-24", "1-12"), strict=True):
        subprocess.run(["editcap", "-r", CAPTURES / "dns.pcap", part, frames], check=True)
    subprocess.run(["mergecap", "-a", "-w", folder / "back.pcapng", *parts], check=True)
    for part in parts:
        part.unlink()
    store(folder, local)
    found, _ = extracted(local, "layers.udp.srcport:53")
    assert found == packets(folder / "back.pcapng", "udp.srcport == 53")
    assert times(found) != sorted(times(found))


def test_comments_interfaces_and_keys_stay(folder: Path) -> None:
    """What a pcapng has beside packets that their dissection shows; gzip data as well."""
    keys = f"tls,{CAPTURES / 'tls13.keys'}"
    commented, node = folder / "commented.pcapng", f"local:{folder.parent / 'index'}"
    editcap = ["editcap", "--inject-secrets", keys, "-a", "10:a comment", str(CAPTURES / "tls13.pcapng")]
    subprocess.run([*editcap, str(commented)], check=True, env=environment())
    subprocess.run(["gzip", commented], check=True)
    store(folder, node)
    output = folder.parent / "out.pcapng"
    ran = espcap("extract", "-Y", "tcp", "-w", output, "--node", node)
    assert (ran.status, ran.output) == (0, b"")
    assert packets(output) == packets(folder / "commented.pcapng.gz")
    assert packets(output, 'http.request.uri == "/order.xml" && frame.comment contains "comment"')


def test_whole_conversations(node: str, folder: Path) -> None:
    """Of a response those of its connection, also from another capture; a packet without one stays alone."""
    for name, frames in (("one.pcap", "1-10"), ("two.pcap", "11-33")):
        subprocess.run(["editcap", "-r", CAPTURES / "http_xml.pcap", folder / name, frames], check=True)
    shutil.copy(CAPTURES / "mixed.pcap", folder)
    store(folder, node)
    found, _ = extracted(node, "-Y", "http.response.code == 404 || arp", "--flow")
    expected = packets(CAPTURES / "http_xml.pcap", "tcp") + packets(CAPTURES / "mixed.pcap", "arp")
    assert Counter(found) == Counter(expected)
    alone, _ = extracted(node, "-Y", "http.response.code == 404")
    assert len(alone) == 1


def test_missing_captures(local: str, folder: Path, tmp_path: Path) -> None:
    """Counted and named; the rest is extracted."""
    for name in ("dns.pcap", "arp.pcap", "icmp.pcap", "http_xml.pcap"):
        shutil.copy(CAPTURES / name, folder)
    store(folder, local)
    (folder / "arp.pcap").unlink()
    shutil.copy(CAPTURES / "vlan.pcap", folder / "icmp.pcap")
    (tmp_path / "moved").mkdir()
    (folder / "http_xml.pcap").rename(tmp_path / "moved" / "other.pcap")
    wanted = "NOT protocol:none"
    found, ran = extracted(local, wanted, "--dir", tmp_path / "moved")
    assert Counter(found) == Counter(packets(CAPTURES / "dns.pcap") + packets(CAPTURES / "http_xml.pcap"))
    assert ran.status == 3
    told = "\n".join(ran.lines)
    assert f"Error: 6 packets are missing: the capture {folder}/arp.pcap is gone (" in told
    assert f"Error: 8 packets are missing: {folder}/icmp.pcap is no longer the capture that was stored" in told
    assert ran.summary == "57 packets of 4 captures extracted, 14 missing"


def test_damaged_capture(local: str, folder: Path) -> None:
    """What could be stored of it can be extracted."""
    (folder / "cut.pcap").write_bytes((CAPTURES / "http_xml.pcap").read_bytes()[:4000])
    store(folder, local)
    found, ran = extracted(local)
    assert (found, ran.status) == (packets(CAPTURES / "http_xml.pcap")[:9], 0)


def test_output(folder: Path, tmp_path: Path) -> None:
    node, output = f"local:{tmp_path / 'index'}", tmp_path / "out.pcapng"
    capture = Path(shutil.copy(CAPTURES / "dns.pcap", folder))
    store(folder, node)
    content = capture.read_bytes()
    for name in (capture, tmp_path / "link.pcap", tmp_path / "hard.pcap"):
        if name.name == "link.pcap":
            name.symlink_to(capture)
        elif name.name == "hard.pcap":
            os.link(capture, name)
        assert espcap("extract", "-w", name, "--node", node).lines == [
            f"Error: {name} exists (name another file with -w, or overwrite it with --force)"
        ]
        ran = espcap("extract", "-w", name, "--force", "--node", node)
        assert (ran.status, ran.lines) == (
            2,
            [f"Error: {name} is one of the captures to read (name another file)"],
        )
        assert capture.read_bytes() == content
    output.write_text("earlier")
    assert espcap("extract", "-w", output, "--node", node).status == 2
    assert output.read_text() == "earlier"
    assert espcap("extract", "-w", output, "--force", "--node", node).status == 0
    assert packets(output) == packets(capture)
    assert espcap("extract", "-w", "/dev/null", "--node", node).status == 0
    ran = espcap("extract", "-w", tmp_path / "none" / "out.pcapng", "--node", node)
    assert (ran.status, len(ran.lines)) == (1, 1)
    assert espcap("extract", "--node", node).status == 2
    assert sorted(path.name for path in tmp_path.iterdir() if "espcap" in path.name) == []
    assert "Error: a capture cannot be printed on a terminal" in on_terminal("extract", "-w", "-", "--node", node)


def test_live_packets_are_missing(tmp_path: Path) -> None:
    """Their documents name no file."""
    node = f"local:{tmp_path / 'index'}"
    with (CAPTURES / "arp.pcap").open("rb") as capture:
        read, write = os.pipe()
        os.write(write, capture.read())
        os.close(write)
        assert espcap("--file", "-", "--node", node, stdin=read).status == 0
        os.close(read)
    found, ran = extracted(node)
    assert (found, ran.status) == ([], 3)
    assert "Error: 6 packets are missing: the capture came on standard input (" in ran.errors


def test_nothing_to_extract(local: str, folder: Path, tmp_path: Path) -> None:
    """No file is made, nor one that is there touched; a pipe gets a capture without packets."""
    shutil.copy(CAPTURES / "dns.pcap", folder)
    store(folder, local)
    output = tmp_path / "out.pcapng"
    for content, more in ((None, []), ("earlier", ["--force"])):
        if content:
            output.write_text(content)
        ran = espcap("extract", "protocol:none", "-w", output, *more, "--node", local)
        assert ran.summary == f"Note: no packet was extracted, so {output} is not written"
        assert "0 packets of 0 captures extracted, 0 missing" in ran.errors
        assert output.exists() == bool(content)
    assert output.read_text() == "earlier"
    found, ran = extracted(local, "protocol:none")
    assert (found, ran.status, len(ran.output)) == ([], 0, 28)


def test_progress(local: str, folder: Path, tmp_path: Path) -> None:
    """A bar on a terminal."""
    shutil.copy(CAPTURES / "dns.pcap", folder)
    store(folder, local)
    told = on_terminal("extract", "-w", str(tmp_path / "out.pcapng"), "--node", local)
    assert "%" in told
    assert "packets of 1 capture extracted" in told


def test_no_tshark_for_usual_captures(local: str, folder: Path, tmp_path: Path) -> None:
    """Each would cost as much time as thousands of packets."""
    for name in ("dns.pcap", "tls13.pcapng", "http_xml.pcap.gz"):
        shutil.copy(CAPTURES / name, folder)
    store(folder, local)
    real, calls = shutil.which("tshark"), tmp_path / "calls"
    script = tmp_path / "tshark"
    script.write_text(f'#!/bin/sh\necho "$*" >> {calls}\nexec {real} "$@"\n')
    script.chmod(0o755)
    calls.touch(0o666)
    calls.chmod(0o666)
    found, ran = extracted(local, "--tshark", script)
    assert ran.status == 0
    assert len(found) == sum(len(packets(path)) for path in folder.iterdir())
    assert not [line for line in calls.read_text().splitlines() if "-w -" in line]


@pytest.mark.parametrize("form", ["ipv4", "ipv6", "tunnel"])
def test_fragments_of_a_conversation(form: str, local: str, folder: Path) -> None:
    """Without them the packet that they make could not be dissected any more."""
    network: Any
    fragments: Any
    network, fragments, inner = (IP, fragment, "192.0.2.") if form != "ipv6" else (IPv6, fragment6, "2001:db8::")
    query, answer = network(src=f"{inner}1", dst=f"{inner}53"), network(src=f"{inner}53", dst=f"{inner}1")
    answer = answer / IPv6ExtHdrFragment() if form == "ipv6" else answer
    records = [DNSRR(rrname="big.example.test", type="TXT", rdata="x" * 250) for _ in range(10)]
    dns = DNS(id=7, qr=1, qd=DNSQR(qname="big.example.test"), an=records)
    pieces = fragments(answer / UDP(sport=53, dport=40007) / dns, 1000)
    sent = [query / UDP(sport=40007, dport=53) / DNS(id=7, qd=DNSQR(qname="big.example.test")), *pieces]
    sent.append(network(src=f"{inner}9", dst=f"{inner}53") / UDP(sport=1, dport=53) / DNS(id=8))
    outer = IP(src="198.51.100.1", dst="198.51.100.2") / GRE()
    wrpcap(str(folder / "sent.pcap"), [Ether() / (outer / each if form == "tunnel" else each) for each in sent])
    store(folder, local)
    ran = espcap("extract", "--flow", "-Y", "dns.txt", "-w", "-", "--node", local)
    assert packets(ran.output) == packets(folder / "sent.pcap")[:-1]
    assert len(packets(ran.output)) > 3
    assert packets(ran.output, "dns.txt") == packets(folder / "sent.pcap", "dns.txt") != []
