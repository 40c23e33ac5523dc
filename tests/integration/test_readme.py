"""Everything that the README shows: its commands run, its options are those of the command."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command import CAPTURES, ROOT, environment, espcap, start
from tests.integration.test_live import needs_capture, send

README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", README, re.S) for line in block.splitlines()]


_COMMANDS = ("search", "show", "extract", "stats", "serve", "retry", "setup", "prune", "doctor")


def help_text() -> str:
    """`espcap --help` and that of its commands, at the width of a page."""
    pages = [
        espcap(*command, "--help", COLUMNS="100").output.decode() for command in ([], *([name] for name in _COMMANDS))
    ]
    return "\n".join(page.replace("python -m espcap", "espcap") for page in pages)


def test_options_are_those_of_the_command() -> None:
    """Run this file as a program to write them anew."""
    shown = re.search(r"<!-- help -->\n```\n(.*?)```\n<!-- /help -->", README, re.S)
    assert shown is not None
    assert shown[1] == help_text()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder as the README assumes it."""
    (tmp_path / "test_pcaps").symlink_to(CAPTURES)
    shutil.copytree(CAPTURES, tmp_path / "captures")
    commands = tmp_path / "bin"
    commands.mkdir()
    (commands / "ssh").write_text(f"#!/bin/sh\nexec cat {CAPTURES}/dns.pcap\n")
    (commands / "espcap").write_text(f'#!/bin/sh\nexec {sys.executable} -m espcap "$@"\n')
    for command in commands.iterdir():
        command.chmod(0o755)
    return tmp_path


@pytest.mark.parametrize("command", [command for command in COMMANDS if "--nic" not in command])
def test_command(command: str, place: Path, elasticsearch_url: str) -> None:
    needed = {"local": "--node local", "localhost:9200": "--node localhost:9200"}
    variables = environment(
        PATH=f"{place / 'bin'}:{os.environ['PATH']}", XDG_DATA_HOME=str(place / "data"), PYTHONPATH=str(ROOT)
    )
    for node, words in needed.items():
        if re.search(r"espcap (search|show|extract|stats)", command) and words in command:
            address = elasticsearch_url if ":" in node else node
            prepare = ["espcap", "--dir", "test_pcaps/", "--node", address]
            subprocess.run(prepare, cwd=place, env=variables, check=True, capture_output=True)
    line = command.replace("localhost:9200", elasticsearch_url)
    ran = subprocess.run(["bash", "-c", line], cwd=place, env=variables, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    if "espcap show" in command:
        assert ran.stdout.startswith("Frame ")
        return
    if "espcap extract" in command:
        assert re.search(r"^[1-9]\d* packets of .* 0 missing$", ran.stderr, re.M)
    documents = [json.loads(text) for text in ran.stdout.splitlines()]
    assert documents or ("--node" in command and "search" not in command) or ">" in command


@needs_capture
def test_live_command() -> None:
    [command] = [line for line in COMMANDS if "--nic" in line]
    words = shlex.split(command.replace("eth0", "lo").replace("udp port 53", "udp port 40128"))[1:]
    process = start(*words)
    for _ in range(40):
        if process.poll() is not None:
            break
        send(1, 40128, 0.25)
    output, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors.decode()
    assert len(output.splitlines()) == 10


def test_document_is_one_of_ours() -> None:
    shown = json.loads(re.search(r"```json\n(.*?)```", README, re.S)[1])  # type: ignore[index]
    documents = espcap("--file", CAPTURES / "http_xml.pcap").documents
    [real] = [
        document
        for document in documents
        if document["layers"]["frame"]["number"] == shown["layers"]["frame"]["number"]
    ]
    real["file_name"] = shown["file_name"]
    assert _part_of(shown, real) == []


def _part_of(shown: dict[str, object], real: dict[str, object], path: str = "") -> list[str]:
    wrong: list[str] = []
    for key, value in shown.items():
        if isinstance(value, dict) and isinstance(real.get(key), dict):
            wrong += _part_of(value, real[key], f"{path}{key}.")  # type: ignore[arg-type]
        elif real.get(key) != value:
            wrong.append(f"{path}{key}: {real.get(key)!r}")
    return wrong


if __name__ == "__main__":
    text = re.sub(
        r"(<!-- help -->\n```\n).*?(```\n<!-- /help -->)",
        lambda match: match[1] + help_text() + match[2],
        README,
        flags=re.S,
    )
    (ROOT / "README.md").write_text(text, encoding="utf-8")
