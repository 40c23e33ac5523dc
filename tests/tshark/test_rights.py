"""The right to capture, and the list of interfaces."""

from pathlib import Path

import pytest

from espcap.base.errors import EspcapError
from espcap.tshark.program import find_program
from espcap.tshark.rights import check_capture_right, print_interfaces
from tests.support.fake_programs import shell
from tests.support.requirements import needs_capture


@needs_capture
def test_right_to_capture() -> None:
    program = find_program()
    assert check_capture_right(program) == f"{program.dumpcap} may capture"


def test_no_right_to_capture(tmp_path: Path) -> None:
    """A dumpcap that fails as the real one does; the hint names it."""
    program = shell(tmp_path, "exit 0")
    shell(tmp_path, "echo 'dumpcap: You do not have permission to capture on device \"lo\".' >&2; exit 1", "dumpcap")
    with pytest.raises(EspcapError, match="You do not have permission to capture on device") as caught:
        check_capture_right(program)
    assert f"sudo setcap cap_net_raw,cap_net_admin=eip {tmp_path}/dumpcap" in caught.value.hint


def test_interfaces(tmp_path: Path) -> None:
    shell(tmp_path, "exit 0", "dumpcap")
    assert print_interfaces(shell(tmp_path, r"printf '1. eth0\n2. e\033vil\n'")) == "1. eth0\n2. e\\x1bvil"
    for script in ("exit 0", "echo 1. eth0; exit 1"):
        with pytest.raises(EspcapError, match="tshark shows no interface"):
            print_interfaces(shell(tmp_path, script))
