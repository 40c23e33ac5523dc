"""Protocols of every framing and transport, the folders that are made for them, and tshark's view of their messages."""

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

from espcap.new_protocol import files_of
from espcap.new_protocol.choices import ROLES, Field, Length, Protocol, parse_condition, parse_field
from tests.support.filter_oracle import run_as_dissector

Messages = list[tuple[int, dict[str, str]]]
"""Frame number and fields of each message, as tshark shows them."""


def fields_of(framing: str, *texts: str) -> tuple[Field, ...]:
    """The fields of these texts."""
    return tuple(parse_field(text, framing) for text in texts)


def protocol(framing: str, fields: tuple[Field, ...], **choices: object) -> Protocol:
    """A protocol; the choices `request`, `error` and `response` are texts."""
    marks = {role: choices.pop(role) for role in ROLES if role in choices}
    roles = tuple((role, parse_condition(str(mark), fields)) for role, mark in marks.items())
    made = Protocol("sample", framing=framing, fields=fields, roles=roles)
    return replace(made, **choices)  # type: ignore[arg-type]  # any members


_WORDS = ("op:string", "id:uint64", "n:uint32", "at:ipv4", "raw:bytes", "small:uint8", "wide:uint16", "more:string")
_SIZED = ("op:uint8", "id:uint64", "n:uint32", "at:ipv4", "raw:bytes:6", "code:uint16", "who:string:8", "more:string")

ECHO = protocol("line", (Field("text", "string"),), request=">", error="!", response="<")
"""The echo protocol of Packetbeat's tutorial."""
LINE = protocol("line", fields_of("line", *_WORDS), request="op=GET", error="small!=5", match="id")
LENGTH = protocol(
    "length",
    fields_of("length", *_SIZED),
    request="op=0x10",
    error="code!=0",
    response="op=17",
    match="id",
    order="little",
    length=Length(offset=1, size=4),
)
MARKED = protocol("length", fields_of("length", "raw:bytes"), request=">", length=Length(1, 2, counts_header=True))
FIXED = protocol("fixed", fields_of("fixed", *_SIZED[:-1], "more:bytes"), size=60)

ALL = {
    f"{name}-{transport}": replace(each, transport=transport)
    for name, each in {"echo": ECHO, "line": LINE, "length": LENGTH, "marked": MARKED, "fixed": FIXED}.items()
    for transport in ("tcp", "udp")
}


def write(folder: Path, made: Protocol) -> Path:
    """Makes the folder of a protocol, which the user who dissects can read."""
    folder.mkdir(mode=0o755)
    for name, content in files_of(made).items():
        (folder / name).write_bytes(content)
    return folder


def tshark(folder: Path, capture: bytes, *options: str) -> str:
    """What tshark prints about a capture, with the dissector of the folder."""
    path = folder / "other.pcap"
    path.write_bytes(capture)
    return run_as_dissector(
        ["tshark", "-n", "-X", f"lua_script:{folder / 'sample.lua'}", "-r", str(path), *options], folder
    )


def messages(folder: Path, capture: bytes) -> Messages:
    """The messages that tshark finds in a capture: one for each tree of the protocol."""
    found = []
    for packet in ElementTree.fromstring(tshark(folder, capture, "-T", "pdml")).iter("packet"):
        number = packet.find(".//field[@name='frame.number']")
        assert number is not None
        for tree in packet.findall("proto[@name='sample']"):
            shown = {_short(each): each.get("show", "") for each in tree.iter("field")}
            found.append((int(number.get("show", "")), shown))
    return found


def _short(field: ElementTree.Element) -> str:
    return field.get("name", "").removeprefix("sample.")
