"""Dissectors of --protocol-dir: their files are found, and every program of Wireshark's loads them."""

from pathlib import Path

import pytest

from espcap.base.errors import UsageError
from espcap.tshark.arguments import Settings
from espcap.tshark.decode_as import decoded_as
from espcap.tshark.lists import print_list
from espcap.tshark.output import hand_over_files
from espcap.tshark.program import Program, dissecting_user, find_program
from espcap.tshark.registry import find_own, open_registry, registry_path
from espcap.tshark.scripts import find_scripts, script_contents, script_options
from tests.support.requirements import needs_open_root_folder, needs_root

pytest_plugins = ["tests.support.core_fixtures"]

SCRIPT = """
local own = Proto("{name}", "{name} protocol")
local kind = ProtoField.uint8("{name}.kind", "Kind", base.DEC, {{[3] = "Greeting"}})
own.fields = {{kind}}
"""


@pytest.fixture
def folders(tmp_path: Path) -> list[str]:
    """Two folders, each with a script and something else."""
    tmp_path.chmod(0o755)
    for name in ("first", "second"):
        (tmp_path / name).mkdir(mode=0o755)
        (tmp_path / name / f"{name}.lua").write_text(SCRIPT.format(name=name))
        (tmp_path / name / "README.md").write_text("nothing")
    return [str(tmp_path / name) for name in ("first", "second")]


def test_scripts_of_folders(folders: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_scripts([]) == ()
    assert find_scripts(folders) == tuple(f"{tmp_path}/{name}/{name}.lua" for name in ("first", "second"))
    monkeypatch.chdir(tmp_path)
    assert find_scripts(["first"]) == (f"{tmp_path}/first/first.lua",)
    assert script_options(["/a b.lua"]) == ["-X", "lua_script:/a b.lua"]


def test_folders_without_a_script(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read .*/none: No such file"):
        find_scripts([str(tmp_path / "none")])
    with pytest.raises(UsageError, match=r"has no dissector, a file NAME\.lua"):
        find_scripts([str(tmp_path)])


def test_contents_change_with_the_files(folders: list[str]) -> None:
    (script,) = find_scripts(folders[:1])
    before = list(script_contents([script]))
    Path(script).write_text("-- other")
    assert list(script_contents([script])) != before


@needs_open_root_folder
def test_fields_and_value_names(program: Program, folders: list[str]) -> None:
    """Those of all scripts are own fields; the registry without scripts is another."""
    scripts = find_scripts(folders)
    names = {line.split("\t")[2] for line in print_list(program, "fields", "", scripts) if line.startswith("F\t")}
    assert {"first.kind", "second.kind", "tcp.port"} <= names
    registry = open_registry(program, "", scripts)
    own = find_own(program, registry, "", scripts)
    assert sorted(field.name for field in own.fields) == ["first.kind", "second.kind"]
    assert own.values["first.kind"] == ((3, 3, "Greeting"),)
    assert registry_path(program) != registry_path(program, "", scripts) != registry_path(program, "", scripts[:1])


def test_a_profile_for_sharkd_has_the_scripts(program: Program, folders: list[str], tmp_path: Path) -> None:
    """Beside the plugins of a profile, which stays as it is."""
    profile = tmp_path / "profile"
    (profile / "plugins").mkdir(parents=True)
    (profile / "plugins" / "mine.lua").write_text("-- mine")
    (profile / "preferences").write_text("")
    for own in ("", str(profile)):
        with decoded_as(program, Settings(scripts=find_scripts(folders), profile_folder=own)) as settings:
            assert settings.scripts == ()
            plugins = Path(settings.profile_folder) / "plugins"
            texts = {path.name: path.read_text() for path in plugins.iterdir()}
        mine = {"mine.lua": "-- mine"} if own else {}
        assert texts.keys() == {"espcap-0-first.lua", "espcap-1-second.lua", *mine}
        assert texts["espcap-1-second.lua"] == SCRIPT.format(name="second")
    assert [path.name for path in (profile / "plugins").iterdir()] == ["mine.lua"]


@needs_root
def test_a_script_that_the_dissecting_user_cannot_read(folders: list[str]) -> None:
    user, scripts = dissecting_user(find_program()), find_scripts(folders)
    assert hand_over_files(Settings(scripts=scripts), user).scripts == scripts
    Path(scripts[1]).chmod(0o600)
    if user and not user.reads_all:
        with pytest.raises(UsageError, match=rf"tshark runs as {user.name}, who cannot read .*second\.lua"):
            hand_over_files(Settings(scripts=scripts), user)
