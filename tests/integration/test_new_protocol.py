"""espcap new-protocol: the folder that it makes, the questions that it asks, and what it does not accept."""

import os
import pty
import subprocess
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from espcap.new_protocol import files_of
from tests.new_protocol.examples import ECHO, LENGTH, tshark, write
from tests.support.command import ESPCAP, environment, espcap
from tests.support.requirements import needs_open_root_folder

pytest_plugins = ["tests.support.core_fixtures", "tests.support.native"]

ECHO_OPTIONS = ("--port", "7777", "--request", ">", "--response", "<", "--error", "!")
LENGTH_OPTIONS = (
    *("--port", "7777", "--framing", "length", "--length-offset", "1", "--length-size", "4", "--endian", "little"),
    *("--field", "op:uint8", "--field", "id:uint64", "--field", "n:uint32", "--field", "at:ipv4"),
    *("--field", "raw:bytes:6", "--field", "code:uint16", "--field", "who:string:8", "--field", "more:string"),
    *("--request", "op=0x10", "--response", "op=17", "--error", "code!=0", "--match", "id"),
)


def contents(folder: Path) -> dict[str, bytes]:
    """The files of a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize(("options", "made"), [(ECHO_OPTIONS, ECHO), (LENGTH_OPTIONS, LENGTH)], ids=["echo", "length"])
def test_the_folder(options: tuple[str, ...], made: object, tmp_path: Path) -> None:
    ran = espcap("new-protocol", "sample", *options, cwd=tmp_path)
    assert ran.status == 0, ran.errors
    assert ran.output == b""
    assert ran.lines == ["sample is made; its README.md says how to go on"]
    assert contents(tmp_path / "sample") == files_of(made)  # type: ignore[arg-type]


def test_a_folder_that_exists_is_not_changed(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "README.md").write_text("mine")
    ran = espcap("new-protocol", "sample", "--port", "7", "--output", "mine", cwd=tmp_path)
    assert (ran.status, ran.lines) == (2, ["Error: mine exists (name another folder with --output)"])
    assert contents(tmp_path / "mine") == {"README.md": b"mine"}
    (tmp_path / "link").symlink_to("nowhere")
    assert espcap("new-protocol", "sample", "--port", "7", "--output", "link", cwd=tmp_path).status == 2


WRONG = {
    "echo --port 7": "Wireshark itself has a protocol echo (choose another name)",
    "krb5 --port 7": "Wireshark itself has a protocol krb5",
    "Sample --port 7": "'Sample' cannot be a name (write small letters, digits and _, with a letter in front)",
    "sample": "a protocol needs a port (name it with --port)",
    "sample --port 7 --field text": "'text' is not a field (write NAME:TYPE; the types are string, uint8,",
    "sample --port 7 --field text:float": "'text:float' is not a field",
    "sample --port 7 --field role:string": "the dissector has a field role itself",
    "sample --port 7 --field a:string --field a:uint8": "two fields have the name a",
    "sample --port 7 --field a:string:8": "only string and bytes have a size, and only without --framing line",
    "sample --port 7 --request op=1": "'op=1' is not a condition (write one character, or FIELD=VALUE; the fields are",
    "sample --port 7 --field n:uint8 --request n=256": "'256' is not a value of n (its type is uint8)",
    "sample --port 7 --request > --error >": "the conditions do not tell messages apart: each error would be a request",
    "sample --port 7 --request text=a\x01b": "'text=a\\x01b' has characters that cannot be printed",
    "sample --port 7 --match id": "there is no field id to match (--match is order, text)",
    "sample --port 7 --framing fixed": "messages of a fixed size need a size (name it with --size)",
    "sample --port 7 --framing fixed --size 3 --field n:uint32": "the fields do not fit in 3 bytes",
    "sample --port 7 --framing length --field a:string --field b:uint8": "only the last field can be the rest of a",
    "sample --port 7 --framing length --field n:uint32 --length-offset 2": "the length would begin at byte 2, which is",
    "sample --port 70000": "Invalid value for '--port': 70000 is not in the range",
    "sample --port 7 --output /proc/sample": "cannot write /proc/sample: ",
}


@pytest.mark.parametrize("words", WRONG)
def test_choices_that_do_not_fit(words: str, tmp_path: Path) -> None:
    """One line, and no folder."""
    ran = espcap("new-protocol", *words.split(), cwd=tmp_path)
    assert ran.status in (1, 2)
    assert WRONG[words] in ran.errors
    assert list(tmp_path.iterdir()) == []


def asked(folder: Path, *words: str, answers: str) -> str:
    """What a run with a terminal as standard input prints; `answers` are typed."""
    leader, follower = pty.openpty()
    os.write(leader, answers.encode())
    ran = subprocess.run(
        [*ESPCAP, "new-protocol", *words],
        stdin=follower,
        capture_output=True,
        text=True,
        env=environment(),
        cwd=folder,
        timeout=60,
        check=False,
    )
    os.close(leader)
    os.close(follower)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == ""
    return ran.stderr


def test_questions_on_a_terminal(tmp_path: Path) -> None:
    printed = asked(tmp_path, "sample", answers="tcp\n7777\nline\ntext:string\n>\n<\n!\norder\n")
    assert "Port of the server" in printed
    assert "Bytes of" not in printed
    assert contents(tmp_path / "sample") == files_of(ECHO)


def test_a_wrong_answer_is_asked_again(tmp_path: Path) -> None:
    answers = "tcp\nmany\n7777\nline\ntext:float\ntext:string\nop=1\n>\n<\n!\norder\n"
    printed = asked(tmp_path, "sample", answers=answers)
    assert "Error: 'text:float' is not a field (write NAME:TYPE; the types are" in printed
    assert "Error: 'op=1' is not a condition" in printed
    assert contents(tmp_path / "sample") == files_of(ECHO)


def test_only_what_no_option_says_is_asked(tmp_path: Path) -> None:
    words = ("--port", "7", "--framing", "fixed", "--field", "n:uint32", "--request", "n=1", "--error", "n=2")
    printed = asked(tmp_path, "sample", *words, "--response", "n=3", "--match", "order", answers="udp\n16\nlittle\n")
    assert printed.count("\n") <= 4
    assert "Port" not in printed
    assert "IS_LITTLE_ENDIAN = true" in (tmp_path / "sample" / "sample.lua").read_text()
    assert tomllib.loads((tmp_path / "sample" / "sample.toml").read_text())["type"] == "sample"


# The folder in use


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of the echo protocol, and the address of an index with its capture."""
    place = tmp_path_factory.mktemp("own")
    place.chmod(0o755)
    folder, node = write(place / "sample", ECHO), f"local:{place / 'index'}"
    ran = espcap(folder / "sample.pcap", "--protocol-dir", folder, "--node", node)
    assert ran.status == 0, ran.errors
    return folder, node


