"""`--captures`: filters that documents cannot answer find the frames that tshark prints, on every store."""

import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from espcap.captures.originals import Originals
from espcap.extract.extraction import Missing
from espcap.extract.filtering import Filtering
from espcap.fields.registry import Registry
from espcap.query import combine
from espcap.query.display_filter.bounds import bounds
from espcap.query.filter_language import language_of
from espcap.query.languages import read_filter
from espcap.stores import open_store
from espcap.tshark.arguments import Settings
from espcap.tshark.program import Program, dissecting_user
from tests.support.command import CAPTURES, Ran, espcap, on_terminal
from tests.support.elasticsearch_node import remove_packets
from tests.support.filter_oracle import passing

pytest_plugins = ["tests.support.core_fixtures"]

NAMES = ("dns.pcap", "http_xml.pcap", "mixed.pcap", "tls13.pcapng")
SAMPLES = [CAPTURES / name for name in NAMES]
FILTERS = [
    'frame contains "order"',
    'tcp.port == 80 && frame contains "order"',
    '!(frame contains "order") && http',
    '!(tcp.port == 80 || frame contains "order")',
    'dns || frame contains "order"',
    "eth.src[0:3] == 02:00:00 && udp",
    "ip[0] == 45 && ip.ttl > 1",
    "tcp.flags & 0x02",
    "{frame.len - 14} > 200",
    "ip.src == ip.dst || udp.srcport == udp.dstport",
    "len(dns.qry.name) > 12",
    'http.host matches "(?=example)" || http.request.uri matches "order(?!s)"',
    'tcp.payload contains "GET" || udp.payload contains 01',
    'tcp contains "HTTP"',
    'http.server matches "."',
]


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """For each filter the frames that pass."""
    script = tmp_path_factory.mktemp("filters") / "script.lua"
    found: dict[str, set[str]] = {text: set() for text in FILTERS}
    for sample in SAMPLES:
        for text, frames in zip(FILTERS, passing(sample, FILTERS, script), strict=True):
            assert frames is not None, text
            found[text] |= {f"{sample.name}#{frame}" for frame in frames}
    assert all(found.values())
    return found


