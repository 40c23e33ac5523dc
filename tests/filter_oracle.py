"""Which frames tshark's own display filters let pass: one run for each capture, whatever the number of filters.

Each filter is that of a tap, in a Lua script that tshark runs; `-Y` and taps have the same engine and see the same
single pass over the capture.
"""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from espcap.tshark.program import environment

_SCRIPT = """
local function try(number, filter)
  local fine, tap = pcall(Listener.new, "frame", filter, true)
  if not fine then print(number, "refused") return end
  function tap.packet(packet) print(number, packet.number) end
end
"""


def passing(capture: Path, filters: Sequence[str], script: Path) -> list[list[int] | None]:
    """For each filter the frames that pass, in order; None where tshark refuses the filter."""
    lines = [f"try({number}, [==[\n{text}]==])" for number, text in enumerate(filters)]
    script.write_text(_SCRIPT + "\n".join(lines))
    found: list[list[int] | None] = [[] for _ in filters]
    command = ["tshark", "-n", "-q", "-X", f"lua_script:{script}", "-r", str(capture)]
    answer = subprocess.run(command, capture_output=True, text=True, env=environment(), check=False)
    for line in answer.stdout.splitlines():
        number, _, frame = line.partition("\t")
        frames = found[int(number)]
        if frame == "refused" or frames is None:
            found[int(number)] = None
        else:
            frames.append(int(frame))
    return found


def passing_alone(capture: Path, text: str) -> list[int]:
    """The frames that `tshark -Y` prints."""
    command = ["tshark", "-n", "-Y", text, "-T", "fields", "-e", "frame.number", "-r", str(capture)]
    answer = subprocess.run(command, capture_output=True, text=True, env=environment(), check=True)
    return [int(line) for line in answer.stdout.splitlines()]
