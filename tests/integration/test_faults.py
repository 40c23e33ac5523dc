"""Damaged files, odd names, hostile packets and misused options, as a user of the command meets them."""

import gzip
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.command import CAPTURES, ESPCAP, ROOT, environment, espcap, start
from tests.support.hostile import files, packets, times
from tests.support.requirements import needs_open_root_folder, needs_root

WriteCapture = Callable[[Path], Path]


@pytest.mark.parametrize(
    ("write", "read", "status", "says"),
    [
        (files.zero_byte, 0, 0, "is empty (0 bytes)"),
        (files.header_only, 0, 0, ""),
        (files.half_header, 0, 3, "cut short in the middle of a packet or other data, after 0 packets"),
        (files.cut_in_data, 9, 3, "cut short in the middle of a packet, after 9 packets"),
        (files.cut_in_record_header, 10, 3, "cut short in the middle of a packet, after 10 packets"),
        (files.cut_pcapng, None, 3, "cut short in the middle of a packet"),
        (files.cut_gzip, None, 3, "cut short in the middle of a packet"),
        (files.absurd_caplen, 5, 3, "damaged or corrupt"),
        (files.oversized_caplen, 5, 3, "bigger than maximum of 262144"),
        (files.caplen_above_length, None, 0, ""),
        (files.snaplen_cut, None, 0, ""),
        (files.pcapng_bad_interface, 0, 3, "interface index 7 is not less than section interface count 1"),
        (files.unknown_link_type, 0, 3, "network type 9999 unknown"),
        (files.text_file, 0, 1, "is not a capture"),
        (files.random_bytes, 0, 1, "is not a capture"),
        (files.json_named_pcap, 0, 1, "is not a capture"),
        (files.jpeg_named_pcap, 0, 1, "is not a capture"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_damaged_file(tmp_path: Path, write: WriteCapture, read: int | None, status: int, says: str) -> None:
    ran = espcap("--file", write(tmp_path / "damaged.pcap"))
    assert ran.status == status, ran.errors
    assert says in ran.errors
    count = len(ran.documents)
    assert count == read if read is not None else count > 0
    assert f"{count:,} packets read, {count:,} stored" in ran.summary
    if status:
        assert str(tmp_path / "damaged.pcap") in ran.lines[0]
        assert ran.lines[0].startswith("Error: ")


@pytest.mark.parametrize(
    ("write", "time_stamps"),
    [
        (times.epoch_zero, ["1970-01-01T00:00:00.000000000Z"]),
        (times.year_2106, ["2106-02-07T06:28:15.000000000Z"]),
        (times.microsecond_overflow, [None]),
        (times.huge_fraction, [None]),
        (times.negative, [None]),
        (times.year_36812, [None]),
        (times.year_586524, [None]),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_time_stamps(tmp_path: Path, write: WriteCapture, time_stamps: list[str | None]) -> None:
    ran = espcap("--file", write(tmp_path / "times.pcap"))
    assert ran.status == 0
    assert [document.get("@timestamp") for document in ran.documents] == time_stamps
    for document, moment in zip(ran.documents, time_stamps, strict=True):
        if moment is None:
            assert document["espcap"] == {"bad_time": True}
            assert document["unparsed"]["frame"]["time_epoch"]


def test_time_going_back_keeps_the_order_of_the_capture(tmp_path: Path) -> None:
    ran = espcap("--file", times.going_back(tmp_path / "back.pcap"))
    numbers = [document["layers"]["frame"]["number"] for document in ran.documents]
    stamps = [document["@timestamp"] for document in ran.documents]
    assert numbers == sorted(numbers)
    assert stamps != sorted(stamps)
    assert f"{min(stamps)} to {max(stamps)}" in ran.summary


def test_many_days_do_not_make_many_indices(tmp_path: Path) -> None:
    store = f"local:{tmp_path / 'index'}"
    ran = espcap("--file", times.many_days(tmp_path / "days.pcap", 400), "--node", store)
    assert ran.status == 0, ran.errors
    assert "400 stored" in ran.summary
    days = sorted(path.name for path in (tmp_path / "index").iterdir() if path.name.startswith("packets-"))
    assert len(days) == 367
    assert days[-1] == "packets-undated"


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo", "UTC"])
def test_days_are_those_of_utc(tmp_path: Path, zone: str) -> None:
    espcap("--file", CAPTURES / "midnight.pcap", "--node", f"local:{tmp_path}", TZ=zone)
    assert sorted(path.name for path in tmp_path.glob("packets-*")) == ["packets-2023-11-14", "packets-2023-11-15"]


@pytest.mark.parametrize("name", ["arp", "raw_ip", "wlan", "usb", "bluetooth", "user0"])
def test_link_types(tmp_path: Path, name: str) -> None:
    ran = espcap("--file", packets.link_type(tmp_path / "link.pcap", name))
    assert ran.status == 0, ran.errors
    assert len(ran.documents) == 1


def test_cut_packet_is_marked(tmp_path: Path) -> None:
    documents = espcap("--file", files.snaplen_cut(tmp_path / "cut.pcap")).documents
    assert any(document["layers"].get("_ws", {}).get("short") for document in documents)


@pytest.mark.parametrize(
    "write",
    [
        packets.ip_in_ip,
        packets.long_user_agent,
        packets.utf8_long,
        packets.utf8_long_json,
        packets.hostile_http,
        packets.dns_many_answers,
        packets.dns_escape_name,
        packets.u64_max,
        packets.deep_json,
        times.year_586524,
    ],
    ids=lambda value: value.__name__,
)
def test_hostile_packets_are_stored_everywhere(tmp_path: Path, write: WriteCapture, elasticsearch_url: str) -> None:
    capture = write(tmp_path / "hostile.pcap")
    printed = espcap("--file", capture)
    count = len(printed.documents)
    assert printed.status == 0
    assert count > 0
    for control in [b"\x1b", b"\x7f", b"\xc2\x9b", b"\xe2\x80\xae"]:
        assert control not in printed.output
    for node in (f"local:{tmp_path / 'index'}", elasticsearch_url):
        ran = espcap("--file", capture, "--node", node)
        assert ran.status == 0, ran.errors
        assert f"{count:,} stored, 0 already there, 0 rejected" in ran.summary


def test_every_answer_of_a_large_reply_is_kept(tmp_path: Path) -> None:
    documents = espcap("--file", packets.dns_many_answers(tmp_path / "dns.pcap")).documents
    assert (
        max(len(document["layers"]["dns"].get("a", [])) for document in documents if "dns" in document["layers"])
        == 2000
    )


def test_largest_unsigned_value_is_exact(tmp_path: Path, elasticsearch_url: str) -> None:
    capture = packets.u64_max(tmp_path / "u64.pcap")
    text = espcap("--file", capture).output
    assert b"18446744073709551615" in text
    for node in (f"local:{tmp_path / 'index'}", elasticsearch_url):
        espcap("--file", capture, "--node", node)
        field = _path_of(text, 18446744073709551615)
        query = f"{field}:18446744073709551615"
        assert len(espcap("search", query, "--node", node).documents) == 1
        assert len(espcap("search", f"{field}:18446744073709551614", "--node", node).documents) == 0


def _path_of(output: bytes, value: int) -> str:
    for line in output.splitlines():
        for layer, keys in json.loads(line)["layers"].items():
            for key, found in keys.items():
                if value == found or (isinstance(found, list) and value in found):
                    return f"layers.{layer}.{key}"
    raise AssertionError(value)


def test_directory_of_all_sorts(tmp_path: Path) -> None:
    folder = tmp_path / "captures"
    (folder / "below").mkdir(parents=True)
    shutil.copy(CAPTURES / "arp.pcap", folder / "b.pcap")
    shutil.copy(CAPTURES / "dhcp.pcap", folder / "below" / "a.pcap")
    os.link(folder / "b.pcap", folder / "c-the-same.pcap")
    (folder / "d-link.pcap").symlink_to(folder / "below" / "a.pcap")
    (folder / "dangling.pcap").symlink_to("nowhere")
    (folder / "loop").symlink_to(".")
    (folder / "zero.pcap").symlink_to("/dev/zero")
    os.mkfifo(folder / "fifo.pcap")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(folder / "socket.pcap"))
    files.json_named_pcap(folder / "json.pcap")
    files.text_file(folder / "README")
    with gzip.open(folder / "text.gz", "wb") as file:
        file.write(b"not a capture" * 10)
    began = time.monotonic()
    ran = espcap("--dir", folder)
    listener.close()
    assert time.monotonic() - began < 20
    assert ran.status == 0, ran.errors
    assert Counter(Path(document["file_name"]).name for document in ran.documents) == {"b.pcap": 6, "a.pcap": 4}
    assert [line for line in ran.lines if "skipped" in line] == [
        f"Note: skipped: {folder / name} is not a capture" for name in ("README", "json.pcap", "text.gz")
    ]


@needs_open_root_folder
@needs_root
def test_unreadable_file_does_not_stop_the_rest(tmp_path: Path) -> None:
    shutil.copy(CAPTURES / "arp.pcap", tmp_path / "a.pcap")
    shutil.copy(CAPTURES / "dhcp.pcap", tmp_path / "b.pcap")
    (tmp_path / "a.pcap").chmod(0)
    without = "--bounding-set=-dac_override,-dac_read_search"  # what lets root open every file
    command = ["setpriv", without, *ESPCAP, "--dir", str(tmp_path)]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert ran.returncode == 3, ran.stderr
    assert len(ran.stdout.splitlines()) == 4
    assert f"Error: cannot read {tmp_path / 'a.pcap'}: Permission denied" in ran.stderr


def test_odd_file_names(tmp_path: Path) -> None:
    count = len(files.odd_names(CAPTURES / "arp.pcap", tmp_path))
    by_directory = espcap("--dir", tmp_path, cwd=tmp_path)
    assert by_directory.status == 0, by_directory.errors
    assert len(by_directory.documents) == 6 * count
    assert not (tmp_path / "PWN").exists()
    assert not any(control in by_directory.output + by_directory.errors.encode() for control in (b"\x1b", b"\xff"))
    assert any("\ufffd" in document["file_name"] for document in by_directory.documents)
    for name in files.ODD_NAMES[1:]:
        ran = espcap(b"--file=" + name, cwd=tmp_path)
        assert ran.status == 0, ran.errors
        assert len(ran.documents) == 6
    missing = espcap("--file", "no\x1b[31m\nsuch", cwd=tmp_path)
    assert missing.status == 1
    assert missing.lines[0] == "Error: cannot read no\\x1b[31m\\x0asuch: No such file or directory (check the path)"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--nic", "lo", "--bpf=-Xlua_script:evil.lua"], "'-Xlua_script:evil.lua' is not a capture filter"),
        (["--nic=-Xlua_script:evil.lua"], "'-Xlua_script:evil.lua' is not an interface"),
        (["--nic", "rpcap://example.com/lo"], "'rpcap://example.com/lo' is not an interface"),
        (["--nic", "TCP@example.com"], "'TCP@example.com' is not an interface"),
        (["--nic=-"], "'-' is not an interface"),
        (["--file", "a.pcap", "--bpf", "tcp"], "--bpf is for interfaces"),
        (["--file", "a.pcap", "-Y", "bad(("], "was unexpected in this context"),
        (["--file", "a.pcap", "-Y", "no.such.field"], "no.such.field"),
        (["--file", "a.pcap", "-Y=-Xlua_script:evil.lua"], ""),
        (["--file", "a.pcap", "-o", "no.such:1"], 'flag "no.such:1" specifies unknown preference'),
        (["--file", "a.pcap", "-o", "tls.keylog_file:no.keys"], "the file of keys no.keys does not exist"),
        (["--file", "a.pcap", "-d", "foo==1,http"], "Unknown layer type -- foo"),
        (
            ["--file", "a.pcap", "--profile-dir", "nowhere"],
            "/nowhere is not a folder (--profile-dir takes a folder such",
        ),
        (["--file", "a.pcap", "--profile-dir", "a.pcap"], "/a.pcap is not a folder"),
        (["--file", "a.pcap", "--pretty", "--node", "local"], "--pretty is for printed documents"),
        (["--file", "a.pcap", "--node", "local", "--node", "local:x"], "a local index cannot be named together"),
        ([], "nothing to read"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_wrong_usage(tmp_path: Path, arguments: list[str], says: str) -> None:
    (tmp_path / "evil.lua").write_text('io.open("PWN", "w"):close()')
    shutil.copy(CAPTURES / "arp.pcap", tmp_path / "a.pcap")
    ran = espcap(*arguments, cwd=tmp_path)
    assert ran.status == 2, ran.errors
    assert says in ran.errors
    assert not (tmp_path / "PWN").exists()


def test_bad_capture_filter() -> None:
    ran = espcap("--nic", "lo", "--bpf", "bad bpf((")
    assert ran.status == 2, ran.errors
    assert "Invalid capture filter \"bad bpf((\" for interface 'lo'" in ran.errors


def test_the_users_wireshark_configuration_changes_nothing(tmp_path: Path) -> None:
    for folder in (tmp_path / ".config" / "wireshark", tmp_path / ".local" / "lib" / "wireshark" / "plugins"):
        folder.mkdir(parents=True)
        (folder / "init.lua").write_text(f'io.open("{tmp_path}/PWN", "w"):close()')
    (tmp_path / ".config" / "wireshark" / "preferences").write_text(
        "ip.check_checksum: TRUE\ntcp.relative_sequence_numbers: FALSE\n"
    )
    cache = str(Path.home() / ".cache")
    here = espcap("--file", CAPTURES / "http_xml.pcap", XDG_CACHE_HOME=cache)
    there = espcap(
        "--file",
        CAPTURES / "http_xml.pcap",
        HOME=str(tmp_path),
        XDG_CONFIG_HOME=str(tmp_path / ".config"),
        XDG_CACHE_HOME=cache,
    )
    assert here.output == there.output
    assert not (tmp_path / "PWN").exists()


def test_full_standard_output() -> None:
    with open("/dev/full", "wb") as full:
        process = start("--file", CAPTURES / "dns.pcap", stdout=full)
        errors = process.communicate()[1].decode()
    assert process.returncode == 1
    assert "No space left on device" in errors
    assert "Traceback" not in errors


def test_reader_that_leaves() -> None:
    process = start("--file", CAPTURES / "http_xml.pcap", "--chunk", "1")
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(20) in (0, 141)
    assert process.stderr is not None
    assert b"Traceback" not in process.stderr.read()


@needs_root
def test_full_disk_under_the_local_index(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(disk)], check=True)
    try:
        ran = espcap("--dir", CAPTURES, "--node", f"local:{disk}/index")
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)
    assert ran.status == 1
    assert "No space left" in ran.errors


COMMIT_OFTEN = """
from espcap.cli import main
from espcap.stores.local import writer
from espcap.tshark import plugin
writer.COMMIT_DOCUMENTS = plugin.ROWS = 200
main()
"""


@needs_root
def test_stored_is_only_what_the_full_disk_has(tmp_path: Path) -> None:
    """The disk is full at a later commit than the first; on a larger one the same command stores the rest."""
    capture, disk, report = tmp_path / "long.pcap", tmp_path / "disk", tmp_path / "report"
    subprocess.run(["mergecap", "-a", "-w", str(capture), *[str(CAPTURES / "http_xml.pcap")] * 100], check=True)
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(disk)], check=True)
    node = f"local:{disk}/index"
    try:
        command = [sys.executable, "-c", COMMIT_OFTEN, "--file", str(capture), "--chunk", "50", "--node", node]
        ran = subprocess.run(
            [*command, "--json-report", str(report)], capture_output=True, env=environment(), check=False
        )
        counts = json.loads(report.read_text())
        subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
        stored = _stored(node)
        again = espcap("--file", capture, "--node", node)
        total = _stored(node)
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)
    assert ran.returncode == 1, ran.stderr
    assert counts["stored"] == stored > 0
    assert counts["read"] == counts["stored"] + counts["not_stored"] > stored
    assert again.status == 0, again.errors
    assert f"3,300 packets read, {3300 - stored:,} stored, {stored:,} already there" in again.summary
    assert total == 3300