@pytest.fixture(scope="module", params=["local", "elasticsearch"])
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A store with all samples."""
    folder = tmp_path_factory.mktemp("filled")
    url = str(request.getfixturevalue("_elasticsearch_node")) if request.param == "elasticsearch" else ""
    node = url or f"local:{folder / 'index'}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(folder))
        files = [word for sample in SAMPLES for word in ("--file", sample)]
        assert espcap(*files, "--node", node).status == 0
        yield node
    if url:
        remove_packets(url)


def frames(ran: Ran) -> set[str]:
    found = [
        f"{Path(document['file_name']).name}#{document['layers']['frame']['number']}" for document in ran.documents
    ]
    assert len(found) == len(set(found))
    return set(found)


def test_frames_of_tshark(filled: str, expected: dict[str, set[str]], program: Program, registry: Registry) -> None:
    store = open_store([filled], Registry(registry.path))
    missing: list[Missing] = []
    language = language_of(program.version)
    for text, wanted in expected.items():
        settings = Settings(text)
        filtering = Filtering(program, dissecting_user(program), settings, Originals(), missing.append)
        read = partial(read_filter, registry=registry, named_values=lambda field: [], language=language)
        can_pass = bounds(text, read, registry.kind, lambda path: True)
        assert not can_pass.is_exact
        query = filtering.passing(store, can_pass.query)
        answer = store.search(query, size=1000)
        found = {f"{Path(hit.source['file_name']).name}#{hit.id.rpartition('-')[2]}" for hit in answer.hits}
        assert found == wanted, text
        assert answer.total == len(wanted)
        assert {hit.id for hit in store.search(combine(can_pass.query, query), size=1000).hits} == {
            hit.id for hit in answer.hits
        }
    assert not missing
    store.close()


def test_command(filled: str, expected: dict[str, set[str]]) -> None:
    text = 'frame contains "order"'
    refused = espcap("search", "-Y", text, "--node", filled)
    assert refused.status == 2
    assert "search the captures: espcap search --captures -Y FILTER" in refused.errors
    found = espcap("search", "--captures", "-Y", text, "--size", "100", "--node", filled)
    assert (found.status, found.lines, frames(found)) == (0, [], expected[text])
    taken = espcap("search", "--captures", text, "--size", "100", "--node", filled)
    assert frames(taken) == expected[text]
    assert taken.lines[0].startswith("Note: the query is used as a display filter")
    narrowed = espcap(
        *("search", "protocol:http", "--captures", "-Y", text, "--sort", "-frame.len", "--size", "1"),
        *("--since", "2000-01-01", "--node", filled),
    )
    [longest] = narrowed.documents
    lengths = [document["layers"]["frame"]["len"] for document in found.documents if document["protocol"] == "http"]
    assert longest["layers"]["frame"]["len"] == max(lengths)
    counted = espcap("search", "--captures", "-Y", text, "--agg", "protocol", "--node", filled)
    assert sum(bucket["doc_count"] for bucket in counted.documents) == len(expected[text])
    summed = espcap("stats", "--captures", "-Y", text, "--node", filled)
    assert summed.documents[0]["packets"] == len(expected[text])
    nothing = espcap("search", "--captures", "-Y", 'frame contains "no such bytes"', "--node", filled)
    assert (nothing.status, nothing.output) == (0, b"")


def test_extract(filled: str, expected: dict[str, set[str]], tmp_path: Path) -> None:
    text = "ip.src == ip.dst || udp.srcport == udp.dstport"
    output = tmp_path / "out.pcapng"
    ran = espcap("extract", "--captures", "-Y", text, "-w", output, "--node", filled)
    assert ran.status == 0
    assert ran.summary.startswith(f"{len(expected[text]):,} packets of ")


def test_filters_that_tshark_refuses(filled: str) -> None:
    wrong = espcap("search", "--captures", "-Y", "frame contains", "--node", filled)
    assert wrong.status == 2
    assert len(wrong.lines) == 1
    assert wrong.lines[0].startswith("Error: ")
    assert "nd of " in wrong.lines[0]  # "Unexpected end of filter", "expected to reach end of …"
    assert espcap("search", "--captures", "protocol:dns", "--node", filled).lines == [
        "Error: --captures is for display filters (give one with -Y)"
    ]


@pytest.fixture
def local(tmp_path: Path) -> str:
    """For what does not depend on the store."""
    return f"local:{tmp_path / 'index'}"


def test_captures_that_are_gone(local: str, tmp_path: Path) -> None:
    """Their packets are counted and named, unless the index tells that none can pass; --dir finds those that moved."""
    folder = tmp_path / "captures"
    folder.mkdir()
    for name in ("http_xml.pcap", "dns.pcap", "arp.pcap"):
        shutil.copy(CAPTURES / name, folder)
    assert espcap("--dir", folder, "--node", local).status == 0
    (folder / "dns.pcap").rename(tmp_path / "moved.pcap")
    (folder / "arp.pcap").unlink()
    text = '!(tcp) && frame contains "example"'
    ran = espcap("search", "--captures", "-Y", text, "--node", local)
    assert (ran.status, ran.output) == (3, b"")
    assert len(ran.lines) == 2
    assert all("packets could not be filtered: the capture " in line for line in ran.lines)
    assert {line.split()[1] for line in ran.lines} == {"14", "6"}
    moved = espcap("search", "--captures", "-Y", f"udp && {text}", "--dir", tmp_path, "--size", "50", "--node", local)
    assert moved.status == 0
    assert moved.documents
    (folder / "http_xml.pcap").write_bytes((CAPTURES / "arp.pcap").read_bytes())
    changed = espcap("search", "--captures", "-Y", "tcp[0] == 0", "--node", local)
    assert changed.status == 3
    assert "its content has changed" in changed.errors


def test_settings(local: str) -> None:
    """With the keys of TLS tshark sees what the documents have."""
    keys = f"tls.keylog_file:{CAPTURES / 'tls13.keys'}"
    capture = CAPTURES / "tls13.pcapng"
    assert espcap("--file", capture, "-o", keys, "--node", local).status == 0
    text = 'http && http contains "order"'
    ran = espcap("search", "--captures", "-Y", text, "-o", keys, "--node", local)
    command = ["tshark", "-n", "-r", str(capture), "-o", keys, "-Y", text, "-T", "fields", "-e", "frame.number"]
    wanted = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert frames(ran) == {f"tls13.pcapng#{frame}" for frame in wanted} != set()


def test_terminal(filled: str) -> None:
    shown = on_terminal("search", "--captures", "-Y", 'frame contains "order"', "--node", filled)
    assert "packets" in shown
    assert "/s]" in shown.replace(" ", "") or "B/s" in shown