FILTERS = [
    "sample",
    'sample.text == "hello"',
    'sample.role == "error"',
    'sample.role in {"response", "error"} && sample.text contains "b"',
    'sample.mark == ">" || tcp.flags.syn == 1',
    "sample.malformed",
]


@needs_open_root_folder
@pytest.mark.parametrize("display_filter", FILTERS)
def test_search_without_the_folder(stored: tuple[Path, str], display_filter: str) -> None:
    """The index knows the fields; it finds what tshark -Y prints."""
    folder, node = stored
    wanted = tshark(folder, (folder / "sample.pcap").read_bytes(), "-Y", display_filter, "-T", "fields", *FRAME)
    ran = espcap("search", "-Y", display_filter, "--sort", "frame.number", "--node", node)
    assert ran.status == 0, ran.errors
    assert [document["layers"]["frame"]["number"] for document in ran.documents] == list(map(int, wanted.split()))
    assert bool(wanted) == ("malformed" not in display_filter)


FRAME = ("-e", "frame.number")


@needs_open_root_folder
def test_conditions_of_the_declaration(stored: tuple[Path, str]) -> None:
    """They are display filters, which find the packets of the requests, the answers and the errors."""
    folder, node = stored
    declared = tomllib.loads((folder / "sample.toml").read_text())
    frames = {"request": [4, 6, 7], "response": [5, 8], "error": [8]}
    conditions = {"request": declared["request"], "response": declared["response"], **declared["status"]}
    assert conditions.keys() == frames.keys()
    for role, condition in conditions.items():
        found = espcap("search", "-Y", condition, "--sort", "frame.number", "--node", node).documents
        assert [document["layers"]["frame"]["number"] for document in found] == frames[role]


