"""Fields of a dissector in Lua: stored with a profile, then found, summed and shown without it. Oracle: tshark -Y."""

import os
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import espcap as library
from espcap.fields.registry import REFRESH_SECONDS
from espcap.tshark.program import dissecting_user, environment, find_program
from tests.integration.test_read_only import read_only
from tests.support.command import CAPTURES, Ran, espcap, start
from tests.support.elasticsearch_node import remove_packets
from tests.support.hostile.writers import record, udp, write_pcap
from tests.support.requirements import needs_open_root_folder
from tests.support.served import served

SCRIPT = """
local hello = Proto("{name}", "Hello protocol")
local kind = ProtoField.{kind}("{name}.kind", "Kind"{names})
local from = ProtoField.ipv4("{name}.from", "From")
local big = ProtoField.uint64("{name}.big", "Big")
local text = ProtoField.string("{name}.text", "Text")
hello.fields = {{kind, from, big, text}}
function hello.dissector(buffer, packet, tree)
    local own = tree:add(hello, buffer())
    own:add(kind, buffer(0, 1))
    own:add(from, buffer(1, 4))
    own:add(big, buffer(5, 8))
    own:add(text, buffer(13))
end
DissectorTable.get("udp.port"):add(40002, hello)
"""
NAMES = ', base.DEC, {[3] = "Greeting", [4] = "Parting"}'
FILTERS = [
    "hello",
    "hello.kind == 3",
    "hello.kind > 3",
    "hello.kind == Greeting",
    'hello.kind in {"Greeting", "Parting"}',
    "hello.from == 10.0.0.2/31",
    "hello.big >= 18446744073709551614",
    'hello.text contains "ord5"',
    "!(hello.kind == 2)",
    "hello.text && ip.src",
]


