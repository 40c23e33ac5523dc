import signal
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import pytest

from espcap.base.errors import EspcapError
from espcap.tshark.process import PIPE, Exit, Process
from espcap.tshark.program import INSTALL, Program, dissecting_user, environment, find_program
from tests.support.command import children
from tests.support.fake_programs import python, shell
from tests.support.requirements import needs_root


def ended(program: Program) -> Exit:
    """How a fake program ends whose output is read to the end."""
    process = Process([program.path], subprocess.DEVNULL)
    process.stdout.read()
    return process.wait()


@pytest.mark.parametrize(
    ("script", "status", "message"),
    [
        ("exit 0", 0, "exit status 0"),
        ("exit 2", 2, "exit status 2"),
        (
            "echo 'tshark: The standard input appears to have been cut short in the middle of a packet.' >&2; exit 2",
            2,
            "appears to have been cut short in the middle of a packet",
        ),
        ("echo 'Running as user \"root\"' >&2; echo 'dumpcap: no permission' >&2; exit 1", 1, "no permission"),
        ("echo 'Warning: odd' >&2; echo 'tshark: bad filter: x' >&2; exit 4", 4, "bad filter: x"),
        (
            "echo 'tshark: damaged.' >&2; echo '(pcap: too long)' >&2; echo 'more' >&2; exit 2",
            2,
            "damaged. (pcap: too long)",
        ),
        ("echo 'something odd' >&2; exit 1", 1, "something odd"),
        (
            "printf 'tshark: \\033]0;title\\007\\377\\302\\233 \\342\\200\\256\\n' >&2; exit 1",
            1,
            "\\x1b]0;title\\x07\ufffd\\x9b \\u202e",
        ),
        ("printf 'tshark: no newline' >&2; exit 1", 1, "no newline"),
    ],
)
def test_message(tmp_path: Path, script: str, status: int, message: str) -> None:
    got = ended(shell(tmp_path, script))
    assert (got.status, got.message) == (status, message)


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGKILL", "SIGABRT", "SIGTERM"])
def test_death_by_a_signal(tmp_path: Path, name: str) -> None:
    got = ended(shell(tmp_path, f"ulimit -c 0; echo 'tshark: about to die' >&2; kill -{name[3:]} $$"))
    assert got.status == -signal.Signals[name]
    assert got.message == f"killed by {name}"
    assert got.messages == ("tshark: about to die",)


def test_a_line_of_five_megabytes(tmp_path: Path) -> None:
    """The program would block for ever if nobody drained its standard error; and little of it is kept."""
    program = python(tmp_path, "sys.stderr.write('x' * 5_000_000); sys.stderr.flush(); print('out'); sys.exit(3)")
    tracemalloc.start()
    got = ended(program)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000
    assert got.status == 3
    assert got.messages == ("x" * 4096,)


def test_many_lines(tmp_path: Path) -> None:
    """The first twenty and the last twenty are kept."""
    got = ended(python(tmp_path, "sys.stderr.write(''.join(f'line {n}\\n' for n in range(200_000)))"))
    assert got.messages == tuple(f"line {number}" for number in [*range(20), *range(199_980, 200_000)])


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    got = ended(python(tmp_path, "sys.stderr.buffer.write(bytes(range(256)) * 100)"))
    assert got.messages
    assert all(message.isprintable() for message in got.messages)


def test_stop_is_quick_where_the_program_obeys(tmp_path: Path) -> None:
    before = children()
    process = Process([shell(tmp_path, "exec sleep 100").path], subprocess.DEVNULL)
    started = time.monotonic()
    process.stop()
    assert time.monotonic() - started < 1
    assert process.wait().status == -signal.SIGTERM
    assert children() == before


def test_stop_of_a_program_that_does_not_listen(tmp_path: Path) -> None:
    before = children()
    text = "signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(100)"
    process = Process([python(tmp_path, text).path], subprocess.DEVNULL)
    assert process.stdout.read(5) == b"ready"
    started = time.monotonic()
    process.stop()
    assert 1.5 < time.monotonic() - started < 4
    assert process.wait().status == -signal.SIGKILL
    assert children() == before


def test_stop_after_the_end(tmp_path: Path) -> None:
    process = Process([shell(tmp_path, "exit 5").path], subprocess.DEVNULL)
    process.stdout.read()
    assert process.wait().status == 5
    process.stop()
    process.send(signal.SIGINT)
    assert process.wait().status == 5


def test_nothing_of_the_terminal(tmp_path: Path) -> None:
    """A session of its own: Ctrl-C does not reach the program."""
    process = Process([python(tmp_path, "print(os.getsid(0), os.getpid())").path], subprocess.DEVNULL)
    session, number = process.stdout.read().split()
    assert session == number
    assert process.wait().status == 0


def test_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "s3cret")
    process = Process([shell(tmp_path, "env").path], subprocess.DEVNULL, environment("/a profile"))
    output = process.stdout.read().decode().splitlines()
    assert process.wait().status == 0
    assert not [line for line in output if "s3cret" in line]
    assert {"HOME=/proc/nonexistent", "WIRESHARK_CONFIG_DIR=/a profile", "TZ=UTC", "LC_ALL=C.UTF-8"} <= set(output)


@needs_root
def test_as_another_user(tmp_path: Path) -> None:
    user = dissecting_user(find_program())
    assert user
    process = Process(["/usr/bin/id", "-G"], subprocess.DEVNULL, user=user)
    groups = process.stdout.read().split()
    assert process.wait().status == 0
    assert groups == [str(user.gid).encode()]


@pytest.mark.parametrize(
    ("mode", "content", "reason"),
    [(None, b"", "No such file or directory"), (0o644, b"", "Permission denied"), (0o755, b"\0", "Exec format error")],
)
def test_programs_that_cannot_be_run(tmp_path: Path, mode: int | None, content: bytes, reason: str) -> None:
    path = tmp_path / "tshark\n"
    if mode:
        path.write_bytes(content)
        path.chmod(mode)
    with pytest.raises(EspcapError) as caught:
        Process([str(path)], subprocess.DEVNULL)
    assert caught.value.message == f"cannot run {tmp_path}/tshark\\x0a: {reason}"
    assert caught.value.hint == INSTALL


def test_memory_is_the_resident_memory() -> None:
    process = Process([sys.executable, "-c", "x = b'x' * 50_000_000; print(len(x), flush=True); input()"], PIPE)
    assert process.stdout.read(1)
    assert 50_000_000 < process.memory() < 150_000_000
    process.stop()
    assert process.memory() == 0
    process.wait()


def test_memory_of_a_process_that_ends_while_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    process = Process(["sh", "-c", "echo; sleep 60"], subprocess.DEVNULL)
    assert process.stdout.read(1)  # just after its start, Linux counts no memory
    read = process._statistics

    def read_and_end() -> list[str]:
        statistics = read()
        process.stop()
        return statistics

    monkeypatch.setattr(process, "_statistics", read_and_end)
    assert process.memory() > 0
    assert process.memory() == 0
    process.wait()