@needs_open_root_folder
@pytest.mark.parametrize("reader", ["native", "json"])
def test_documents(stored: tuple[Path, str], reader: str, native_reader: None) -> None:
    """Each message of a packet, with either reader."""
    folder, _ = stored
    words = (folder / "sample.pcap", "--protocol-dir", folder, "-Y", "frame.number == 8")
    (document,) = espcap(*words, ESPCAP_READER=reader).documents
    assert document["protocol"] == "sample"
    assert document["info"] == "response < good; error ! fail; response < bye"
    assert document["layers"]["sample"] == {
        "mark": ["<", "!", "<"],
        "text": ["good", "fail", "bye"],
        "role": ["response", "error", "response"],
    }


@needs_open_root_folder
def test_commands_that_read_the_capture_again(stored: tuple[Path, str]) -> None:
    folder, node = stored
    shown = espcap("show", f"{folder / 'sample.pcap'}#4", "--protocol-dir", folder, "--node", node)
    assert b"Sample message: request > hello" in shown.output
    filtered = ("search", "--captures", "-Y", 'sample contains "good"', "--node", node)
    assert "name it with --profile-dir or --protocol-dir" in espcap(*filtered).errors
    found = espcap(*filtered, "--protocol-dir", folder).documents
    assert [document["layers"]["frame"]["number"] for document in found] == [6, 8]


@needs_open_root_folder
def test_several_folders_and_a_change(tmp_path: Path) -> None:
    """Packets are stored again if a dissector has changed."""
    tmp_path.chmod(0o755)
    folders = [write(tmp_path / name, replace(ECHO, name=name, ports=(port,))) for name, port in (("a1", 1), ("b2", 2))]
    words = (*("--protocol-dir", folders[0], "--protocol-dir", folders[1]), "--node", f"local:{tmp_path / 'index'}")
    captures = [folder / f"{folder.name}.pcap" for folder in folders]
    assert espcap(*captures, *words).summary.startswith("2 files, 22 packets read, 22 stored")
    assert len(espcap("search", "-Y", "a1.text || b2.text", *words[-2:]).documents) == 10
    script = folders[1] / "b2.lua"
    script.write_text(script.read_text().replace('"Role"', '"Part"'))
    assert "22 replaced" in espcap(*captures, *words).summary
    assert "2 files done before" in espcap(*captures, *words).errors


def test_folders_that_cannot_be_used(stored: tuple[Path, str], tmp_path: Path) -> None:
    """One line, before anything is read."""
    folder, node = stored
    for command in (("--file", folder / "sample.pcap"), ("search", "--captures", "-Y", "sample", "--node", node)):
        ran = espcap(*command, "--protocol-dir", tmp_path)
        assert (ran.status, ran.output) == (2, b"")
        assert "has no dissector, a file NAME.lua (--protocol-dir takes a folder that espcap new-" in ran.errors


@needs_open_root_folder
def test_a_dissector_that_does_not_load(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    folder = write(tmp_path / "sample", ECHO)
    (folder / "sample.lua").write_text("this is no script (")
    ran = espcap(folder / "sample.pcap", "--protocol-dir", folder)
    assert "a script in Lua does not load: " in ran.errors
    assert "sample.lua:1: syntax error" in ran.errors
    assert len(ran.documents) == 11