def _stored(node: str) -> int:
    return sum(bucket["doc_count"] for bucket in espcap("search", "--agg", "protocol", "--node", node).documents)


def test_profile_folder_on_request(tmp_path: Path) -> None:
    (tmp_path / "preferences").write_text("tcp.relative_sequence_numbers: FALSE\n")
    tmp_path.chmod(0o755)
    for parent in list(tmp_path.parents)[:2]:
        parent.chmod(0o755)  # tshark does not run as root
    plain = espcap("--file", CAPTURES / "http_xml.pcap", "-c", "1").documents
    profiled = espcap("--file", CAPTURES / "http_xml.pcap", "-c", "1", "--profile-dir", tmp_path).documents
    assert plain[0]["layers"]["tcp"]["seq"] == 0
    assert profiled[0]["layers"]["tcp"]["seq"] == plain[0]["layers"]["tcp"]["seq_raw"]


def test_secrets_are_not_told(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("s3cret")
    ran = espcap(
        *("--file", CAPTURES / "arp.pcap", "--node", "http://user:s3cret@127.0.0.1:1"),
        *("--user", "user", "--password-file", tmp_path / "password", "--json-report", tmp_path / "report"),
        ESPCAP_API_KEY="s3cret",
    )
    assert ran.status == 1
    assert "s3cret" not in ran.errors + (tmp_path / "report").read_text()


def test_a_certificate_that_is_not_checked_is_told() -> None:
    ran = espcap("--file", CAPTURES / "arp.pcap", "--node", "https://127.0.0.1:1", "--no-verify")
    assert ran.status == 1
    assert "Warning: the server's certificate is not verified; any server could impersonate it." in ran.lines
