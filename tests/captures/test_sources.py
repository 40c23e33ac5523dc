import gzip
import hashlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from ctypes import CDLL
from pathlib import Path

import pytest

from espcap.base.errors import EspcapError, UsageError
from espcap.base.text import printable
from espcap.captures import compression
from espcap.captures.sources import (
    CaptureFile,
    Interfaces,
    NotACapture,
    StandardInput,
    can_be_capture,
    capture_file,
    interfaces,
    walk,
)
from tests.support import unprivileged
from tests.support.command import CAPTURES
from tests.support.hostile import files
from tests.support.requirements import needs_root, unavailable

PCAP = bytes.fromhex("d4c3b2a1")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder; other users may enter it."""
    tmp_path.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def touch(path: Path | str) -> Path:
    """An empty capture."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    return files.header_only(path)


def found(path: Path | str) -> list[str]:
    """What walking finds: paths below the folder, those of no captures after an exclamation mark."""
    return [
        os.path.relpath(each.path, path) if isinstance(each, CaptureFile) else f"!{each.message}"
        for each in walk(str(path))
    ]


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("a1b2c3d4", True),
        ("d4c3b2a1", True),
        ("a1b23c4d", True),
        ("4d3cb2a1", True),
        ("a1b2cd34", True),
        ("34cdb2a1", True),
        ("0a0d0d0a", True),
        ("28b52ffd", True),
        ("04224d18", True),
        (b"snoop\0\0\0".hex(), True),
        (b"btsnoop\0".hex(), True),
        (b"RTSS".hex(), True),
        (b"GMBU".hex(), True),
        (b"XCP\0".hex(), True),
        (b"TRSNIFF data".hex(), True),
        (b"iptrace 2.0".hex(), True),
        ("", False),
        ("a1b2c3", False),
        ("00a1b2c3d4", False),
        ("1f8b", False),
        ("ffd8ffe0", False),
        (b"{}".hex(), False),
        (b"snoops".hex(), False),
        (b"PK\x03\x04".hex(), False),
    ],
)
def test_can_be_capture(head: str, expected: bool) -> None:
    content = bytes.fromhex(head) + (bytes(20) if len(head) > 6 else b"")
    assert can_be_capture(content) is expected
    assert can_be_capture(gzip.compress(content + bytes(10_000))[:4096]) is expected


def test_gzip_that_is_cut_or_damaged() -> None:
    packed = gzip.compress(PCAP + os.urandom(10_000))
    assert can_be_capture(packed[:300])
    assert not can_be_capture(packed[:11])
    assert not can_be_capture(packed[:2] + bytes(20))
    assert not can_be_capture(gzip.compress(gzip.compress(PCAP + bytes(20))))


def test_our_captures(sample: Path) -> None:
    assert can_be_capture(sample.read_bytes()[:4096])


