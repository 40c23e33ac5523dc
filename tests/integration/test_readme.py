"""Everything that the README shows: its commands run, its options are those of the command."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import espcap as library
from tests.command import CAPTURES, ESPCAP, ROOT, environment, espcap, start
from tests.conftest import remove_packets
from tests.integration.test_live import needs_capture, send
from tests.stores.fake_kibana import DEFAULT_SPACE, fake_kibana

README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", README, re.S) for line in block.splitlines()]
PROGRAMS = re.findall(r"```python\n(.*?)```", README, re.S)
LOOKS = re.compile(r"espcap (search|show|extract|stats)")
_COMMANDS = ("search", "show", "extract", "stats", "serve", "retry", "setup", "prune", "forget", "doctor")


def help_text() -> str:
    """`espcap --help` and that of its commands, at the width of a page."""
    commands = ([], *([name] for name in _COMMANDS))
    return "\n".join(espcap(*command, "--help", COLUMNS="100").output.decode() for command in commands)


def test_options_are_those_of_the_command() -> None:
    """Run this file as a program to write them anew."""
    shown = re.search(r"<!-- help -->\n```\n(.*?)```\n<!-- /help -->", README, re.S)
    assert shown is not None
    assert shown[1] == help_text()


def furnished(folder: Path) -> Path:
    """The folder as the README assumes it."""
    (folder / "test_pcaps").symlink_to(CAPTURES)
    shutil.copytree(CAPTURES, folder / "captures")
    commands = folder / "bin"
    commands.mkdir()
    (commands / "ssh").write_text(f"#!/bin/sh\nexec cat {CAPTURES}/dns.pcap\n")
    (commands / "espcap").write_text(f'#!/bin/sh\nexec {sys.executable} -m espcap "$@"\n')
    for command in commands.iterdir():
        command.chmod(0o755)
    return folder


def run(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    variables = environment(
        PATH=f"{folder / 'bin'}:{os.environ['PATH']}", XDG_DATA_HOME=str(folder / "data"), PYTHONPATH=str(ROOT)
    )
    ran = subprocess.run(["bash", "-c", line], cwd=folder, env=variables, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran


@pytest.mark.parametrize(
    "command", [line for line in COMMANDS if not re.search("--nic|serve|prune", line) and not LOOKS.search(line)]
)
def test_command(command: str, tmp_path: Path, elasticsearch_url: str) -> None:
    with fake_kibana() as kibana:
        addressed = command.replace("localhost:9200", elasticsearch_url).replace("localhost:5601", kibana.url)
        ran = run(addressed, furnished(tmp_path))
    assert len(kibana.spaces[DEFAULT_SPACE]) == (3 if "--kibana" in command else 0)
    documents = [json.loads(text) for text in ran.stdout.splitlines()]
    assert documents or "--node" in command or ">" in command


@pytest.mark.parametrize("command", [line for line in COMMANDS if "espcap prune" in line])
def test_command_that_deletes(command: str, tmp_path: Path) -> None:
    folder = furnished(tmp_path)
    run("espcap --file test_pcaps/dns.pcap --node local", folder)
    assert "packets-2024-05-01" in run(command, folder).stdout or "dry-run" not in command


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose local index has our captures."""
    folder = furnished(tmp_path_factory.mktemp("readme"))
    run("espcap --dir test_pcaps/ --node local", folder)
    return folder


@pytest.fixture(scope="module")
def node(place: Path, _elasticsearch_node: str) -> Iterator[str]:
    """The URL of an Elasticsearch that has our captures."""
    run(f"espcap --dir test_pcaps/ --node {_elasticsearch_node}", place)
    yield _elasticsearch_node
    remove_packets(_elasticsearch_node)


@pytest.mark.parametrize("command", [line for line in COMMANDS if LOOKS.search(line)])
def test_command_that_looks(command: str, place: Path, request: pytest.FixtureRequest) -> None:
    """The stores are filled once for all of these."""
    address = "localhost:9200"
    ran = run(command.replace(address, request.getfixturevalue("node")) if address in command else command, place)
    if "espcap show" in command:
        assert ran.stdout.startswith("Frame ")
    elif "espcap extract" in command:
        assert re.search(r"^(1 packet|([2-9]|[1-9]\d+) packets) of .* 0 missing$", ran.stderr, re.M)
    else:
        assert [json.loads(text) for text in ran.stdout.splitlines()]


def test_serve_command(place: Path) -> None:
    """It prints the address, and ends in order."""
    [command] = [line for line in COMMANDS if "espcap serve" in line]
    variables = environment(XDG_DATA_HOME=str(place / "data"), PYTHONPATH=str(ROOT))
    words = [*ESPCAP, *shlex.split(command)[1:], "--listen", "127.0.0.1:0"]
    with subprocess.Popen(words, cwd=place, env=variables, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        address = process.stdout.readline()
        process.terminate()
        assert process.wait(30) == 0
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?token=[\w-]{32}\n", address)


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


def test_program(tmp_path: Path) -> None:
    [program] = PROGRAMS
    (tmp_path / "program.py").write_text(program + "print(*(packet['protocol'] for packet in found))\n")
    ran = run(f"{sys.executable} program.py", furnished(tmp_path))
    *requests, account, sums, found = ran.stdout.splitlines()
    assert len(requests) == 4
    assert all(re.fullmatch(r"2024-05-01T\S+Z 192\.0\.2\.\d+ /\S*", line) for line in requests)
    assert account.startswith("16 files, 263 packets read, 230 stored, 33 already there, 0 refused")
    assert re.fullmatch(r"17 \[\{'value': .*\}\]", sums)
    assert set(found.split()) == {"http"}
    assert ran.stderr == ""


def test_programs_for_elasticsearch(node: str) -> None:
    """With its address, or a connection to it."""
    connection = library.Connection((node,))
    report = library.index(CAPTURES, node=connection, again=True)
    assert (report.read, report.stored, report.already_there) == (263, 0, 263)
    assert library.index(CAPTURES, node=node).done_before == 16
    packets = list(library.search(node=connection))
    assert len({(packet["capture_id"], packet["layers"]["frame"]["number"]) for packet in packets}) == 230
    assert library.count("protocol:dns", node=[node]) == 17
    assert library.stats(node=connection)["packets"] == 230


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
