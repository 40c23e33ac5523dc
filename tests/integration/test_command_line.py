"""The command line as a user meets it: what is printed where, and the commands beside the main one."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import CAPTURES, ROOT, environment, espcap, on_terminal, start

DISTINCT = 230
"""Packets of the sample captures; one of these is the compressed copy of another, with 33 packets."""


@pytest.fixture
def filled(node: str) -> str:
    """A node that holds the sample captures."""
    assert espcap("--dir", CAPTURES, "--node", node).status == 0
    return node


def test_same_file_twice_leaves_one_copy(node: str) -> None:
    first = espcap("--file", CAPTURES / "http_xml.pcap", "--node", node)
    assert first.status == 0, first.errors
    assert re.match(r"1 file, 33 packets read, 33 stored, 0 already there, 0 rejected, 0 dropped, 2024-", first.summary)
    second = espcap("--file", CAPTURES / "http_xml.pcap", "--node", node)
    assert second.status == 0, second.errors
    assert "33 packets read, 0 stored, 33 already there, 0 rejected" in second.summary
    assert len(espcap("search", "--size", "100", "--node", node).documents) == 33


def test_stored_documents_are_those_printed(node: str) -> None:
    printed = espcap("--file", CAPTURES / "dns.pcap")
    espcap("--file", CAPTURES / "dns.pcap", "--node", node)
    found = espcap("search", "--size", "100", "--node", node)
    assert found.documents == printed.documents


def test_json_report(tmp_path: Path, node: str) -> None:
    report = tmp_path / "report.json"
    ran = espcap("--dir", CAPTURES, "--node", node, "--json-report", report)
    summary = json.loads(report.read_text())
    assert ran.status == summary["exit_code"] == 0
    assert (summary["read"], summary["stored"]) == (263, DISTINCT)
    assert summary["already_there"] == 263 - DISTINCT
    assert summary["refused"] == summary["dropped"] == 0
    assert summary["files"] == 16
    assert (summary["first"], summary["last"][:19]) == ("2023-11-14T23:00:00.000000000Z", "2024-05-01T10:00:03")
    assert summary["seconds"] > 0
    assert summary["packets_per_second"] > 0


def test_search(filled: str) -> None:
    errors = espcap("search", "layers.http.response_code:[400 TO 599]", "--node", filled)
    assert [document["layers"]["http"]["response_code"] for document in errors.documents] == [404]
    assert espcap("search", "protocol:icmp", "--since", "2024-01-01", "--size", "50", "--node", filled).documents
    before = espcap("search", "--until", "2023-11-15", "--size", "50", "--node", filled).documents
    assert [document["@timestamp"][:10] for document in before] == ["2023-11-14"] * 3
    largest = espcap("search", "--sort", "-source.bytes", "--size", "2", "--node", filled).documents
    smallest = espcap("search", "--sort", "source.bytes", "--size", "1", "--node", filled).documents
    assert largest[0]["source"]["bytes"] >= largest[1]["source"]["bytes"] > smallest[0]["source"]["bytes"]
    second = espcap("search", "--sort", "-source.bytes", "--from", "1", "--size", "1", "--node", filled).documents
    assert second == largest[1:]
    both = espcap(
        "search", "layers.tcp.srcport:80", "-Y", "http.response.code >= 400", "--size", "50", "--node", filled
    )
    assert {document["layers"]["http"]["response_code"] for document in both.documents} == {404}
    assert {document["layers"]["tcp"]["srcport"] for document in both.documents} == {80}
    named = espcap("search", "-Y", 'ip.proto == "ICMP" && data.data contains 08', "--node", filled)
    assert named.documents
    assert len(named.lines) == 1
    assert named.lines[0].startswith("Note: layers.data.data: documents contain values of more than 64 bytes only with")
    unknown = espcap("search", "-Y", "tcp.prot == 80", "--node", filled)
    assert unknown.status == 2
    assert unknown.lines[0].startswith("Error: unknown field 'tcp.prot': did you mean tcp.port or tcp.srcport")
    hostile = espcap("search", "-Y", "(tcp && " * 1200 + "udp" + ")" * 1200, "--node", filled)
    assert hostile.status == 2
    assert hostile.lines == ["Error: the query is nested too deeply (use at most 24 levels of parentheses)"]
    sliced = espcap("search", "-Y", "eth.src[0:3] == 02:00:00", "--node", filled)
    assert sliced.status == 2
    assert sliced.lines[0].endswith("cannot be searched for (search the captures: espcap search --captures -Y FILTER)")
    deep = espcap("search", "NOT (" * 500 + "tcp" + ")" * 500, "--node", filled)
    assert deep.status == 2
    assert deep.lines == hostile.lines
    for words in (["tcp.prot:80"], ["--agg", "tcp.prot"], ["--sort", "-tcp.prot"]):
        misspelled = espcap("search", *words, "--node", filled)
        assert misspelled.status == 2
        assert misspelled.lines[0].startswith("Error: no such field: tcp.prot: did you mean tcp.port or tcp.srcport")
    complex_pattern = espcap("search", "-Y", 'http.host matches "(a|b)*a.{15}x"', "--node", filled)
    if filled.startswith("local:"):  # RE2 takes a time that grows with the text alone
        assert (complex_pattern.status, complex_pattern.documents) == (0, [])
    else:
        assert complex_pattern.status == 2
        assert "too complex (write a shorter one with fewer repetitions)" in complex_pattern.errors
    wrong = espcap("search", "source.port:[80 TO", "--node", filled)
    assert wrong.status == 2
    assert espcap("search", "source.port:http", "--node", filled).status == 2
    refused = espcap("search", "--since", "yesteryear", "--node", filled)
    assert refused.status == 2
    assert "'yesteryear' is not a time between 1970 and 2262 (write it as 2024-05-01, " in refused.errors
    assert espcap("search", "--since", "-1h", "--node", filled).documents == []


def test_fields_by_either_name(filled: str) -> None:
    """Names of display filters, and paths of documents."""

    def answer(*words: str) -> list[dict[str, object]]:
        ran = espcap("search", *words, "--size", "20", "--node", filled)
        assert (ran.status, [line for line in ran.lines if "are printed" not in line]) == (0, [])
        assert ran.documents
        return ran.documents

    assert answer("tcp.port:80", "--sort", "-frame.len") == answer("layers.tcp.port:80", "--sort", "-layers.frame.len")
    assert answer("--agg", "http.response.code") == answer("--agg", "layers.http.response_code")
    assert answer("_exists_:dns") == answer("protocols:dns")


def test_a_display_filter_as_query(filled: str) -> None:
    """It is taken as one, and said so; what is neither is refused with both readings."""
    for text in ("ip.src == 192.0.2.2", "tcp.flags.syn == 1", "dns && ip.addr == 192.0.2.1", "http.request"):
        taken, given = (espcap("search", *words, text, "--size", "99", "--node", filled) for words in ([], ["-Y"]))
        assert taken.documents
        assert taken.output == given.output
        assert taken.lines[0].startswith("Note: the query is used as a display filter, as with -Y; put quotes")
    for words in ([], ["-Y"]):
        refused = espcap("search", *words, "tcp port 80", "--node", filled)
        assert refused.status == 2
        assert "is a capture filter; stored packets are found by display filters (write -Y 'tcp.p" in refused.errors
    neither = espcap("stats", "ip.sorce == 10.0.0.4", "--node", filled)
    assert neither.status == 2
    assert "unknown field 'ip.sorce': did you mean ip.src" in neither.errors
    assert "to search for its words, put it in double quotes" in neither.errors


def test_aggregation_counts_every_packet(filled: str) -> None:
    buckets = espcap("search", "--agg", "protocol", "--size", "100", "--node", filled).documents
    assert sum(bucket["doc_count"] for bucket in buckets) == DISTINCT
    counts = [bucket["doc_count"] for bucket in buckets]
    assert counts == sorted(counts, reverse=True)


def test_search_on_a_terminal_is_a_table(filled: str) -> None:
    table = on_terminal("search", "layers.http.response_code:404", "--node", filled, COLUMNS="400").splitlines()
    assert re.split(r"  +", table[0]) == ["time", "source", "destination", "protocol", "length", "packet", "info"]
    assert re.match(r"2024-05-01T\S+  192\.0\.2\.2:80  192\.0\.2\.1:4", table[1])
    assert table[-1] == "1 of 1 packets"


def test_nothing_but_data_on_standard_output() -> None:
    ran = espcap("--file", CAPTURES / "arp.pcap", "--file", CAPTURES / "README.md")
    assert ran.status == 3
    assert len(ran.documents) == 6
    assert "is not a capture" in ran.lines[0]
    assert ran.summary.startswith("1 file, 6 packets read, 6 stored")


def test_progress_on_a_terminal(node: str) -> None:
    written = on_terminal("--dir", CAPTURES, "--node", node)
    assert re.search(r"\d+% \|.*\|.*left, [\d,]+ packets, [\d,]+/s", written)
    assert f"263 packets read, {DISTINCT} stored" in written.splitlines()[-1]


def test_pretty() -> None:
    ran = espcap("--file", CAPTURES / "arp.pcap", "--pretty", "-c", "1")
    assert ran.output.startswith(b'{\n  "@timestamp"')
    assert json.loads(ran.output)["protocol"] == "arp"


def test_options_from_the_environment(tmp_path: Path) -> None:
    node = f"local:{tmp_path}"
    ran = espcap("--file", CAPTURES / "arp.pcap", ESPCAP_NODE=node, ESPCAP_COUNT="2")
    assert "2 stored" in ran.summary
    assert len(espcap("search", ESPCAP_NODE=node).documents) == 2


def test_values_from_the_environment_have_a_line_each(tmp_path: Path) -> None:
    """Names may have blanks."""
    folder = tmp_path / "two captures"
    folder.mkdir()
    names = [str(folder / name) for name in ("a b.pcap", "c.pcap")]
    for name, capture in zip(names, ("arp", "dns"), strict=True):
        shutil.copy(CAPTURES / f"{capture}.pcap", name)
    both = espcap(ESPCAP_FILE="\n".join([*names, ""]))
    assert both.status == 0, both.errors
    assert list(dict.fromkeys(document["file_name"] for document in both.documents)) == names
    node = f"local:{tmp_path / 'an index'}"
    stored = espcap(ESPCAP_DIR=str(folder), ESPCAP_NODE=node)
    assert f"2 files, {len(both.documents)} packets read, {len(both.documents)} stored" in stored.summary
    assert (tmp_path / "an index").is_dir()


def test_version() -> None:
    ran = espcap("--version")
    tshark = subprocess.run(["tshark", "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
    lines = ran.output.decode().splitlines()
    assert re.fullmatch(r"espcap \d+\.\d+\.\d+", lines[0])
    assert lines[1] == tshark


def test_completion() -> None:
    script = subprocess.run(
        [str(Path(sys.executable).with_name("espcap"))],
        env=environment(_ESPCAP_COMPLETE="bash_source"),
        capture_output=True,
        check=True,
    )
    assert b"_espcap_completion" in script.stdout


def test_own_list_of_protocols(tmp_path: Path) -> None:
    (tmp_path / "protocols.list").write_text("# only these\nip\nxml\n")
    ran = espcap("--file", CAPTURES / "http_xml.pcap", "--protocols", tmp_path / "protocols.list")
    assert {document["protocol"] for document in ran.documents} == {"ip", "xml"}
    missing = espcap("--file", CAPTURES / "http_xml.pcap", "--protocols", "/no/such")
    assert missing.status == 1
    assert "cannot read the list of protocols /no/such" in missing.lines[0]


def test_setup(elasticsearch_url: str) -> None:
    printed = json.loads(espcap("setup", "--print").output)
    assert printed["index_patterns"] == ["packets-*"]
    assert espcap("setup", "--node", elasticsearch_url).status == 0
    import urllib.request

    with urllib.request.urlopen(f"{elasticsearch_url}/_index_template/packets") as answer:
        [template] = json.load(answer)["index_templates"]
    assert template["index_template"]["version"] == printed["version"]
    assert espcap("setup").status == 2


def test_doctor(elasticsearch_url: str) -> None:
    ran = espcap("doctor", "--node", elasticsearch_url)
    output = ran.output.decode().splitlines()
    named = ["tshark:", "sharkd:", "capture:", "cache:", "reader:", "local", "node:"]
    assert [line.split()[1] for line in output] == named
    assert output[0].endswith("), /usr/bin/tshark")
    assert "sharkd: /usr/bin/sharkd" in output[1]
    assert "Elasticsearch 9.5.3" in output[-1]
    away = espcap("doctor", "--node", "127.0.0.1:1")
    assert away.status == 1
    assert "missing  node: http://127.0.0.1:1" in away.output.decode()
    assert espcap("doctor", PATH="/nonexistent").output.decode().startswith("missing  tshark: tshark is not installed")


def test_node_that_is_away() -> None:
    ran = espcap("--file", CAPTURES / "arp.pcap", "--node", "http://127.0.0.1:1", timeout=8)
    assert ran.status == 1
    assert "http://127.0.0.1:1" in ran.lines[0]
    assert ran.lines[0].startswith("Error: ")


@pytest.fixture
def secret_key_log(tmp_path: Path) -> Path:
    path = tmp_path / "keys"
    path.write_bytes((CAPTURES / "tls13.keys").read_bytes())
    path.chmod(0o600)
    return path


def test_key_log_that_only_its_owner_may_read(secret_key_log: Path) -> None:
    ran = espcap("--file", CAPTURES / "tls13.pcapng", "-o", f"tls.keylog_file:{secret_key_log}", "-Y", "http")
    assert ran.status == 0, ran.errors
    assert len(ran.documents) == 4


def test_two_runs_at_once(node: str) -> None:
    runs = [start("--dir", CAPTURES, "--node", node, "--chunk", "20") for _ in range(2)]
    summaries = [run.communicate(timeout=120)[1].decode() for run in runs]
    assert [run.returncode for run in runs] == [0, 0], summaries
    stored = [int(re.search(r"(\d+) stored", summary)[1]) for summary in summaries]  # type: ignore[index]
    assert sum(stored) == DISTINCT
    assert len(espcap("search", "--size", "1000", "--node", node).documents) == DISTINCT


def test_wheel_holds_the_list_of_protocols(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(tmp_path), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    names = subprocess.run(
        [sys.executable, "-m", "zipfile", "-l", str(next(tmp_path.glob("*.whl")))],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "espcap/protocols.list" in names.stdout
