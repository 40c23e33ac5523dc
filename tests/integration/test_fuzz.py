"""Captures with bytes turned over: every packet that tshark reads becomes a document, and nothing breaks."""

import json
import os
import random
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from espcap.captures.sources import may_be_capture
from tests.support.captures import other_folder
from tests.support.command import CAPTURES, Ran, espcap
from tests.support.elasticsearch_node import call
from tests.support.hostile import packets, times

pytestmark = pytest.mark.slow

COUNT = 50
SEEDS = int(os.environ.get("ESPCAP_TEST_SEEDS", "20"))
"""Of flips in packets."""
FILE_SEEDS = int(os.environ.get("ESPCAP_TEST_FILE_SEEDS", "3"))
"""Of flips anywhere in a file, each of which takes two tsharks of its own."""
MADE = [
    packets.ip_in_ip,
    packets.long_user_agent,
    packets.utf8_long_json,
    packets.hostile_http,
    packets.dns_many_answers,
    packets.dns_escape_name,
    packets.u64_max,
    packets.deep_json,
    times.huge_fraction,
    times.negative,
    times.year_586524,
    times.going_back,
]
MOST_PACKETS = 30
CONTROLS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


@pytest.fixture(scope="module")
def captures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The samples, the smallest of the others, and where these are too few, some made to do harm: the first packets."""
    folder, made = tmp_path_factory.mktemp("originals"), tmp_path_factory.mktemp("made")
    found = sorted(path for path in CAPTURES.iterdir() if path.suffix not in (".md", ".keys"))
    others = [path for path in other_folder().glob("*") if path.is_file() and may_be_capture(str(path))]
    found += sorted(others, key=lambda path: (path.stat().st_size, path.name))
    found += [write(made / write.__name__) for write in MADE]
    parts = [folder / f"{number:02}-{path.name}" for number, path in enumerate(found[:COUNT])]
    for path, part in zip(found, parts, strict=False):
        if path.suffix == ".gz":
            shutil.copyfile(path, part)
        else:
            subprocess.run(["editcap", "-r", path, part, f"1-{MOST_PACKETS}"], check=True, capture_output=True)
    return parts


def frames(path: Path) -> list[int]:
    """The frames that tshark itself reads of a capture."""
    command = ["tshark", "-n", "-r", str(path), "-T", "fields", "-e", "frame.number"]
    ran = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False, timeout=120)
    return [int(line) for line in ran.stdout.split()]


def check(ran: Ran, folder: Path) -> dict[str, list[int]]:
    """The frames of each file; the summary must add up, and the terminal stay as it is."""
    assert ran.status in (0, 1, 3), ran.errors
    assert not CONTROLS.search(ran.errors)
    assert not CONTROLS.search(ran.output.decode())
    counts = json.loads((folder / "report").read_text())
    found: dict[str, list[int]] = {}
    for document in ran.documents:
        found.setdefault(Path(document["file_name"]).name, []).append(document["layers"]["frame"]["number"])
    assert counts["read"] == counts["stored"] == sum(map(len, found.values()))
    assert counts["exit_code"] == ran.status
    return found


@pytest.fixture(scope="module")
def whole(captures: list[Path]) -> Path:
    """All captures as one, so that a tshark reads the bytes of them all."""
    path = captures[0].parent / "whole.pcapng"
    subprocess.run(["mergecap", "-a", "-w", path, *captures], check=True)
    return path


def flip_packets(source: Path, target: Path, seed: int) -> Path:
    """Changes few or many bytes of all packets, and nothing around them."""
    probability = ("0.001", "0.01", "0.1", "0.5")[seed % 4]
    subprocess.run(["editcap", "-E", probability, "--seed", str(seed), source, target], check=True)
    return target


def test_flipped_packets(whole: Path, tmp_path: Path) -> None:
    for seed in range(1, SEEDS + 1):
        flipped = flip_packets(whole, tmp_path / "flipped.pcapng", seed)
        ran = espcap("--file", flipped, "--json-report", tmp_path / "report", timeout=120)
        assert check(ran, tmp_path)[flipped.name] == frames(flipped), (seed, ran.errors)


def test_no_store_rejects_flipped_packets(whole: Path, tmp_path: Path, elasticsearch_url: str) -> None:
    """Strange values, and more fields than an index may have, all in the same indices."""
    read = 0
    for seed in (0, 2):
        flipped = flip_packets(whole, tmp_path / f"{seed}.pcapng", seed) if seed else whole
        for node in (f"local:{tmp_path / 'index'}", elasticsearch_url):
            ran = espcap("--file", flipped, "--node", node, "--json-report", tmp_path / "report", timeout=300)
            assert ran.status == 0, ran.errors
            counts = json.loads((tmp_path / "report").read_text())
            assert counts["stored"] == counts["read"] > 0
        read += counts["read"]
    call(elasticsearch_url, "POST", "/packets-*/_refresh?expand_wildcards=all")
    assert call(elasticsearch_url, "GET", "/packets-*/_count")["count"] == read


def flip(source: Path, target: Path, seed: int) -> None:
    """Turns over bytes anywhere behind the magic number."""
    chance = random.Random(f"{seed} {source.name}")
    content = bytearray(source.read_bytes())
    for position in chance.sample(range(4, len(content)), min(1 + seed % 10, len(content) - 4)):
        content[position] ^= chance.randrange(1, 256)
    target.write_bytes(content)


@pytest.mark.parametrize("seed", range(1, FILE_SEEDS + 1))
def test_flipped_files(captures: list[Path], tmp_path: Path, seed: int) -> None:
    folder = tmp_path / "flipped"
    folder.mkdir()
    for capture in captures:
        flip(capture, folder / capture.name, seed)
    ran = espcap("--dir", folder, "--json-report", tmp_path / "report", timeout=300)
    found = check(ran, tmp_path)
    skipped = set(re.findall(r"skipped: .*/(\S+) is not a capture", ran.errors))
    read = [capture.name for capture in captures if capture.name not in skipped]
    with ThreadPoolExecutor(2) as pool:
        wanted = dict(zip(read, pool.map(lambda name: frames(folder / name), read), strict=True))
    assert found == {name: numbers for name, numbers in wanted.items() if numbers}, ran.errors
    assert ran.status != 1 or "tshark was killed" in ran.errors
