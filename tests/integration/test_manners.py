"""What a user of other command line tools expects of this one."""

import os
import pty
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.command import CAPTURES, ESPCAP, ROOT, environment, espcap, start


def test_a_file_in_the_place_of_a_command_is_read(tmp_path: Path) -> None:
    shutil.copy(CAPTURES / "arp.pcap", tmp_path)
    ran = espcap("-c", "1", "arp.pcap", "-Y", "frame.number == 1", cwd=tmp_path)
    assert [document["file_name"] for document in ran.documents] == ["arp.pcap"]


def test_several_files_and_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "captures"
    folder.mkdir()
    for name in ("a.pcap", "b.pcap", "captures/c.pcap"):
        shutil.copy(CAPTURES / "arp.pcap", tmp_path / name)
    ran = espcap("a.pcap", "-c", "1", "b.pcap", "captures", cwd=tmp_path)
    assert [document["file_name"] for document in ran.documents] == ["a.pcap", "b.pcap", "captures/c.pcap"]


def test_a_command_comes_before_a_file_of_its_name(tmp_path: Path) -> None:
    shutil.copy(CAPTURES / "arp.pcap", tmp_path / "doctor")
    assert espcap("doctor", cwd=tmp_path).output.startswith(b"ok")
    assert espcap("./doctor", cwd=tmp_path).documents


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("serch", "did you mean espcap search?"),
        ("no.pcap", "espcap --help lists the commands"),
    ],
)
def test_neither_a_command_nor_a_file(name: str, hint: str) -> None:
    ran = espcap(name)
    message = f"Error: {name!r} is not a command, and there is no file or folder of this name ({hint})"
    assert (ran.status, ran.lines) == (2, [message])


def test_standard_input_in_the_place_of_a_command() -> None:
    with (CAPTURES / "arp.pcap").open("rb") as capture:
        assert len(espcap("-", "-c", "2", stdin=capture).documents) == 2


@pytest.mark.parametrize(
    ("words", "instead"),
    [
        (["-X", "lua_script:own.lua"], "--profile-dir names a folder"),
        (["arp.pcap", "-w", "out.pcap"], "documents go to standard output, or to --node"),
        (["search", "dns", "-c", "5"], "--size N is the number of packets to print"),
        (["search", "dns", "--columns", "ip.src"], "documents contain all fields"),
    ],
)
def test_options_of_other_programs(words: list[str], instead: str) -> None:
    ran = espcap(*words, cwd=CAPTURES)
    assert ran.status == 2
    assert f"Error: No such option '{next(word for word in words if word[0] == '-')}': {instead}" in ran.errors
    assert "is not a valid whole number" in espcap("search", "--size", "all").errors


def test_names_without_the_folder_where_we_are(tmp_path: Path) -> None:
    """`--dir .` and the name alone are one name; `show` knows both."""
    shutil.copy(CAPTURES / "arp.pcap", tmp_path)
    espcap("--dir", ".", "--node", "local:index", cwd=tmp_path)
    assert {one["file_name"] for one in espcap("search", "--node", "local:index", cwd=tmp_path).documents} == {
        "arp.pcap"
    }
    for name in ("arp.pcap#1", "./arp.pcap#1"):
        assert espcap("show", name, "--node", "local:index", cwd=tmp_path).output.startswith(b"Frame 1:")


def test_nothing_passes_the_display_filter() -> None:
    ran = espcap("--file", CAPTURES / "arp.pcap", "-Y", "dns")
    assert (ran.status, ran.lines[0]) == (0, "Note: no packet matches the display filter")
    assert len(espcap("--file", CAPTURES / "arp.pcap", "-Y", "arp").lines) == 1


def test_values_that_do_not_fit_are_explained(tmp_path: Path) -> None:
    node = f"local:{tmp_path / 'index'}"
    ran = espcap("--file", CAPTURES / "mixed.pcap", "--node", node)
    note, summary = ran.lines
    assert note.startswith("Note: 4 values do not fit the type of their field and are kept as text under `unparsed`")
    assert note.endswith("(espcap search _exists_:unparsed finds the packets)")
    assert "4 values unparsed" in summary
    assert espcap("search", "_exists_:unparsed", "--node", node).documents


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["--version"],
        ["doctor"],
        ["--list"],
        ["setup", "--print", "--node", "localhost:1"],
        ["show", "test_pcaps/arp.pcap", "1"],
        ["test_pcaps/arp.pcap"],
        ["test_pcaps/arp.pcap", "--pretty"],
    ],
    ids=" ".join,
)
def test_a_full_disk_for_what_is_printed(words: list[str]) -> None:
    with open("/dev/full", "wb") as full:
        process = start(*words, stdout=full)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert errors.decode().count("Error: cannot print: No space left on device") == 1
    assert b"Traceback" not in errors
    assert b"Exception" not in errors