def _profile(folder: Path, name: str = "hello", kind: str = "uint8", names: str = NAMES) -> Path:
    folder.mkdir(mode=0o755)
    (folder / "init.lua").write_text(SCRIPT.format(name=name, kind=kind, names=names))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a capture and a profile, which whoever dissects may read."""
    made = tmp_path_factory.mktemp("own")
    made.chmod(0o755)
    payloads = [
        bytes([kind, 10, 0, 0, kind]) + struct.pack(">Q", 2**64 - kind) + f"word{kind} tea".encode()
        for kind in range(1, 6)
    ]
    write_pcap(made / "hello.pcap", [record(udp(payload, 40_002)) for payload in payloads])
    _profile(made / "profile")
    return made


@pytest.fixture(scope="module", params=["local", "elasticsearch"])
def filled(request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    """A store with the packets."""
    url = "" if request.param == "local" else str(request.getfixturevalue("_elasticsearch_node"))
    node = url or f"local:{folder / 'index'}"
    ran = espcap("-r", folder / "hello.pcap", "--profile-dir", folder / "profile", "--node", node)
    assert ran.status == 0, ran.errors
    yield node
    if url:
        remove_packets(url)


def _tsharks(folder: Path, display_filter: str) -> list[int]:
    """The frames that tshark itself finds with the profile; as root it runs no scripts from 4.4 on."""
    program = find_program()
    user = dissecting_user(program)
    command = [program.path, "-n", "-r", "-", "-Y", display_filter, "-T", "fields", "-e", "frame.number"]
    with open(folder / "hello.pcap", "rb") as capture:
        ran = subprocess.run(
            command,
            stdin=capture,
            capture_output=True,
            env=environment(str(folder / "profile")),
            user=user.uid if user else None,
            group=user.gid if user else None,
            extra_groups=[] if user else None,
            check=True,
        )
    return [int(line) for line in ran.stdout.split()]


@needs_open_root_folder
@pytest.mark.parametrize("display_filter", FILTERS)
def test_display_filters(filled: str, folder: Path, display_filter: str) -> None:
    ran = espcap("search", "-Y", display_filter, "--sort", "frame.number", "--node", filled)
    assert ran.status == 0, ran.errors
    found = [document["layers"]["frame"]["number"] for document in ran.documents]
    assert found == _tsharks(folder, display_filter)
    assert found


def test_query_strings_sums_and_order(filled: str) -> None:
    def numbers(*arguments: str) -> list[int]:
        ran = espcap("search", *arguments, "--node", filled)
        assert ran.status == 0, ran.errors
        return [document["layers"]["frame"]["number"] for document in ran.documents]

    assert numbers("hello.kind == 3") == [3]  # recognised as a display filter
    assert numbers("layers.hello.kind:[4 TO *]", "--sort=-hello.kind") == [5, 4]
    assert numbers("layers.hello.from:10.0.0.0/30", "--sort", "hello.from") == [1, 2, 3]
    assert numbers("hello", "--sort=-hello.text") == [5, 4, 3, 2, 1]
    ran = espcap("search", "--agg", "hello.from", "hello.kind < 3", "--node", filled)
    assert sorted(bucket["key"] for bucket in ran.documents) == ["10.0.0.1", "10.0.0.2"]
    ran = espcap("search", "hello.kid == 3", "--node", filled)
    assert ran.status == 2
    assert "did you mean hello.kind" in ran.errors


def test_page(filled: str) -> None:
    with served(filled) as page:
        assert "hello.kind" in page.get("/complete", word="hello.k", language="filter").text
        assert "layers.hello.kind" in page.get("/complete", word="layers.hello.k", language="query").text
        shown = page.get("/", filter="hello.kind == 4", columns="number hello.text").text
        assert "word4 tea" in shown
        assert "word3 tea" not in shown


def test_captures_need_the_profile(filled: str, folder: Path) -> None:
    ran = espcap("search", "--captures", "-Y", "hello.kind == 3", "--node", filled)
    assert (ran.status, ran.documents) == (2, [])
    assert "name it with --profile-dir" in ran.errors
    profile = ("--profile-dir", folder / "profile")
    ran = espcap("search", "--captures", "-Y", 'hello contains "word3"', *profile, "--node", filled)
    assert [document["layers"]["frame"]["number"] for document in ran.documents] == [3]


def test_a_page_that_is_open_learns_new_names(folder: Path, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    node = f"local:{tmp_path / 'index'}"
    espcap("-r", folder / "hello.pcap", "--profile-dir", folder / "profile", "--node", node)
    other = _profile(tmp_path / "other", names=NAMES.replace("Greeting", "Salute"))
    with served(node) as page:
        assert "word3 tea" in page.get("/", filter='hello.kind == "Greeting"', columns="hello.text").text
        espcap("-r", folder / "hello.pcap", "--profile-dir", other, "--node", node)
        time.sleep(REFRESH_SECONDS)
        assert "word3 tea" in page.get("/", filter='hello.kind == "Salute"', columns="hello.text").text


def test_library(filled: str) -> None:
    found = list(library.search(display_filter="hello.kind > 3", sort="-hello.kind", node=filled))
    assert [document["layers"]["hello"]["text"] for document in found] == ["word5 tea", "word4 tea"]
    assert library.count(display_filter="hello.from == 10.0.0.0/30", node=filled) == 3


def test_a_field_that_becomes_another(filled: str, tmp_path: Path) -> None:
    """One line, and nothing is read: the texts could not be searched together with the numbers."""
    tmp_path.chmod(0o755)
    other = _profile(tmp_path / "other", kind="string", names="")
    capture = write_pcap(tmp_path / "other.pcap", [record(udp(b"x" * 20, 40_002))])
    ran = espcap("-r", capture, "--profile-dir", other, "--node", filled)
    assert ran.status == 1
    errors = [line for line in ran.lines if line.startswith("Error: ")]
    assert len(errors) == 1, ran.errors
    assert "has hello.kind as integer, and the profile as string" in errors[0]
    assert ran.summary.startswith("0 files, 0 packets read")
    assert library.count(node=filled) == 5


def test_an_index_that_is_only_read(folder: Path, tmp_path: Path) -> None:
    node = f"local:{tmp_path / 'index'}"
    espcap("-r", folder / "hello.pcap", "--profile-dir", folder / "profile", "--node", node)
    ran = read_only(tmp_path / "index", "search", "-Y", "hello.from == 10.0.0.2/31", "--node", node)
    assert ran.returncode == 0, ran.stderr
    assert len(ran.stdout.splitlines()) == 2


LINK = """
local bus = Proto("plcbus", "PLC bus")
local operation = ProtoField.uint8("plcbus.operation", "Operation")
bus.fields = {operation}
function bus.dissector(buffer, packet, tree)
    tree:add(bus, buffer()):add(operation, buffer(0, 1))
end
DissectorTable.get("ethertype"):add(0x88b5, bus)
"""
TAKEN = """
local taking = Proto("taking", "Takes the path of another")
local taken = ProtoField.string("ip.checksum_status", "Taken")
taking.fields = {taken}
function taking.dissector(buffer, packet, tree)
    tree:add(taking, buffer()):add(taken, "text")
