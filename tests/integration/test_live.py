"""Live captures and standard input, with real packets on interfaces made here."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import CAPTURES, ESPCAP, ROOT, environment, espcap, start
from tests.support.live_run import send, settle, until
from tests.support.requirements import needs_capture, needs_root


def wait_for_capture(process: "subprocess.Popen[bytes]") -> None:
    """Until dumpcap captures: it has then the first segment of the spool."""
    spool = Path(os.environ["XDG_STATE_HOME"]) / "espcap" / "spool"
    until(lambda: bool(list(spool.glob("*/packets_00001_*"))) or process.poll() is not None)


def rest(process: "subprocess.Popen[bytes]") -> tuple[bytes, bytes]:
    """What is left of both streams after the first lines were read; waits for the end."""
    assert process.stdout is not None
    assert process.stderr is not None
    output, errors = process.stdout.read(), process.stderr.read()
    process.wait(30)
    return output, errors


def documents(output: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


@needs_capture
def test_count_and_capture_filter() -> None:
    process = start("--nic", "lo", "--bpf", "udp port 40123", "--count", "5")
    wait_for_capture(process)
    send(3, 40999)
    send(8, 40123)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors.decode()
    found = documents(output)
    assert [document["layers"]["udp"]["dstport"] for document in found] == [40123] * 5
    assert {document["observer"]["ingress"]["interface"]["name"] for document in found} == {"lo"}
    assert all(document["observer"]["hostname"] == socket.gethostname() for document in found)
    assert not any({"file_name", "file_date_utc"} & document.keys() for document in found)
    assert b"5 packets read, 5 stored, 0 already there, 0 rejected, 0 dropped" in errors


@needs_capture
def test_documents_come_while_the_capture_runs_and_sigint_ends_it() -> None:
    process = start("--nic", "lo", "-f", "udp port 40124", "-Y", "udp.length == 9")
    wait_for_capture(process)
    send(10, 40124)
    assert process.stdout is not None
    began = time.monotonic()
    first = json.loads(process.stdout.readline())
    assert time.monotonic() - began < 10
    assert first["layers"]["udp"]["dstport"] == 40124
    settle(process.pid)
    process.send_signal(signal.SIGINT)
    output, errors = rest(process)
    assert process.returncode == 0, errors.decode()
    assert len(documents(output)) == 9
    assert b"10 packets read, 10 stored" in errors


@needs_capture
def test_several_interfaces() -> None:
    process = start("-i", "lo", "-i", "any", "-f", "udp port 40125")
    wait_for_capture(process)
    send(8, 40125)
    settle(process.pid)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors.decode()
    names = {document["observer"]["ingress"]["interface"]["name"] for document in documents(output)}
    assert names == {"lo", "any"}


@needs_capture
def test_live_and_file_give_the_same_documents(tmp_path: Path) -> None:
    recorder = subprocess.Popen(
        ["dumpcap", "-q", "-i", "lo", "-f", "udp port 40126", "-c", "6", "-w", "-"],
        stdout=(tmp_path / "same.pcapng").open("wb"),
        stderr=subprocess.DEVNULL,
    )
    process = start("-i", "lo", "-f", "udp port 40126", "-c", "6")
    wait_for_capture(process)
    send(6, 40126)
    live = documents(process.communicate(timeout=60)[0])
    recorder.wait(30)
    files = espcap("--file", tmp_path / "same.pcapng").documents
    for document in [*live, *files]:
        for name in ("file_name", "file_date_utc", "observer", "capture_id"):
            document.pop(name, None)
        for name in ("interface_id", "interface_id_tree", "interface_name", "encap_type"):
            document["layers"]["frame"].pop(name, None)
    assert live == files


def test_missing_interface() -> None:
    ran = espcap("--nic", "nosuch0")
    assert ran.status == 1
    assert ran.lines[0].startswith('Error: the capture on nosuch0 ended early: There is no device named "nosuch0"')


@needs_root
def test_no_right_to_capture() -> None:
    command = ["setpriv", "--bounding-set=-net_raw,-net_admin", *ESPCAP, "--nic", "lo"]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment(), check=False)
    assert ran.returncode == 1, ran.stderr
    assert "You do not have permission to capture on device" in ran.stderr
    assert "setcap cap_net_raw" in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.fixture
def namespace() -> Iterator[list[str]]:
    """A network namespace of its own with an interface `t0`; the command prefix that runs in it."""
    name = f"espcap{os.getpid()}"
    inside = ["ip", "netns", "exec", name]
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        subprocess.run([*inside, "ip", "tuntap", "add", "t0", "mode", "tap"], check=True)
        subprocess.run([*inside, "ip", "link", "set", "t0", "up"], check=True)
        yield inside
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=True)


@needs_root
def test_interface_that_goes_away(namespace: list[str]) -> None:
    process = subprocess.Popen(
        [*namespace, *ESPCAP, "-i", "t0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    )
    wait_for_capture(process)
    subprocess.run([*namespace, "ip", "link", "delete", "t0"], check=True)
    errors = process.communicate(timeout=60)[1].decode()
    assert process.returncode == 1, errors
    assert "the capture on t0 ended early" in errors


def test_interfaces_are_listed_as_tshark_names_them() -> None:
    ran = espcap("--list")
    wanted = subprocess.run(["tshark", "-D"], capture_output=True, text=True, check=False).stdout
    assert ran.status == 0
    assert ran.output.decode() == wanted


def test_standard_input_from_a_pipe() -> None:
    with subprocess.Popen(["cat", CAPTURES / "dns.pcap"], stdout=subprocess.PIPE) as cat:
        ran = espcap("--file", "-", stdin=cat.stdout)
    assert ran.status == 0, ran.errors
    assert len(ran.documents) == 24
    assert {document["file_name"] for document in ran.documents} == {"-"}


def test_standard_input_from_a_file_has_the_identity_of_the_file() -> None:
    with (CAPTURES / "dns.pcap").open("rb") as file:
        redirected = espcap("--file", "-", stdin=file)
    named = espcap("--file", CAPTURES / "dns.pcap")
    identities = [{document["capture_id"] for document in ran.documents} for ran in (redirected, named)]
    assert identities[0] == identities[1]


@pytest.mark.parametrize(
    ("content", "says"), [(b"", "standard input is empty"), (b"text " * 10, "standard input is not a capture")]
)
def test_standard_input_that_is_no_capture(content: bytes, says: str) -> None:
    with subprocess.Popen(["printf", "%s", content], stdout=subprocess.PIPE) as printf:
        ran = espcap("--file", "-", stdin=printf.stdout)
    assert ran.status == 1
    assert says in ran.lines[0]


@needs_capture
def test_tcpdump_into_standard_input() -> None:
    command = ["tcpdump", "-i", "lo", "-U", "--immediate-mode", "-w", "-", "udp port 40127"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as tcpdump:
        process = start("--file", "-", stdin=tcpdump.stdout)
        assert tcpdump.stdout is not None
        tcpdump.stdout.close()
        assert tcpdump.stderr is not None
        assert b"listening on lo" in tcpdump.stderr.readline()
        send(5, 40127)
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["layers"]["udp"]["dstport"] == 40127
        tcpdump.send_signal(signal.SIGINT)
        output, errors = rest(process)
    assert process.returncode == 0, errors.decode()
    assert len(documents(output)) == 4