@pytest.mark.parametrize(
    "words", ["--help", "--version", "doctor", "test_pcaps/arp.pcap", "extract arp -w - --node", "export -w - --node"]
)
def test_standard_output_is_closed(words: str, tmp_path: Path) -> None:
    """Files that are opened later do not get its descriptor. A run that prints nothing does not need it."""
    node = f"local:{tmp_path}"
    closed = ["sh", "-c", 'exec "$@" >&-', "sh", *ESPCAP]
    stored = subprocess.run([*closed, "test_pcaps/arp.pcap", "--node", node], check=False, cwd=ROOT, env=environment())
    command = [*closed, *words.split(), *([node] if words.endswith("--node") else [])]
    ran = subprocess.run(command, check=False, cwd=ROOT, env=environment(), stderr=subprocess.PIPE, text=True)
    assert (stored.returncode, ran.returncode) == (0, 1)
    assert ran.stderr.count("standard output is closed (leave out >&-, or write >/dev/null)") == 1
    assert "Traceback" not in ran.stderr
    assert "Exception" not in ran.stderr


def test_standard_input_is_closed() -> None:
    command = ["sh", "-c", 'exec "$@" <&-', "sh", *ESPCAP, "-"]
    ran = subprocess.run(command, check=False, cwd=ROOT, env=environment(), stderr=subprocess.PIPE, text=True)
    assert "Traceback" not in ran.stderr
    assert "0 packets read" in ran.stderr


@pytest.mark.parametrize("command", ["search", "stats", "extract"])
def test_control_c_ends_a_question_quietly(command: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        extra = ["-w", str(tmp_path / "out.pcapng")] if command == "extract" else []
        process = start(command, "--node", f"http://127.0.0.1:{silent.getsockname()[1]}", *extra)
        silent.settimeout(60)
        connection, _ = silent.accept()
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=60)
        connection.close()
    assert (process.returncode, output, errors) == (130, b"", b"")


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        (["--file", "te"], "file,te"),
        (["--dir", "te"], "dir,te"),
        (["search", "--ca-cert", "te"], "file,te"),
        (["extract", "-w", "te"], "file,te"),
        (["retry", "te"], "file,te"),
        (["show", "te"], "file,te"),
        (["te"], "file,te"),
        (["ret"], "plain,retry"),
    ],
    ids=" ".join,
)
def test_completion(words: list[str], completed: str) -> None:
    ran = espcap(_ESPCAP_COMPLETE="bash_complete", COMP_WORDS=" ".join(["espcap", *words]), COMP_CWORD=str(len(words)))
    assert ran.output.decode().splitlines() == [completed]


def test_bash_completes_a_name_with_blanks(tmp_path: Path) -> None:
    shutil.copy(CAPTURES / "arp.pcap", tmp_path / "with two blanks.pcap")
    command = tmp_path / "bin" / "espcap"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m espcap "$@"\n')
    command.chmod(0o755)
    printed = in_bash(
        tmp_path,
        b'eval "$(_ESPCAP_COMPLETE=bash_source espcap)"\n',
        b"espcap --file with\t-c 1 --json-report report > /dev/null; echo status $?\n",
        until=b"status 0",
    )
    assert b"1 packets read" in printed
    assert (tmp_path / "report").exists()


def in_bash(folder: Path, *typed: bytes, until: bytes) -> bytes:
    """What an interactive bash prints while somebody types, up to a text."""
    leader, follower = pty.openpty()
    environment = os.environ | {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "PS1": "$ ", "INPUTRC": "/dev/null"}
    process = subprocess.Popen(
        ["bash", "--norc", "--noprofile", "-i"],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        cwd=folder,
        env=environment,
        start_new_session=True,
    )
    os.close(follower)
    printed, end = b"", time.monotonic() + 60
    for line in typed:
        os.write(leader, line)
    try:
        while until not in printed and time.monotonic() < end:
            if select.select([leader], [], [], 1)[0]:
                printed += os.read(leader, 1 << 16)
    finally:
        process.kill()
        process.wait()
        os.close(leader)
    return printed
