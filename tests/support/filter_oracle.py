"""Which frames tshark's own display filters let pass, and which ones a store finds.

One run of tshark for each capture, whatever the number of filters: each is a tap's, in a Lua script. `-Y` and taps
have the same engine and see the same single pass over the capture. The taps ask for whole trees, as documents are made
of: without them tshark leaves out some expert notes, and with -V `-Y _ws.expert` finds more frames than without.
"""

import subprocess
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import orjson

from espcap.documents.packets import Document
from espcap.fields.field import ValueName
from espcap.fields.registry import Registry
from espcap.ingest.job import Job
from espcap.query.display_filter import parse
from espcap.query.filter_language import language_of
from espcap.stores import Store
from espcap.tshark.program import Program, dissecting_user, environment, find_program
from espcap.tshark.value_names import parse_value_names
from tests.support import read
from tests.support.requirements import require_open_root_folder

Frames = set[str]
"""File names and frame numbers: `dns.pcap#1`."""
_PLACE = "place"
"""Where the documents of these tests have that, so that a store need not give whole documents to name frames."""

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
    script.write_text("\n".join([_SCRIPT, *lines, 'print("all are tried")']))
    found: list[list[int] | None] = [[] for _ in filters]
    command = ["tshark", "-n", "-q", "-X", f"lua_script:{script}", "-r", "-"]
    with capture.open("rb") as file:
        printed = run_as_dissector(command, script.parent, stdin=file).splitlines()
    assert "all are tried" in printed, "tshark did not run the script"
    printed.remove("all are tried")
    for line in printed:
        number, _, frame = line.partition("\t")
        frames = found[int(number)]
        if frame == "refused" or frames is None:
            found[int(number)] = None
        else:
            frames.append(int(frame))
    return found


def run_as_dissector(command: Sequence[str], folder: Path, **options: Any) -> str:
    """What a command prints that needs no root, and the folder: as root, Wireshark runs no scripts from 4.4 on."""
    user = dissecting_user(find_program())
    if user:
        require_open_root_folder()
    folder.chmod(0o755)
    as_user: dict[str, Any] = {"user": user.uid, "group": user.gid, "extra_groups": []} if user else {}
    as_user |= options
    ran: subprocess.CompletedProcess[bytes] = subprocess.run(
        command, stdout=subprocess.PIPE, env=environment(), check=False, **as_user
    )
    return ran.stdout.decode()


def passing_alone(capture: Path, text: str) -> list[int]:
    """The frames that `tshark -Y` prints."""
    command = ["tshark", "-n", "-Y", text, "-T", "fields", "-e", "frame.number", "-r", str(capture)]
    answer = subprocess.run(command, capture_output=True, text=True, env=environment(), check=True)
    return [int(line) for line in answer.stdout.splitlines()]


def place(file: str | Path, frame: int) -> str:
    """How these tests name a frame."""
    return f"{Path(file).name}#{frame}"


def expected(captures: Iterable[Path], filters: Sequence[str], folder: Path) -> dict[str, Frames | None]:
    """For each filter the frames that tshark lets pass; None where it refuses the filter."""

    def run(capture: Path) -> list[Frames | None]:
        lists = passing(capture, filters, folder / f"{capture.name}.lua")
        return [None if frames is None else {place(capture, frame) for frame in frames} for frames in lists]

    wanted: dict[str, Frames | None] = {text: set() for text in filters}
    with ThreadPoolExecutor(2) as pool:
        for found in pool.map(run, captures):
            for text, frames in zip(filters, found, strict=True):
                before = wanted[text]
                wanted[text] = None if frames is None or before is None else before | frames
    return wanted


def placed_documents(job: Job, captures: Sequence[Path], index: str = "") -> list[Document]:
    """The documents of captures, which say of what frame they are. They can all go to one index."""
    _, memory = read(job, *captures)
    documents = list(memory.documents.values())
    for document in documents:
        source = document.source
        source[_PLACE] = document.notes[_PLACE] = place(source["file_name"], source["layers"]["frame"]["number"])
        document.body = orjson.dumps(source)
        document.index = index or document.index
    return documents


def filled(store: Store, documents: list[Document]) -> Store:
    """The store, with the documents in it."""
    store.prepare()
    outcome = store.write(documents)
    assert outcome.stored + outcome.already_there == len(documents)
    assert not outcome.rejected
    store.flush()
    return store


class Names:
    """The names of values, asked for once."""

    def __init__(self, program: Program) -> None:
        command = [program.path, "-G", "values"]
        self._lines = subprocess.run(command, capture_output=True, env=environment(), check=True).stdout.split(b"\n")
        self._known: dict[str, list[ValueName]] = {}

    def __call__(self, field: str) -> list[ValueName]:
        if field not in self._known:
            self._known[field] = parse_value_names(self._lines, field)
        return self._known[field]


def found(store: Store, text: str, registry: Registry, names: Names) -> Frames:
    """The frames that a store finds."""
    places = {"places": {"terms": {"field": _PLACE, "size": 60_000}}}
    answer = store.search(
        parse(text, registry, names, language_of(find_program().version)), size=0, aggregations=places
    )
    frames = {bucket["key"] for bucket in answer.aggregations["places"]["buckets"]}
    assert len(frames) == answer.total
    return frames
