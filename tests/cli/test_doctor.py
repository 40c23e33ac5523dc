"""What doctor prints of a machine on which programs are missing."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from espcap.cli import main
from espcap.tshark.program import find_program
from tests.support.fake_programs import shell


def lines_of_doctor(tshark: Path | str) -> list[str]:
    """The lines that doctor prints if it fails."""
    ran = CliRunner().invoke(main, ["doctor", "--tshark", str(tshark)])
    assert ran.exit_code == 1, ran.output
    return ran.output.splitlines()


def test_without_tshark(tmp_path: Path) -> None:
    [line] = lines_of_doctor(tmp_path / "none")
    assert line.startswith(f"missing  tshark: cannot run {tmp_path}/none: No such file or directory (")


@pytest.mark.parametrize(("made", "state"), [(True, ""), (False, ", made when packets are stored there")])
def test_folder_of_the_local_index(made: bool, state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    if made:
        (tmp_path / "espcap").mkdir()
    ran = CliRunner().invoke(main, ["doctor"])
    assert f"ok       local index: {tmp_path}/espcap, for --node local{state}" in ran.output.splitlines()


def test_without_the_right_to_capture(tmp_path: Path) -> None:
    """That is an error; a missing sharkd or reader is a note."""
    program = shell(tmp_path, f'exec {find_program().path} "$@"')
    tmp_path.chmod(0o755)
    shell(tmp_path, "echo 'dumpcap: no permission' >&2; exit 1", "dumpcap")
    lines = lines_of_doctor(program.path)
    kinds = {line.split()[1].rstrip(":"): line.split()[0] for line in lines}
    assert (kinds["tshark"], kinds["capture"], kinds["cache"]) == ("ok", "missing", "ok")
    assert [name for name, kind in kinds.items() if kind == "missing"] == ["capture"]
    [capture] = [line for line in lines if line.startswith("missing")]
    assert f"sudo setcap cap_net_raw,cap_net_admin=eip {tmp_path}/dumpcap" in capture