end
register_postdissector(taking)
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder for a profile."""
    tmp_path.chmod(0o755)
    (tmp_path / "own").mkdir(mode=0o755)
    return tmp_path / "own"


def test_a_protocol_above_a_link_names_its_packets(own: Path, tmp_path: Path) -> None:
    (own / "init.lua").write_text(LINK)
    head = bytes.fromhex("02000000000102000000000288b5")
    capture = write_pcap(tmp_path / "bus.pcap", [record(head + bytes([7] * 46))])
    node = f"local:{tmp_path / 'index'}"
    assert espcap("-r", capture, "--profile-dir", own, "--node", node).status == 0
    (document,) = espcap("search", "protocol:plcbus AND plcbus.operation:7", "--node", node).documents
    assert document["stack"] == {"link": "eth", "application": "plcbus"}


def test_an_own_field_takes_no_path_of_wiresharks(own: Path, folder: Path, tmp_path: Path) -> None:
    (own / "init.lua").write_text(TAKEN)
    node = f"local:{tmp_path / 'index'}"
    assert espcap("-r", folder / "hello.pcap", "--profile-dir", own, "--node", node).status == 0
    for text in ('ip.checksum_status == "text"', "ip.checksum.status == 2"):
        found = espcap("search", "-Y", text, "--node", node)
        assert (found.status, len(found.documents)) == (0, 5), found.errors


def test_a_script_that_does_not_load(own: Path, folder: Path) -> None:
    """Is told, once."""
    (own / "init.lua").write_text("this is no script (")
    files = ("-r", folder / "hello.pcap", "-r", CAPTURES / "dns.pcap")
    ran = espcap(*files, "--profile-dir", own)
    told = [line for line in ran.lines if "a script in Lua does not load: " in line]
    assert len(told) == 1, ran.errors
    assert "init.lua:1: syntax error" in told[0]
    assert ran.status == 0
    (own / "init.lua").write_text("")
    assert "script" not in espcap(*files, "--profile-dir", own).errors


def test_a_script_that_changes_within_its_time(folder: Path, own: Path, tmp_path: Path) -> None:
    """A copy may have the time of what it replaces, and a folder of scripts may be linked."""
    (tmp_path / "scripts").mkdir(mode=0o755)
    (own / "plugins").symlink_to(tmp_path / "scripts")
    script, times = tmp_path / "scripts" / "hello.lua", (1_700_000_000, 1_700_000_000)
    for kind, text in (("uint8", "hello.kind == 3"), ("string", "hello.kind")):
        script.write_text(SCRIPT.format(name="hello", kind=kind, names=""))
        os.utime(script, times)
        node = f"local:{tmp_path / kind}"
        assert espcap("-r", folder / "hello.pcap", "--profile-dir", own, "--node", node).status == 0
        found = espcap("search", "-Y", text, "--node", node).documents
        assert {type(each["layers"]["hello"]["kind"]).__name__ for each in found} == {
            "int" if kind == "uint8" else "str"
        }


def test_profiles_at_once(node: str, folder: Path, tmp_path: Path) -> None:
    """Both are recorded, whoever comes first."""
    tmp_path.chmod(0o755)
    names = ["first", "second", "third"]
    profiles = [_profile(tmp_path / name, name) for name in names]
    capture = folder / "hello.pcap"
    assert espcap("-r", capture, "--profile-dir", profiles[0]).status == 0  # makes one registry, with tshark alone's
    runs = [start("-r", capture, "--profile-dir", profile, "--node", node) for profile in profiles]
    for run in runs:
        run.communicate(timeout=120)
        assert run.returncode == 0
    for name in names:
        ran = espcap("search", "-Y", f"{name}.kind == 3 || udp", "--node", node)
        assert (ran.status, len(ran.documents)) == (0, 5), ran.errors


def test_an_index_of_an_earlier_version(folder: Path, tmp_path: Path) -> None:
    """It has no record, works as before, and has one after the same command again, which stores nothing anew."""
    node = f"local:{tmp_path / 'index'}"

    def load() -> Ran:
        return espcap("-r", folder / "hello.pcap", "--profile-dir", folder / "profile", "--node", node)

    load()
    (tmp_path / "index" / "own-fields.json").unlink()
    ran = espcap("search", "-Y", "hello.kind == 3", "--node", node)
    assert ran.status == 2
    assert "unknown field 'hello.kind'" in ran.errors
    assert len(espcap("search", "udp", "--node", node).documents) == 5
    assert ", 0 stored, 5 already there" in load().summary
    assert len(espcap("search", "-Y", "hello.kind == 3", "--node", node).documents) == 1


def test_the_record_outlives_packets(folder: Path, tmp_path: Path) -> None:
    node = f"local:{tmp_path / 'index'}"
    espcap("-r", folder / "hello.pcap", "--profile-dir", folder / "profile", "--node", node)
    assert b"packets-2024-05-01" in espcap("prune", "--keep", "1d", "--yes", "--node", node).output
    assert espcap("forget", folder / "hello.pcap", "--node", node).status == 0
    ran = espcap("search", "-Y", "hello.kind == 3", "--node", node)
    assert (ran.status, ran.documents) == (0, [])


def test_scripts_that_are_not_loaded(own: Path, folder: Path, tmp_path: Path) -> None:
    """Nothing is stored without the fields of dissectors that lie where tshark does not look."""
    (own / "own.lua").write_text(SCRIPT.format(name="hello", kind="uint8", names=""))
    words = ("--file", folder / "hello.pcap", "--node", f"local:{tmp_path / 'index'}")
    ran = espcap(*words, "--profile-dir", own)
    assert ran.status == 2
    assert "has no folder plugins, so tshark would not load own.lua (name the folder above" in ran.errors
    assert not (tmp_path / "index").exists()
    own.rename(tmp_path / "plugins")
    assert espcap(*words, "--profile-dir", tmp_path).status == 0
    assert espcap("search", "-Y", "hello.kind == 3", *words[2:]).documents
