"""espcap new-protocol: the folder that it makes, the questions that it asks, and what it does not accept."""

import os
import pty
import subprocess
import tomllib
from pathlib import Path

import pytest

from espcap.new_protocol import files_of
from tests.new_protocol.examples import ECHO, LENGTH
from tests.support.command import ESPCAP, environment, espcap

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


def test_only_what_no_option_says_is_asked(tmp_path: Path) -> None:
    words = ("--port", "7", "--framing", "fixed", "--field", "n:uint32", "--request", "n=1", "--error", "n=2")
    printed = asked(tmp_path, "sample", *words, "--response", "n=3", "--match", "order", answers="udp\n16\nlittle\n")
    assert printed.count("\n") <= 4
    assert "Port" not in printed
    assert "IS_LITTLE_ENDIAN = true" in (tmp_path / "sample" / "sample.lua").read_text()
    assert tomllib.loads((tmp_path / "sample" / "sample.toml").read_text())["type"] == "sample"
