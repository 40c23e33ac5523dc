"""Whole captures of packets that are odd: without IP, long, deep, or with text that means to do harm."""

import struct
from pathlib import Path

from .writers import (
    START,
    enhanced_packet,
    ethernet,
    http_request,
    interface,
    ipv4,
    record,
    section,
    tcp,
    udp,
    write_packet,
    write_pcap,
)

HOST = {b"Host": b"www.example.test"}
NOISE = bytes.fromhex("deadbeef") * 8
ARP = bytes.fromhex("0001 0800 06 04 0001 020000000001 c0000201 000000000000 c0000202")
BEACON = (
    bytes.fromhex("8000 0000 ffffffffffff 020000000001 020000000001 0000 0000000000000000 6400 0100 0004") + b"test"
)
# A bulk transfer that is submitted, as usbmon's header of 48 bytes says it.
USB = struct.pack("<QBBBBHBBqiiII8s", 1, ord("S"), 3, 1, 1, 1, ord("-"), 0, 0, 0, 0, 4, 4, b"") + b"data"
BLUETOOTH_RESET = bytes.fromhex("00000000 01 030c 00")
LINK_TYPES = {
    "arp": (1, ethernet(ARP, 0x0806)),
    "raw_ip": (101, ipv4(struct.pack(">HHHH", 40_000, 40_001, 8, 0), 17)),
    "wlan": (105, BEACON),
    "usb": (189, USB),
    "bluetooth": (201, BLUETOOTH_RESET),
    "user0": (147, NOISE),
}


def link_type(path: Path, name: str) -> Path:
    """One packet of a link type in LINK_TYPES."""
    number, frame = LINK_TYPES[name]
    return write_packet(path, frame, number)


def ip_in_ip(path: Path, depth: int = 1500) -> Path:
    """IPv4 in IPv4 in IPv4 ..."""
    packet = ipv4(b"", 253)
    for _ in range(depth):
        packet = ipv4(packet, 4)
    return write_packet(path, ethernet(packet))


def long_user_agent(path: Path) -> Path:
    """A header with 40,000 ASCII characters."""
    return write_packet(path, http_request(b"/", {**HOST, b"User-Agent": b"a" * 40_000}))


def utf8_long(path: Path) -> Path:
    """A header with 11,000 characters of three bytes."""
    return write_packet(path, http_request(b"/", {**HOST, b"User-Agent": "€".encode() * 11_000}))


def utf8_long_json(path: Path) -> Path:
    """A JSON string with 11,000 characters of three bytes, which Wireshark takes as they are."""
    headers = {**HOST, b"Content-Type": b"application/json"}
    return write_packet(path, http_request(b"/", headers, b'{"text": "%s"}' % ("€".encode() * 11_000)))


def utf8_widths(path: Path) -> Path:
    """A JSON string with 3,000 characters of four bytes, and some of each other length."""
    headers = {**HOST, b"Content-Type": b"application/json"}
    return write_packet(path, http_request(b"/", headers, '{"text": "aé€%s"}'.encode() % ("😀".encode() * 3000)))


def hostile_http(path: Path) -> Path:
    """A request with terminal controls, bidirectional overrides, quotes, markup and NUL."""
    headers = {
        **HOST,
        b"User-Agent": b"\x1b[31mred\x1b[0m \x1b[2J \x1b]0;title\x07 \x9b31m \xc2\x9b31m \x7f\x08",
        b"Referer": "http://www.example.test/\u202egnp.exe\u2066\u2028".encode(),
        b"Accept": b"\"'`\\<script>alert(1)</script>&amp;{{7*7}}${HOME}$(touch PWN)%s%n",
        b"Cookie": b"before=\x00after",
        b"Origin": b'","injected":"',
        b"X-Invalid-UTF-8": b"\xff\xfe\xc0\x80\xed\xa0\x80",
    }
    return write_packet(path, http_request(b"/<script>\x1b[31m\"'\x7f\x00?q=\xe2\x80\xae", headers))


MARKUP = [
    b"<script>document.title='owned'</script>",
    b"\"><img src=x onerror=document.title='owned'>",
    b"' hx-get=/rows hx-trigger=load x='",
    b"</td></table><svg onload=document.title='owned'>",
    b"{{7*7}}${7*7}<a href=javascript:document.title='owned'>x</a>",
]
"""What a page would run that takes text for markup."""


def markup(path: Path) -> Path:
    """Requests whose target, host and headers are markup, and queries for names with labels of it."""
    web = [http_request(b"/" + text, {b"Host": text, b"User-Agent": text, b"Cookie": text}) for text in MARKUP]
    names = [bytes([len(text)]) + text + b"\x04test\x00" for text in MARKUP]
    return write_pcap(path, [record(frame) for frame in (*web, *(udp(dns_message(name), 53) for name in names))])


