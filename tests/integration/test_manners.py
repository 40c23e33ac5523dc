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

from tests.command import CAPTURES, espcap, start


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
    ("name", "message"),
    [
        ("serch", "Error: 'serch' is not a command, and there is no file of this name (did you mean espcap search?)"),
        (
            "no.pcap",
            "Error: 'no.pcap' is not a command, and there is no file of this name (espcap --help lists the commands)",
        ),
    ],
)
def test_neither_a_command_nor_a_file(name: str, message: str) -> None:
    ran = espcap(name)
    assert (ran.status, ran.lines) == (2, [message])


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
