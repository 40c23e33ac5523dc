"""Which native reader tshark loads, who may have written it, and what happens without it."""

import os
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from espcap.base.errors import EspcapError
from espcap.dissection.json_lines import JsonReader
from espcap.documents.packets import HEAD
from espcap.fields.registry import Registry
from espcap.tshark import plugin as plugins
from espcap.tshark.arguments import Settings
from espcap.tshark.native import build
from espcap.tshark.output import dissect, read_file
from espcap.tshark.plugin import Plugin, find_home, open_plugin
from espcap.tshark.process import Exit
from espcap.tshark.program import Program, dissecting_user
from tests.support.command import CAPTURES
from tests.support.requirements import needs_root

pytest_plugins = ["tests.support.core_fixtures", "tests.support.native"]


def test_without_the_plugin_tshark_prints_json(program: Program, plugin: Plugin, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    empty = os.open(tmp_path, os.O_RDONLY)
    with (CAPTURES / "dns.pcap").open("rb") as file:
        process = dissect(
            program,
            Settings(plugin=replace(plugin, home=empty, is_required=False)),
            file.fileno(),
            dissecting_user(program),
            False,
        )
        assert not process.uses_native_reader
        assert process.stdout.read().count(b'"frame.number"') == 24
        assert process.wait() == Exit(0)


@pytest.mark.parametrize(
    "harm",
    [
        *("writable file", "writable folder", "link", "link to a folder", "another file"),
        *(pytest.param(harm, marks=needs_root) for harm in ("another's file", "another's folder")),
    ],
)
@pytest.mark.usefixtures("native_reader")
def test_a_home_that_others_could_have_made(
    tmp_path: Path, program: Program, monkeypatch: pytest.MonkeyPatch, harm: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    home = build(program)
    file = plugins.plugin_file(home, program)
    if harm == "writable file":
        file.chmod(0o777)
    elif harm == "writable folder":
        file.parent.chmod(0o777)
    elif harm == "link":
        file.rename(tmp_path / "moved.so")
        file.symlink_to(tmp_path / "moved.so")
    elif harm == "link to a folder":
        (file.parent.parent / "codecs").symlink_to(tmp_path)
    elif harm == "another's file":
        os.chown(file, 65534, 65534)
    elif harm == "another's folder":
        os.chown(file.parent, 65534, 65534)
    else:
        (file.parent / "other.so").write_bytes(b"")
    with pytest.raises(EspcapError, match="native reader"):
        find_home(program)
    assert build(program) == home
    assert find_home(program) == home


@pytest.mark.usefixtures("native_reader")
def test_permissions(tmp_path: Path, program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """All may read, only its owner may write, whatever the umask."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    before = os.umask(0o077)
    try:
        home = build(program)
    finally:
        os.umask(before)
    assert {stat.S_IMODE(path.stat().st_mode) for path in (home, *home.rglob("*"))} == {0o755}
    assert {path.stat().st_uid for path in (home, *home.rglob("*"))} == {os.geteuid()}


@pytest.mark.usefixtures("native_reader")
def test_two_that_compile_at_once(tmp_path: Path, program: Program) -> None:
    command = [sys.executable, "-m", "espcap.native"]
    variables = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    running = [subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=120)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0]
    assert said[0] == said[1] != ""


FOREIGN = """
__attribute__((visibility("default"))) const char plugin_version[] = "1";
__attribute__((visibility("default"))) const int plugin_want_major = 4, plugin_want_minor = 99;
__attribute__((visibility("default"))) void plugin_register(void) {}
"""


@pytest.mark.parametrize("foreign", [True, False])
@pytest.mark.usefixtures("native_reader")
def test_a_file_that_tshark_does_not_load(
    tmp_path: Path, program: Program, registry: Registry, monkeypatch: pytest.MonkeyPatch, foreign: bool
) -> None:
    """A plugin for another version of Wireshark, or no plugin at all: the same packets, read as JSON."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    file = plugins.plugin_file(build(program), program)
    file.write_bytes(b"no library")
    if foreign:
        subprocess.run(["cc", "-shared", "-fPIC", "-x", "c", "-o", file, "-"], input=FOREIGN.encode(), check=True)
    opened = open_plugin(program, registry, dissecting_user(program), HEAD)
    assert opened
    settings = Settings(plugin=opened)
    with (
        (CAPTURES / "dns.pcap").open("rb") as capture,
        read_file(program, settings, capture, dissecting_user(program), 0) as output,
    ):
        assert not output.tshark.uses_native_reader
        assert len([each for each in JsonReader(registry).records(output.blocks()) if each]) == 24
    with pytest.raises(EspcapError, match="does not load the native reader"):
        dissect(
            program,
            Settings(plugin=replace(opened, is_required=True)),
            subprocess.DEVNULL,
            dissecting_user(program),
            False,
        )


@pytest.mark.usefixtures("native_reader")
def test_choice_of_the_reader(
    program: Program, registry: Registry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def opened() -> Plugin | None:
        return open_plugin(program, registry, dissecting_user(program), HEAD)

    plain = opened()
    assert plain
    assert not plain.is_required
    monkeypatch.setenv("ESPCAP_READER", "native")
    required = opened()
    assert required
    assert required.is_required
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(EspcapError, match="is not built for tshark"):
        opened()
    monkeypatch.setenv("ESPCAP_READER", "json")
    assert opened() is None
    monkeypatch.setenv("ESPCAP_READER", "xml")
    with pytest.raises(EspcapError, match="the reader 'xml' does not exist"):
        opened()


def test_a_damaged_table_of_fields(program: Program, plugin: Plugin, tmp_path: Path) -> None:
    """A registry that lacks columns must not make documents that lack fields."""
    path = tmp_path / "fields.tsv"
    path.write_text("frame.number\tframe\tnumber\n")
    damaged = replace(plugin, table=os.open(path, os.O_RDONLY), is_required=True)
    with pytest.raises(EspcapError, match="the table of fields is damaged"):
        dissect(program, Settings(plugin=damaged), subprocess.DEVNULL, dissecting_user(program), False)