TERMINAL = b"\x1b[31m\x1b]0;title\x07 \xc2\x9b2J \x7f\x08 \xe2\x80\xae\xe2\x81\xa6"
"""What a terminal obeys: colour, title, C1's clearing of the screen, DEL, backspace, and changes of direction."""


def hostile_names(path: Path) -> Path:
    """A pcapng whose comments, interface names, host name and e-mail address mean to be obeyed by a terminal."""
    header = section({1: TERMINAL, 2: TERMINAL, 3: TERMINAL, 4: TERMINAL})
    names = interface({1: TERMINAL, 2: TERMINAL, 3: TERMINAL})
    web = http_request(b"/" + TERMINAL, {b"Host": TERMINAL, b"Server": TERMINAL})
    mail = tcp(b"MAIL FROM:<" + TERMINAL + b">\r\n", 25)
    sent = [enhanced_packet(frame, START * 10**6 + at, options={1: TERMINAL}) for at, frame in enumerate((web, mail))]
    path.write_bytes(header + names + b"".join(sent))
    return path


def unset_times(path: Path) -> Path:
    """An NTP packet in which no time is set."""
    return write_pcap(path, [record(udp(bytes([0x23]) + bytes(47), 123))])


def odd_texts(path: Path) -> Path:
    """URIs and names whose bytes are no UTF-8, and some with backslashes."""
    texts = [
        b"\xff\xfeb",
        b"caf\xe9",
        b"\xc3\xa9",
        b"cut\xe2\x82",
        b"\xed\xa0\x80",
        b"a\\x",
        b"\xc2\x85",
        b"\\\\host\\n",
    ]
    frames = [http_request(b"/" + text, {b"Host": text}) for text in texts]
    frames += [udp(dns_message(bytes([len(text)]) + text + b"\0"), 53) for text in texts]
    return write_pcap(path, [record(frame) for frame in frames])


LABELS = [b"tcp.analysis.retransmission", b"http.host", b"http.chat", b"tcp.payload", b"_ws.malformed", b"ber", b"http"]
"""Fields with and without values and protocols, some of which the packet has and others not."""


def labels(path: Path) -> Path:
    """Bodies of text, whose lines Wireshark shows as labels: the name of a field or a protocol, and nothing else.

    The host in the header is empty, as a field without a value looks.
    """
    frames = [bytearray(http_request(b"/", {b"Host": b"", b"Content-Type": b"text/plain"}, name)) for name in LABELS]
    for port, frame in enumerate(frames, 50_000):
        frame[34:36] = struct.pack(">H", port)
    return write_pcap(path, [record(bytes(frame)) for frame in [*frames, frames[0]]])


def dns_message(name: bytes, answers: bytes = b"", count: int = 0) -> bytes:
    """A DNS query, or a response if there are answers, for an A record."""
    flags = 0x8180 if count else 0x0100
    return struct.pack(">HHHHHH", 1, flags, 1, count, 0, 0) + name + struct.pack(">HH", 1, 1) + answers


def dns_many_answers(path: Path, count: int = 2000) -> Path:
    """A response with many A records, 198.18.0.0 and up; a datagram holds 4,000 of them."""
    first = 198 << 24 | 18 << 16
    answers = b"".join(struct.pack(">HHHIHI", 0xC00C, 1, 1, 60, 4, first + number) for number in range(count))
    return write_packet(path, udp(dns_message(b"\x04many\x04test\x00", answers, count), 53))


def dns_escape_name(path: Path) -> Path:
    """A query for a name with terminal controls, quotes, dots inside a label, and NUL."""
    label = b"\x1b[31m\"'<b>.\x00\x7f\x9b\xff"
    return write_packet(path, udp(dns_message(bytes([len(label)]) + label + b"\x04test\x00"), 53))


def u64_max(path: Path) -> Path:
    """A collectd counter of 2 ** 64 - 1, in collectd.val.counter."""
    parts = [(0, b"host.example.test\x00"), (2, b"interface\x00"), (4, b"counter\x00")]
    values = struct.pack(">HBQ", 1, 0, 2**64 - 1)
    payload = b"".join(struct.pack(">HH", kind, 4 + len(value)) + value for kind, value in [*parts, (6, values)])
    return write_packet(path, udp(payload, 25_826))


def deep_json(path: Path, depth: int = 20_000) -> Path:
    """A JSON body of arrays inside arrays."""
    headers = {**HOST, b"Content-Type": b"application/json"}
    return write_packet(path, http_request(b"/", headers, b"[" * depth + b"]" * depth))


def requests(path: Path, count: int = 12_000) -> Path:
    """Between two small packets, one with so many HTTP requests that tshark's queue of taps overflows."""
    request = b"GET / HTTP/1.0\r\n\r\n"
    small, large = tcp(request, 80), bytearray(tcp(b"", 80))
    large[16:18] = bytes(2)  # a length of 0: the frame is larger than a packet can be, as a network card joins them
    large[34:36] = b"\xab\xcd"  # another connection
    return write_pcap(path, [record(small), record(bytes(large) + request * count), record(small)])