class TestCaptureFile:
    def test_a_file(self, folder: Path) -> None:
        path = touch("a.pcap")
        os.utime(path, (5, 1700000000.5))
        source = capture_file("a.pcap")
        assert source == CaptureFile("a.pcap", 24, 1700000000.5)
        assert source.name == "a.pcap"

    @pytest.mark.parametrize("name", files.ODD_NAMES)
    def test_odd_names(self, folder: Path, name: bytes) -> None:
        path = touch(folder / os.fsdecode(name))
        source = capture_file(str(path))
        assert isinstance(source, CaptureFile)
        assert source.name == f"{folder}/" + name.decode("utf-8", "replace")
        source.name.encode()
        with source.open() as file:
            assert file.read() == path.read_bytes()

    def test_identify(self, folder: Path) -> None:
        """By content alone, and the file is at its start again."""
        touch("a")
        shutil.copy("a", "b")
        files.cut_in_data(Path("c"))
        identifiers = []
        for name in ("a", "b", "c"):
            source = capture_file(name)
            assert isinstance(source, CaptureFile)
            with source.open() as file:
                identifiers.append(source.identify(file))
                assert file.read() == Path(name).read_bytes()
        assert identifiers[0] == identifiers[1] != identifiers[2]
        assert identifiers[0] == hashlib.blake2b(Path("a").read_bytes(), digest_size=16).hexdigest()
        assert all(re.fullmatch("[0-9a-f]{32}", identifier) for identifier in identifiers)

    @pytest.mark.parametrize("compress", ["gzip", "zstd", "lz4"])
    def test_identify_compressed(self, folder: Path, compress: str) -> None:
        """As the capture inside, or by its bytes where it is damaged."""
        touch("a")
        content = Path("a").read_bytes() + bytes(3_000_000)
        Path("a").write_bytes(content)
        parts = [content, content[:100], content[100:]]
        whole, *members = (subprocess.run([compress, "-c"], input=part, stdout=-1, check=True).stdout for part in parts)
        Path("whole.gz").write_bytes(whole)
        Path("members.gz").write_bytes(b"".join(members))
        Path("cut.gz").write_bytes(whole[:-9])
        Path("garbage.gz").write_bytes(whole + b"x")
        found = {}
        for path in (Path("a"), *folder.glob("*.gz")):
            source = capture_file(str(path))
            assert isinstance(source, CaptureFile)
            with source.open() as file:
                found[path.name] = source.identify(file), source.digest(file)
                assert file.read() == path.read_bytes()
        assert found["whole.gz"][0] == found["members.gz"][0] == found["a"][0] == found["a"][1]
        assert all(found[name][0] == found[name][1] for name in ("cut.gz", "garbage.gz"))
        assert len({digest for _, digest in found.values()}) == 5

    @pytest.mark.parametrize("compress", ["zstd", "lz4"])
    def test_identify_without_a_library(self, folder: Path, compress: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """By its bytes as they are."""
        touch("a")
        Path("packed").write_bytes(subprocess.run([compress, "-c", "a"], stdout=-1, check=True).stdout)
        for load in (compression._libzstd, compression._liblz4):
            monkeypatch.setattr(compression, load.__name__, load.__wrapped__)
        monkeypatch.setattr(compression, "CDLL", lambda name: CDLL("no-such-library.so"))
        source = capture_file("packed")
        assert isinstance(source, CaptureFile)
        with source.open() as file:
            assert source.identify(file) == source.digest(file)

    @pytest.mark.parametrize(
        ("prepare", "message", "hint"),
        [
            (lambda: None, "cannot read x\\x1b: No such file or directory", "check the path"),
            (lambda: os.mkdir("x\x1b"), "x\\x1b is a directory", "read it with --dir x\\x1b"),
            (lambda: os.mkfifo("x\x1b"), "x\\x1b is not a regular file", "pipe it in: --file - < FIFO"),
            (lambda: os.symlink("/dev/zero", "x\x1b"), "x\\x1b is not a regular file", "pipe it in: --file - < FIFO"),
            (lambda: os.symlink("nowhere", "x\x1b"), "cannot read x\\x1b: No such file or directory", "check the path"),
            (
                lambda: os.symlink("x\x1b", "x\x1b"),
                "cannot read x\\x1b: Too many levels of symbolic links",
                "check the path",
            ),
        ],
    )
    def test_paths_that_are_not_a_file(
        self, folder: Path, prepare: Callable[[], None], message: str, hint: str
    ) -> None:
        prepare()
        with pytest.raises(EspcapError) as caught:
            capture_file("x\x1b")
        assert (caught.value.message, caught.value.hint) == (message, hint)

    @pytest.mark.parametrize("write", [files.text_file, files.json_named_pcap, files.jpeg_named_pcap])
    def test_files_that_are_not_a_capture(self, folder: Path, write: Callable[[Path], Path]) -> None:
        write(Path("x.pcap"))
        source = capture_file("x.pcap")
        assert isinstance(source, CaptureFile)
        with pytest.raises(NotACapture) as caught:
            source.open()
        assert caught.value.message == "x.pcap is not a capture"
        assert caught.value.hint == "espcap reads pcap and pcapng, also inside gzip, zstd or lz4"

    def test_an_empty_file_can_be_opened(self, folder: Path) -> None:
        source = capture_file(str(files.zero_byte(Path("x.pcap"))))
        assert isinstance(source, CaptureFile)
        with source.open() as file:
            assert (source.size, file.read()) == (0, b"")

    def test_a_file_that_may_not_be_read(self, folder: Path) -> None:
        touch("x.pcap").chmod(0)
        source = capture_file("x.pcap")
        assert isinstance(source, CaptureFile)
        with unprivileged(), pytest.raises(EspcapError) as caught:
            source.open()
        assert caught.value.message == "cannot read x.pcap: Permission denied"
        assert caught.value.hint == "check the file and its permissions"

    def test_a_file_that_is_gone(self, folder: Path) -> None:
        source = capture_file(str(touch("x.pcap")))
        assert isinstance(source, CaptureFile)
        os.remove("x.pcap")
        with pytest.raises(EspcapError, match=r"^cannot read x.pcap: No such file or directory$"):
            source.open()


class TestStandardInput:
    def test_a_pipe(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with subprocess.Popen(["true"], stdout=subprocess.PIPE) as process:
            assert process.stdout
            monkeypatch.setattr(sys, "stdin", process.stdout)
            source = capture_file("-")
        assert source == StandardInput()
        assert source.name == "-"
        assert StandardInput().capture_id() != StandardInput().capture_id()

    def test_a_file(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """`espcap --file - < a.pcap` is a file, and so has an identity of its own."""
        touch("a.pcap")
        with open("a.pcap", "rb") as stdin:
            stdin.seek(3)
            monkeypatch.setattr(sys, "stdin", stdin)
            source = capture_file("-")
            assert isinstance(source, CaptureFile)
            assert (source.name, source.size) == ("-", 24)
            with source.open() as file:
                assert file.read() == Path("a.pcap").read_bytes()

    def test_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """`espcap --file - <&-`"""
        monkeypatch.setattr(sys, "stdin", None)
        with pytest.raises(EspcapError, match="standard input"):
            capture_file("-")


class TestInterfaces:
    def test_names(self) -> None:
        source = interfaces(("lo", "eth0"), "tcp port 80")
        assert source == Interfaces(("lo", "eth0"), "tcp port 80")
        assert source.name == "lo, eth0"
        assert source.capture_id() != source.capture_id()

    @pytest.mark.parametrize(
        "name",
        ["", "-", "-Xlua_script:evil.lua", "--version", "TCP@192.0.2.1", "rpcap://192.0.2.1/lo", "|touch PWN", "-\x1b"],
    )
    def test_names_of_something_else(self, name: str) -> None:
        with pytest.raises(UsageError) as caught:
            interfaces(("lo", name))
        assert caught.value.message == f"{printable(name)!r} is not an interface"
        assert caught.value.hint == "espcap --list shows the interfaces"

    def test_a_capture_filter_that_is_an_option(self) -> None:
        with pytest.raises(UsageError) as caught:
            interfaces(("lo",), "-Xlua_script:evil.lua")
        assert caught.value.message == "'-Xlua_script:evil.lua' is not a capture filter"
        assert caught.value.hint == "see man pcap-filter"


class TestWalk:
    def test_sorted_by_bytes_and_recursive(self, folder: Path) -> None:
        names = ["b.pcap", "a/z.pcap", "a/b/c.pcap", "B.pcap", "é.pcap", "a.pcap", ".hidden.pcap"]
        for name in names:
            touch(name)
        assert found(".") == [".hidden.pcap", "B.pcap", "a/b/c.pcap", "a/z.pcap", "a.pcap", "b.pcap", "é.pcap"]

    def test_every_file_of_our_own(self) -> None:
        names = [name for name in found(CAPTURES) if not name.startswith("!")]
        assert names == sorted(path.name for path in CAPTURES.glob("*.pcap*"))

    def test_files_that_are_not_a_capture_are_named(self, folder: Path) -> None:
        files.text_file(Path("README"))
        files.json_named_pcap(Path("b.pcap"))
        touch("c.pcap")
        assert found(folder) == [
            f"!{folder}/README is not a capture",
            f"!{folder}/b.pcap is not a capture",
            "c.pcap",
        ]

    def test_links(self, folder: Path) -> None:
        """Followed to files, not to folders, and each file is read once."""
        touch("d/a.pcap")
        outside = touch(folder.parent / f"{folder.name}.pcap")
        os.symlink(outside, "d/b.pcap")
        os.symlink("a.pcap", "d/c.pcap")
        os.symlink("..", "d/loop")
        os.symlink(".", "d/self")
        os.symlink("/", "d/root")
        os.symlink("nowhere", "d/dangling.pcap")
        os.symlink("circle", "d/circle")
        os.link("d/a.pcap", "d/hard.pcap")
        assert found(folder / "d") == ["a.pcap", "b.pcap"]
        os.symlink("d", "link")
        assert found(folder / "link") == ["a.pcap", "b.pcap"]

    def test_files_that_must_not_be_opened(self, folder: Path) -> None:
        touch("a.pcap")
        os.mkfifo("b.pcap")
        os.symlink("/dev/zero", "c.pcap")
        os.symlink("b.pcap", "d.pcap")
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("e.pcap")
            started = time.monotonic()
            assert found(".") == ["a.pcap"]
        assert time.monotonic() - started < 2

    @needs_root
    def test_a_device(self, folder: Path) -> None:
        touch("b.pcap")
        try:
            os.mknod("a.pcap", 0o600 | 0o020000, os.makedev(1, 5))
        except PermissionError:
            unavailable("devices cannot be made here")
        assert found(".") == ["b.pcap"]

    def test_odd_names(self, folder: Path) -> None:
        (folder / "d").mkdir()
        files.odd_names(touch("source"), folder / "d")
        sources = list(walk("d"))
        assert len(sources) == len(files.ODD_NAMES)
        assert [os.fsencode(each.path)[2:] for each in sources if isinstance(each, CaptureFile)] == sorted(
            files.ODD_NAMES
        )

    def test_an_odd_name_of_no_capture(self, folder: Path) -> None:
        for name in files.ODD_NAMES:
            files.text_file(folder / os.fsdecode(name))
        messages = [each.message for each in walk(".") if isinstance(each, NotACapture)]
        assert len(messages) == len(files.ODD_NAMES)
        assert all(message.isprintable() for message in messages)

    def test_a_file_that_may_not_be_read(self, folder: Path) -> None:
        """It is a source all the same: reading it says why it cannot be read."""
        touch("a.pcap").chmod(0)
        touch("b.pcap")
        with unprivileged():
            assert found(".") == ["a.pcap", "b.pcap"]

    def test_a_folder_below_that_may_not_be_read(self, folder: Path) -> None:
        touch("a.pcap")
        touch("b/b.pcap")
        touch("c.pcap")
        Path("b").chmod(0)
        try:
            with unprivileged():
                assert found(".") == ["a.pcap", "!cannot read ./b: Permission denied", "c.pcap"]
        finally:
            Path("b").chmod(0o755)

    def test_a_file_that_goes_away_meanwhile(self, folder: Path) -> None:
        for name in ("a.pcap", "b.pcap", "c.pcap"):
            touch(name)
        sources = walk(".")
        first = next(sources)
        os.remove("b.pcap")
        rest = [each.path for each in sources if isinstance(each, CaptureFile)]
        assert (isinstance(first, CaptureFile), rest) == (True, ["./c.pcap"])

    def test_a_deep_folder(self, folder: Path) -> None:
        deep = "/".join(["d"] * 1500)
        subprocess.run(["mkdir", "-p", deep], check=True)
        touch(f"{deep}/a.pcap")
        try:
            assert found(".") == [f"{deep}/a.pcap"]
        finally:
            subprocess.run(["rm", "-r", "d"], check=True)

    @pytest.mark.parametrize(
        ("name", "message", "hint"),
        [
            ("missing\x1b", "missing\\x1b is not a directory", "read a single capture with --file"),
            ("a.pcap", "a.pcap is not a directory", "read a single capture with --file"),
            ("closed", "cannot read closed: Permission denied", "check its permissions"),
        ],
    )
    def test_paths_that_are_not_a_folder(self, folder: Path, name: str, message: str, hint: str) -> None:
        touch("a.pcap")
        os.mkdir("closed", 0)
        with unprivileged(), pytest.raises(EspcapError) as caught:
            list(walk(name))
        assert (caught.value.message, caught.value.hint) == (message, hint)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("/a path/é €.pcap", "/a path/é €.pcap"),
        ("\x1b[31m\x07\x00", "\\x1b[31m\\x07\\x00"),
        ("a\r\n\tb", "a\\x0d\\x0a\\x09b"),
        ("\x7f\x80\x9b\xa0", "\\x7f\\x80\\x9b\xa0"),
        ("\u2028\u2029\u202a\u202e\u202f", "\\u2028\\u2029\\u202a\\u202e\u202f"),
        ("\u2066\u2069\u206a", "\\u2066\\u2069\u206a"),
        (os.fsdecode(b"\xff\xfe"), "\\udcff\\udcfe"),
        ("\ud800", "\\ud800"),
    ],
)
def test_printable(text: str, expected: str) -> None:
    assert printable(text) == expected
    printable(text).encode()


def test_walk_does_not_open_what_is_known(tmp_path: Path) -> None:
    """A text that is said to be known passes for a capture."""
    (tmp_path / "a").write_text("text")
    (tmp_path / "b").write_text("text")
    found = list(walk(str(tmp_path), lambda file: file.path.endswith("a")))
    assert [type(each) for each in found] == [CaptureFile, NotACapture]
