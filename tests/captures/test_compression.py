"""Compressed data becomes what the programs that compressed it were given."""

import gzip
import io
import random
import subprocess

import pytest

from espcap.captures.compression import NotInflated, inflated, is_compressed

FORMS = {"gzip": "-6", "zstd": "-3", "lz4": "-B5"}
"""For each program an option: with -B5 lz4 makes blocks of 256 KB, each of which can be read without the rest."""


def content() -> bytes:
    """More than one block of output, half of it random, so that it does not become small."""
    return random.Random(1).randbytes(1_200_000) + bytes(1_200_000)


def compressed(form: str, data: bytes) -> bytes:
    return subprocess.run([form, FORMS[form], "-c"], input=data, capture_output=True, check=True).stdout


def read(data: bytes) -> bytes:
    return b"".join(inflated(io.BytesIO(data)))


@pytest.mark.parametrize("form", FORMS)
def test_content(form: str) -> None:
    data = compressed(form, content())
    assert is_compressed(io.BytesIO(data))
    assert read(data) == content()


@pytest.mark.parametrize("form", FORMS)
def test_several_parts(form: str) -> None:
    assert read(compressed(form, b"first") + compressed(form, content())) == b"first" + content()


@pytest.mark.parametrize("form", FORMS)
def test_cut(form: str) -> None:
    """What comes before the end is read."""
    data, found = compressed(form, content()), bytearray()

    def read_to_the_end() -> None:
        for block in inflated(io.BytesIO(data[: len(data) // 2])):
            found.extend(block)

    with pytest.raises(NotInflated):
        read_to_the_end()
    assert content().startswith(found)
    assert len(found) > 100_000


@pytest.mark.parametrize("form", FORMS)
def test_damaged(form: str) -> None:
    data = bytearray(compressed(form, content()))
    data[300_000:300_100] = bytes(100)
    with pytest.raises(NotInflated):
        read(bytes(data))


def test_blocks_are_bounded() -> None:
    """Also of data that becomes a thousand times as large."""
    sizes = [len(block) for block in inflated(io.BytesIO(gzip.compress(bytes(50_000_000))))]
    assert sum(sizes) == 50_000_000
    assert max(sizes) <= 1 << 20


def test_not_compressed() -> None:
    file = io.BytesIO(b"\xd4\xc3\xb2\xa1 and more")
    assert not is_compressed(file)
    assert file.tell() == 0
    with pytest.raises(NotInflated):
        read(b"\xd4\xc3\xb2\xa1 and more")
