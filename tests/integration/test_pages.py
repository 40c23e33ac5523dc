"""The README and the pages of `docs`: all their commands are run, and what is made from the commands is up to date.

Blocks of `sh` are commands, each of which is run by itself; those of a tutorial are run one after the other. Blocks of
`console` also show what the commands print. Other blocks are not run.
"""

import json
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import espcap as library
from scripts.pages import cli_page, help_text, man_page
from tests.integration.test_outage import free_port
from tests.support.command import CAPTURES, ESPCAP, ROOT, environment, espcap, on_terminal, start
from tests.support.elasticsearch_node import remove_packets
from tests.support.fake_kibana import DEFAULT_SPACE, fake_kibana
from tests.support.live_run import send, until
from tests.support.pages import furnished, run, variables_of
from tests.support.requirements import needs_capture, needs_man

DOCS = ROOT / "docs"


def page(name: str) -> str:
    """The text of a page in `docs`."""
    return (DOCS / name).read_text(encoding="utf-8")


def pages() -> str:
    """The text of all pages except those whose commands belong together."""
    names = sorted(path.name for path in DOCS.glob("*.md") if not path.name.startswith(("tutorial-", "cookbook")))
    return "\n".join([(ROOT / "README.md").read_text(encoding="utf-8"), *map(page, names)])


def commands_of(text: str) -> list[str]:
    """The lines of the blocks of commands, each once."""
    lines = [line for block in re.findall(r"```sh\n(.*?)```", text, re.S) for line in block.splitlines()]
    return list(dict.fromkeys(lines))


def tutorial(name: str) -> list[str]:
    """The commands of a tutorial, also those that are there twice."""
    blocks = re.findall(r"```sh\n(.*?)```", page(f"tutorial-{name}.md"), re.S)
    return [line for block in blocks for line in block.splitlines()]


def questions() -> list[tuple[str, str, str]]:
    """The questions of the cookbook: question, command, and the sentence on what it finds."""
    return re.findall(r"^### \d+\. (.*)\n\n```sh\n(.*)\n```\n\n(.*)$", page("cookbook.md"), re.M)


LOOKS = re.compile(r"espcap (search|show|extract|stats|flows|transactions|ask)")
DELETES = re.compile(r"espcap (prune|forget)")
LIVE = re.compile(r"--nic|--watch|dumpcap")
RECIPE = re.compile(r"dumpcap|--watch")
"""What `test_ring_recipe` runs."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests with these arguments run once for each command, program or question of the pages."""
    commands = commands_of(pages())
    looks = [line for line in commands if LOOKS.search(line)]
    kinds = {
        "reading_command": [line for line in commands if is_read(line) and "localhost" not in line],
        "elasticsearch_command": [line for line in commands if is_read(line) and "localhost" in line],
        "deleting_command": [line for line in commands if DELETES.search(line)],
        "looking_command": [line for line in looks if "localhost" not in line],
        "elasticsearch_looking_command": [line for line in looks if "localhost" in line],
        "live_command": [line for line in commands if "--nic" in line],
    }
    for name in kinds.keys() & set(metafunc.fixturenames):
        assert kinds[name]
        metafunc.parametrize(name, kinds[name])
    if "program" in metafunc.fixturenames:
        others = pages().replace(page("columns.md"), "")  # `test_columns_page` runs these
        programs = list(dict.fromkeys(re.findall(r"```python\n(.*?)```", others, re.S)))
        assert programs
        metafunc.parametrize("program", programs, ids=range(len(programs)))
    if "question" in metafunc.fixturenames:
        asked = questions()
        metafunc.parametrize(("question", "command", "finding"), asked, ids=[question for question, *_ in asked])


def test_help_is_that_of_the_commands() -> None:
    """`python scripts/pages.py` writes both pages."""
    assert page("cli.md") == cli_page()
    assert page("espcap.1") == man_page()


@pytest.mark.parametrize("words", [[], ["search"]], ids=["espcap", "espcap search"])
def test_help_is_what_the_command_prints(words: list[str]) -> None:
    assert espcap(*words, "--help", COLUMNS="100").output.decode() == help_text(words)


@needs_man
def test_man_page_is_shown_without_a_warning() -> None:
    command = ["man", "--warnings", "--local-file", str(DOCS / "espcap.1")]
    variables = environment(MANWIDTH="100", LC_ALL="C.UTF-8", MANPAGER="cat")
    shown = subprocess.run(command, env=variables, capture_output=True, text=True, check=True)
    assert shown.stderr == ""
    if "minimized" not in shown.stdout:  # a stub takes the place of man in images of Ubuntu
        assert "espcap extract [OPTIONS] [QUERY]" in shown.stdout
        assert "EXIT STATUS" in shown.stdout


