"""SIP: SIPp on both sides."""

import subprocess
from pathlib import Path

from ..network import CLIENT_IP, SERVER_IP, recording
from .log import Transaction
from .programs import QUIET, folder, program

BUSY = """<?xml version="1.0"?>
<scenario name="busy">
  <recv request="INVITE"/>
  <send><![CDATA[
    SIP/2.0 100 Trying
    [last_Via:]
    [last_From:]
    [last_To:]
    [last_Call-ID:]
    [last_CSeq:]
    Content-Length: 0

  ]]></send>
  <pause milliseconds="20"/>
  <send><![CDATA[
    SIP/2.0 486 Busy Here
    [last_Via:]
    [last_From:]
    [last_To:];tag=[call_number]
    [last_Call-ID:]
    [last_CSeq:]
    Content-Length: 0

  ]]></send>
  <recv request="ACK"/>
</scenario>
"""
INVITE, OK = b"INVITE sip:reader@192.0.2.2:5060", b"SIP/2.0 200 OK\r\n"


def sip(path: Path) -> list[Transaction]:
    """A call that is answered and ended, one to a busy line, and one that nobody answers. An ACK has no entry."""
    with recording(path, "udp port 5060"), folder() as place:
        (place / "busy.xml").write_text(BUSY)
        for number, scenario in enumerate((["-sn", "uas"], ["-sf", str(place / "busy.xml")]), 1):
            with program("sipp", *scenario, "-i", SERVER_IP, "-p", "5060", "-nostdin", port=5060):
                call(number, place)
        call(3, place)
    more: dict[str, object] = {"resource": "sip:reader@192.0.2.2:5060"}
    return [
        Transaction("INVITE", INVITE, OK, more={**more, "call": identifier(1)}),
        Transaction("BYE", b"BYE sip:", OK, more={**more, "call": identifier(1)}),
        Transaction("INVITE", INVITE, b"486 Busy Here\r\n", "486 Busy Here", more={**more, "call": identifier(2)}),
        Transaction("INVITE", INVITE, None, "no answer", more={**more, "call": identifier(3), "note": "sent again"}),
    ]


def identifier(number: int) -> str:
    return f"call-{number}@client.example.test"


def call(number: int, place: Path) -> None:
    """Calls the server for at most two seconds, and speaks for a tenth of a second if it answers."""
    who = ("-i", CLIENT_IP, "-p", "5060", "-s", "reader", "-cid_str", identifier(number))
    words = ["timeout", "2", "sipp", "-sn", "uac", *who, "-m", "1", "-d", "100", "-nostdin", f"{SERVER_IP}:5060"]
    subprocess.run(words, check=False, cwd=place, **QUIET)
