"""What Wireshark shows of each frame: the text of `tshark -V -x` after two passes, as Wireshark makes them."""

import re
import subprocess
from pathlib import Path

import click

from espcap.tshark.program import environment
from tests.support.requirements import require_command


def frames(capture: Path, *options: str) -> list[list[str]]:
    """The lines of each frame. Skips the test where there is no sharkd to hold against them."""
    require_command("sharkd", "wireshark-common")
    command = ["tshark", "-2", "-V", "-x", *options, "-r", str(capture)]
    answer = subprocess.run(command, capture_output=True, env=environment(), check=False).stdout
    texts = re.split(r"^(?=Frame \d+: )", answer.decode("utf-8", "replace"), flags=re.M)[1:]
    return [without_empty(text.splitlines()) for text in texts]


def without_empty(lines: list[str]) -> list[str]:
    """Lines with something on them, without colours."""
    return [text for line in lines if (text := click.unstyle(line).rstrip())]


def frame_fields(capture: Path, *names: str) -> list[list[str]]:
    """The values of fields of each frame, as tshark prints them; also of `frame.md5_hash`."""
    command = ["tshark", "-n", "-o", "frame.generate_md5_hash:TRUE", "-T", "fields", "-r", str(capture)]
    command += [word for name in names for word in ("-e", name)]
    answer = subprocess.run(command, capture_output=True, env=environment(), check=False)
    return [line.split("\t") for line in answer.stdout.decode().splitlines()]
