"""Lists interfaces, and tests whether this user is allowed to capture on them."""

import subprocess

from espcap.base.errors import EspcapError
from espcap.base.text import printable, shell_word
from espcap.tshark.process import Process
from espcap.tshark.program import Program, environment


def check_capture_right(program: Program) -> str:
    """Captures on the loopback interface for a second. Returns a message that this worked.

    Raises EspcapError if this user is not allowed to capture.
    """
    process = Process([program.dumpcap, "-q", "-i", "lo", "-a", "duration:1", "-w", "-"], subprocess.DEVNULL)
    process.stdout.read()
    ended = process.wait()
    if ended.status:
        raise EspcapError(ended.message, capture_right_hint(program))
    return f"{program.dumpcap} may capture"


def capture_right_hint(program: Program) -> str:
    """A hint with the commands that give a user the right to capture."""
    return (
        "let dumpcap capture: sudo dpkg-reconfigure wireshark-common, sudo usermod -aG wireshark $USER, log in again; "
        f"or sudo setcap cap_net_raw,cap_net_admin=eip {shell_word(str(program.dumpcap))}"
    )


def print_interfaces(program: Program) -> str:
    """The interfaces that can be captured on, as `tshark -D` prints them. Raises EspcapError without interfaces."""
    answer = subprocess.run([program.path, "-D"], capture_output=True, env=environment(), check=False)
    text = answer.stdout.decode("utf-8", "replace").rstrip("\n")
    if answer.returncode or not text:
        raise EspcapError("tshark shows no interface", capture_right_hint(program))
    return "\n".join(printable(line) for line in text.split("\n"))
