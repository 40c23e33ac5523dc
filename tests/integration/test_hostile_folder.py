"""What lies in the current directory, put there by somebody else, has no part in what espcap does."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import CAPTURES, ROOT, Ran, environment, espcap
from tests.support.requirements import needs_strace, unavailable

INSTALLED = [sys.executable, "-P", "-m", "espcap"]
"""As the installed command: `python -m` itself would look in the current directory for modules."""

HIJACKING = "#!/bin/sh\ntouch '{0}'\necho 'TShark (Wireshark) 4.0.17.'\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a file for each program that looks for one in the current directory."""
    made = tmp_path / "hostile"
    made.mkdir()
    for name in ("tshark", "dumpcap", "sharkd", "setpriv"):
        (made / name).write_text(HIJACKING.format(tmp_path / "hijacked"))
        (made / name).chmod(0o755)
    paths = "".join(f"[{name}]\n{name}_path = {made / name}\n" for name in ("tshark", "dumpcap"))
    (made / "config.ini").write_text(paths)
    for module in ("orjson", "json", "heapq", "pyshark", "sitecustomize", "parsetab"):
        (made / f"{module}.py").write_text(f"open({str(tmp_path / 'hijacked')!r}, 'w')\n")
    (made / "IOR.txt").write_text("IOR:00\n")
    (made / "init.lua").write_text(f"io.open({str(tmp_path / 'hijacked')!r}, 'w')\n")
    (made / ".env").write_text("ESPCAP_COUNT=1\nWEB_CONCURRENCY=9\n")
    return made


def run(folder: Path, *arguments: str | Path, traced: Path | None = None, **variables: str) -> Ran:
    tracing = ["strace", "-f", "-qq", "-e", "trace=open,openat,execve", "-o", str(traced)] if traced else []
    command = [*tracing, *INSTALLED, *arguments]
    variables = environment(PYTHONPATH=str(ROOT), **variables)
    ran = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, env=variables, cwd=folder, timeout=120, check=False
    )
    return Ran(ran.returncode, ran.stdout, ran.stderr.decode())


@pytest.mark.parametrize("text", ["[tshark]\ntshark_path = /bin/false\n", "[another]\nprogram = 1\n", "none at all"])
def test_a_configuration_of_another_program(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.ini").write_text(text)
    ran = run(tmp_path, "--file", CAPTURES / "dns.pcap")
    assert ran.status == 0, ran.errors
    assert ran.output == espcap("--file", CAPTURES / "dns.pcap").output


@pytest.mark.parametrize("reader", ["auto", "json"])
def test_every_command(tmp_path: Path, folder: Path, reader: str) -> None:
    node, before = f"local:{tmp_path / 'index'}", set(os.listdir(folder))
    commands: list[list[str | Path]] = [
        ["--file", CAPTURES / "http_xml.pcap", "--node", node],
        ["search", "-Y", "http", "--node", node],
        ["search", "protocol:http", "--node", node],
        ["stats", "--node", node],
        ["show", CAPTURES / "http_xml.pcap", "3"],
        ["extract", "protocol:http", "-w", tmp_path / "extract.pcapng", "--node", node],
        ["doctor", "--node", node],
    ]
    for command in commands:
        ran = run(folder, *command, ESPCAP_READER="" if reader == "auto" else reader, PATH=f":.:{os.environ['PATH']}")
        assert ran.status == 0, (command, ran.errors)
        assert not (tmp_path / "hijacked").exists(), command
    assert set(os.listdir(folder)) == before


def opened(trace: Path) -> list[str]:
    """What was opened or run, as the kernel saw it, children included."""
    return re.findall(r'(?:open\(|openat\(AT_FDCWD, |execve\()"([^"]+)"', trace.read_text(errors="replace"))


def of_the_current_directory(paths: list[str], folder: Path) -> list[str]:
    return [path for path in paths if not os.path.isabs(path) or path.startswith(str(folder))]


@needs_strace
@pytest.mark.parametrize("reader", ["", "json"])
def test_nothing_of_the_current_directory_is_opened(tmp_path: Path, folder: Path, reader: str) -> None:
    """As the kernel sees it, children included."""
    capture = CAPTURES / "http_xml.pcap"
    commands: list[list[str | Path]] = [["--file", capture], ["show", capture, "3"]]
    for command in commands:
        ran = run(folder, *command, traced=tmp_path / "trace", ESPCAP_READER=reader)
        assert ran.status == 0, ran.errors
        paths = opened(tmp_path / "trace")
        assert str(CAPTURES / "http_xml.pcap") in paths
        assert of_the_current_directory(paths, folder) == []


@needs_strace
def test_nothing_is_opened_with_an_elasticsearch(tmp_path: Path, folder: Path, elasticsearch_url: str) -> None:
    commands: list[list[str | Path]] = [
        ["--file", CAPTURES / "dns.pcap"],
        ["search", "-Y", "dns"],
        ["stats"],
        ["setup"],
    ]
    for command in commands:
        ran = run(folder, *command, "--node", elasticsearch_url, traced=tmp_path / "trace")
        assert ran.status == 0, ran.errors
        assert of_the_current_directory(opened(tmp_path / "trace"), folder) == []


def test_the_native_reader_is_built_without_it(tmp_path: Path, folder: Path) -> None:
    """The linker looks for a library of the compiler's in its current directory too."""
    (folder / "libgcc_s.so.1").write_text("INPUT(hijacked)")
    variables = environment(PYTHONPATH=str(ROOT), XDG_CACHE_HOME=str(tmp_path / "cache"))
    command = [sys.executable, "-P", "-m", "espcap.native"]
    ran = subprocess.run(command, capture_output=True, text=True, env=variables, cwd=folder, check=False)
    if "is missing" in ran.stderr:
        unavailable(f"the native reader cannot be built here: {ran.stderr}")
    assert ran.returncode == 0, ran.stderr