def is_read(line: str) -> bool:
    """Whether a command needs nothing but the captures."""
    return not (LOOKS.search(line) or DELETES.search(line) or LIVE.search(line) or "serve" in line)


def test_command(reading_command: str, tmp_path: Path) -> None:
    command = reading_command
    ran = run(command, furnished(tmp_path))
    if "espcap setup" in command:
        assert json.loads(ran.stdout)
    elif "--node" not in command and ">" not in command and command.startswith(("espcap -", "espcap test", "ssh")):
        assert [json.loads(text) for text in ran.stdout.splitlines()]


def test_command_with_elasticsearch(elasticsearch_command: str, tmp_path: Path, elasticsearch_url: str) -> None:
    with fake_kibana() as kibana:
        addressed = elasticsearch_command.replace("localhost:9200", elasticsearch_url).replace(
            "localhost:5601", kibana.url
        )
        run(addressed, furnished(tmp_path))
    assert len(kibana.spaces[DEFAULT_SPACE]) == (8 if "--kibana" in elasticsearch_command else 0)


def test_command_that_deletes(deleting_command: str, tmp_path: Path) -> None:
    folder = furnished(tmp_path)
    run("espcap --file test_pcaps/dns.pcap --node local", folder)
    ran = run(deleting_command, folder)
    assert "packets-2024-05-01" in ran.stdout or "dry-run" not in deleting_command


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose local index has our captures."""
    folder = furnished(tmp_path_factory.mktemp("pages"))
    run("espcap --dir test_pcaps/ --types packets,flows,transactions --node local", folder)
    return folder


@pytest.fixture(scope="module")
def node(place: Path, _elasticsearch_node: str) -> Iterator[str]:
    """The URL of an Elasticsearch that has our captures."""
    run(f"espcap --dir test_pcaps/ --types packets,flows,transactions --node {_elasticsearch_node}", place)
    yield _elasticsearch_node
    remove_packets(_elasticsearch_node)


def look(command: str, place: Path) -> int:
    """Runs a command that asks a store. Returns how many packets, or values, it says that it has found."""
    (place / "errors.pcapng").unlink(missing_ok=True)
    ran = run(command, place)
    if "espcap show" in command:
        assert ran.stdout.startswith("Frame ")
        return 1
    if "espcap extract" in command:
        found = re.search(r"^([1-9]\d*) packets? of .* 0 missing$", ran.stderr, re.M)
        assert found, ran.stderr
        return int(found[1])
    answers = [json.loads(text) for text in ran.stdout.splitlines()]
    if "espcap stats" in command:
        return int(next(answers[0][name] for name in ("packets", "transactions", "flows") if name in answers[0]))
    more = re.search(r"Note: \d+ of ([\d,]+) \w+ are printed", ran.stderr)
    return int(more[1].replace(",", "")) if more else len(answers)


def test_command_that_looks(looking_command: str, place: Path) -> None:
    """The stores are filled once for all of these."""
    assert look(looking_command, place)


def test_command_that_looks_into_elasticsearch(elasticsearch_looking_command: str, place: Path, node: str) -> None:
    assert look(elasticsearch_looking_command.replace("localhost:9200", node), place)


def test_questions_of_the_cookbook_are_counted() -> None:
    number = len(questions())
    assert number == len(re.findall(r"^### ", page("cookbook.md"), re.M))
    said = [
        re.findall(r"(\d+) questions", page(name)) for name in ("cookbook.md", "searching.md", "tutorial-folder.md")
    ]
    assert said == [[str(number)]] * 3


def test_question_of_the_cookbook(question: str, command: str, finding: str, place: Path) -> None:
    """Finds packets, and as many as the page says."""
    found = look(command, place)
    assert found
    if said := re.match(r"Finds (\d+) packets?\b", finding):
        assert found == int(said[1])


def test_serve_command(place: Path) -> None:
    """It prints the address, and ends in order."""
    [command] = [line for line in commands_of(pages()) if "espcap serve" in line]
    words = [*ESPCAP, *shlex.split(command)[1:], "--listen", "127.0.0.1:0"]
    with subprocess.Popen(words, cwd=place, env=variables_of(place), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        address = process.stdout.readline()
        process.terminate()
        assert process.wait(30) == 0
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?token=[\w-]{32}\n", address)


@pytest.mark.slow
@needs_capture
def test_live_command(live_command: str, tmp_path: Path) -> None:
    """Captures on loopback and stores in a local index."""
    line = live_command.replace("eth0", "lo").replace("localhost:9200", f"local:{tmp_path / 'index'}")
    words = shlex.split(line.replace("udp port 53", "udp port 40128"))[1:]
    words += [] if "--bpf" in words else ["--bpf", "udp port 40128"]
    process = start(*words, XDG_STATE_HOME=str(tmp_path / "state"))
    for sent in range(40):
        if process.poll() is not None:
            break
        send(1, 40128, 0.25)
        if sent == 30 and "--count" not in words:
            process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors.decode()
    assert "--node" in words or len(output.splitlines()) == 10


def test_tutorial_on_a_folder(tmp_path: Path) -> None:
    folder = furnished(tmp_path)
    for command in (commands := tutorial("folder")):
        if LOOKS.search(command):
            assert look(command, folder), command
        else:
            run(command, folder)
    assert len(commands) > 10
    assert (folder / "found.pcapng").exists()


def test_tutorial_on_a_dissector(tmp_path: Path) -> None:
    folder = furnished(tmp_path)
    folder.chmod(0o755)  # if root runs this, nobody dissects
    make_folder, *commands = tutorial("dissector")
    run(make_folder, folder)
    [script] = re.findall(r"```lua\n(.*?)```", page("tutorial-dissector.md"), re.S)
    (folder / "profile" / "plugins" / "hello.lua").write_text(script)
    for command in commands:
        if LOOKS.search(command):
            assert look(command, folder), command
            continue
        ran = run(command, folder)
        assert "does not load" not in ran.stderr
        if "--count 3" in command:
            assert [json.loads(line)["protocol"] for line in ran.stdout.splitlines()] == ["hello"] * 3
        elif "_ws.lua.error" in command:
            assert ran.stdout == ""
    assert "20 replaced" in ran.stderr


def _with_python(command: str) -> str:
    """The command, with the Python of the tests."""
    return re.sub(r"^python ", f"{sys.executable} ", command)


def test_tutorial_on_a_protocol(tmp_path: Path) -> None:
    """All but the part that captures."""
    folder = furnished(tmp_path)
    folder.chmod(0o755)  # if root runs this, nobody dissects
    commands = [line for line in tutorial("protocol") if "live" not in line and not line.startswith("python myecho")]
    assert len(commands) > 5
    for command in commands:
        if LOOKS.search(command):
            assert look(command, folder), command
        else:
            run(_with_python(command), folder)
    assert len(commands) == 8
    listed = re.findall(r"`(\w+\.\w+)`", "".join(re.findall(r"^\| `.*", page("tutorial-protocol.md"), re.M)))
    assert sorted(listed) == sorted(path.name for path in (folder / "myecho").iterdir() if path.is_file())


def test_page_of_a_new_protocol(tmp_path: Path) -> None:
    """The commands of the README.md that espcap new-protocol writes."""
    place = furnished(tmp_path)
    place.chmod(0o755)
    run(tutorial("protocol")[0], place)
    text = (place / "myecho" / "README.md").read_text()
    pytest_command, store, search = re.findall(r"^    (\S.*)$", text, re.M)
    for command in (pytest_command, store):
        run(f"cd myecho && {_with_python(command)}", place)
    assert len(run(f"cd myecho && {search}", place).stdout.splitlines()) == 3


@pytest.mark.slow
@needs_capture
def test_capture_of_the_tutorial_on_a_protocol(tmp_path: Path) -> None:
    """Every message of a real client and server is found."""
    folder = furnished(tmp_path)
    folder.chmod(0o755)
    port = str(free_port())
    lines = [line.replace("7777", port) for line in tutorial("protocol")]
    run(lines[0], folder)
    server, capture, client, search = lines[-4:]
    words = [[*shlex.split(_with_python(server))], [*ESPCAP, *shlex.split(capture)[1:]]]
    started = [subprocess.Popen(each, cwd=folder, env=variables_of(folder), stdout=subprocess.PIPE) for each in words]
    try:
        assert started[0].stdout
        assert started[0].stdout.readline() == f"port {port}\n".encode()
        until(lambda: bool(list(folder.glob("state/espcap/spool/*/packets_00001_*"))))
        assert len(run(_with_python(client), folder).stdout.splitlines()) == 4
        until(lambda: _roles(search, folder) == ["request"] * 4)
        started[1].send_signal(signal.SIGINT)
        assert started[1].wait(60) == 0
    finally:
        for process in started:
            process.kill()
            process.communicate()
    answers = search.replace('== "request"', '!= "request"')
    assert _roles(answers, folder) == ["response", "response", "error", "response"]


def _roles(search: str, folder: Path) -> list[str]:
    """The roles of the messages that a search finds; empty if there is no index yet."""
    if not (folder / "live").is_dir():
        return []
    found = [json.loads(line)["layers"]["myecho"]["role"] for line in run(search, folder).stdout.splitlines()]
    return [role for roles in found for role in ([roles] if isinstance(roles, str) else roles)]


class _Slow(BaseHTTPRequestHandler):
    """Answers after a while."""

    def do_GET(self) -> None:
        time.sleep(0.3)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"at last")

    def log_message(self, *_: object) -> None:
        """Prints nothing."""


@pytest.mark.slow
@needs_capture
def test_tutorial_on_a_live_capture(tmp_path: Path) -> None:
    folder = furnished(tmp_path)
    capture, *commands = tutorial("live")
    with ThreadingHTTPServer(("127.0.0.1", 0), _Slow) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        line = capture.replace("eth0", "lo").replace("8080", str(server.server_port))
        words = [*ESPCAP, *shlex.split(line)[1:]]
        with subprocess.Popen(words, cwd=folder, env=variables_of(folder), stderr=subprocess.PIPE) as process:
            until(lambda: bool(list(folder.glob("state/espcap/spool/*/packets_00001_*"))))
            for number in range(3):
                urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/{number}").read()
            until(lambda: _has_answers(folder))
            for command in commands:
                if "dns.time" in command or "retransmission" in command:
                    run(command, folder)
                else:
                    assert look(command, folder), command
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=60)
        server.shutdown()
    assert process.returncode == 0, errors.decode()
    assert (folder / "slow.pcapng").exists()


def _has_answers(folder: Path) -> bool:
    """Whether all answers can be found; the index may not be there yet."""
    if not (folder / "slow").is_dir():
        return False
    return len(run("espcap search -Y 'http.time' --node local:slow", folder).stdout.splitlines()) == 3


def test_recipes_are_run_elsewhere() -> None:
    """By `test_ring_recipe`."""
    recipes = [line for line in commands_of(pages()) if RECIPE.search(line)]
    assert recipes == commands_of(page("live.md"))[-2:]


def test_program(program: str, tmp_path: Path) -> None:
    ending = "print(*(packet['protocol'] for packet in found))\n" if "found = " in program else ""
    (tmp_path / "program.py").write_text(program + ending)
    ran = run(f"{sys.executable} program.py", furnished(tmp_path))
    requests, rest = ran.stdout.splitlines()[:4], ran.stdout.splitlines()[4:]
    assert len(requests) == 4
    assert all(re.fullmatch(r"2024-05-01T\S+Z 192\.0\.2\.\d+ /\S*", line) for line in requests)
    assert ran.stderr == ""
    if ending:
        summary, sums, numbers, found = rest
        assert summary.startswith("16 files, 263 packets read, 230 stored, 33 already there, 0 re")
        assert re.fullmatch(r"17 \[\{'value': .*\}\]", sums)
        assert re.fullmatch(r"\[\{'value': '192\.0\.2\.1', 'packets': 41, 'count': 41, .*\}\]", numbers)
        assert set(found.split()) == {"http"}


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


def test_session_is_what_a_terminal_shows(place: Path) -> None:
    """Line by line; `...` stands for any lines."""
    [session] = re.findall(r"```console\n(.*?)```", pages(), re.S)
    commands = re.findall(r"^\$ espcap (.*)\n((?:(?!\$ ).*\n)*)", session, re.M)
    assert len(commands) == len(re.findall(r"^\$ ", session, re.M)) > 0
    for command, shown in commands:
        variables = {name: value for name, value in variables_of(place).items() if name.startswith("XDG")}
        printed = on_terminal(*shlex.split(command), **variables).splitlines()
        lines = [line.rstrip() for line in printed]
        parts = [part.split("\n") for part in re.split(r"^\.\.\.\n", shown, flags=re.M)]
        for part in parts:
            wanted = [line for line in part if line]
            assert [line for line in lines if line in wanted] == wanted


def test_document_is_one_of_ours() -> None:
    shown = json.loads(re.search(r"```json\n(.*?)```", pages(), re.S)[1])  # type: ignore[index]
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
