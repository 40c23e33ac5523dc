"""RTP: a call of SIP that sockets make, in which packets are lost, swapped, late and doubled."""

import socket
import time
from pathlib import Path

from ..network import CLIENT, CLIENT_IP, SERVER, SERVER_IP, inside, recording
from .log import Transaction

SIP, VOICE = 5060, 40000
SAMPLES = 160
"""Samples of a packet: those of 20 ms at 8,000 Hz, each of one byte."""
PCMU, PCMA = 0, 8
READER, OK, END = f"sip:reader@{SERVER_IP} SIP/2.0", "SIP/2.0 200 OK", "\r\n"


def rtp(path: Path) -> list[Transaction]:
    """A call with a stream in each direction. The entries of streams have the frame of their first packet."""
    with recording(path, "udp"):
        with inside(CLIENT):
            caller, voice = opened(CLIENT_IP, SIP, SERVER_IP), opened(CLIENT_IP, VOICE, SERVER_IP)
        with inside(SERVER):
            callee, answer = opened(SERVER_IP, SIP, CLIENT_IP), opened(SERVER_IP, VOICE, CLIENT_IP)
        with caller, voice, callee, answer:
            say(caller, f"INVITE {READER}", "1 INVITE", session(CLIENT_IP, PCMU))
            say(callee, OK, "1 INVITE", session(SERVER_IP, PCMA))
            speak(voice, answer)
            say(caller, f"BYE {READER}", "2 BYE")
            say(callee, OK, "2 BYE")
    return [
        Transaction("INVITE", b"INVITE sip:reader@", OK.encode()),
        Transaction("RTP", packet(PCMU, 0x11223344, 65_530, 0), None, connection=1),
        Transaction("RTP", packet(PCMA, 0x55667788, 100, 0), None, connection=1, from_server=True),
        Transaction("BYE", b"BYE sip:reader@", OK.encode()),
    ]


def opened(near: str, port: int, far: str) -> socket.socket:
    """A socket between the same port of both ends."""
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((near, port))
    made.connect((far, port))
    return made


def session(address: str, payload_type: int) -> str:
    """The description of a session with one stream of sound."""
    lines = ["v=0", f"o=- 1 1 IN IP4 {address}", "s=-", f"c=IN IP4 {address}", "t=0 0"]
    return END.join([*lines, f"m=audio {VOICE} RTP/AVP {payload_type}", ""])


def say(sender: socket.socket, first: str, command: str, body: str = "") -> None:
    """Sends a message of SIP. `command` is its number and its method."""
    lines = [first, f"Via: SIP/2.0/UDP {CLIENT_IP};branch=z9hG4bK{command[0]}", "From: <sip:writer@example.test>;tag=1"]
    lines += ["To: <sip:reader@example.test>;tag=2", "Call-ID: call@client.example.test", f"CSeq: {command}"]
    lines += ["Content-Type: application/sdp"] if body else []
    sender.send(END.join([*lines, f"Content-Length: {len(body)}", "", body]).encode())
    time.sleep(0.01)


def packet(payload_type: int, source: int, number: int, place: int) -> bytes:
    """A packet of RTP with silence."""
    head = bytes([0x80, payload_type]) + (number % 65_536).to_bytes(2, "big")
    return head + (place * SAMPLES).to_bytes(4, "big") + source.to_bytes(4, "big") + b"\xff" * SAMPLES


def speak(voice: socket.socket, answer: socket.socket) -> None:
    """Sends both streams at the same time. The numbers of the first begin again at 0 after six packets."""
    places = [*range(8), *range(10, 20), 21, 20, *range(22, 30)]  # 8 and 9 are lost, 20 comes after 21
    others = [0, 1, 2, 2, 3, *range(5, 20)]  # 2 comes twice, 4 is lost
    for step in range(max(len(places), len(others))):
        if step < len(places):
            voice.send(packet(PCMU, 0x11223344, 65_530 + places[step], places[step]))
        time.sleep(0.02 + 0.007 * (step % 3))
        if step < len(others):
            answer.send(packet(PCMA, 0x55667788, 100 + others[step], others[step]))
