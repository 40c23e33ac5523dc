"""What differs between the versions of Wireshark that espcap is tested with, in one table."""

from dataclasses import dataclass, field, replace
from functools import cache

from espcap.tshark.program import find_program


@dataclass(frozen=True)
class Wireshark:
    """What a version does in its own way, and tests have to know."""

    unopenable: int = 2
    """tshark's exit status for a file that it cannot read as a capture."""
    broken: int = 2
    """tshark's exit status for a capture that it can read only so far."""
    wrong_filter: int = 2
    """tshark's exit status for a display filter that it refuses."""
    overflowing_epoch: str = "1714557600.1500000000"
    """`frame.time_epoch` of a packet with 1,500,000,000 nanoseconds, in `-T fields`."""
    doubles_backslashes: bool = False
    """Whether `-T fields` writes a backslash of a value as two."""
    has_two_forms_of_times: bool = False
    """Whether `-T json` prints days of the year and damaged times in another form than the tree and `-T fields`."""
    protocols_of_others: int = 258
    """How many names of conf/protocols.list only other versions have, at most."""
    aaaa: str = "AAAA (IPv6 Address)"
    """The name of `dns.qry.type` 28."""
    any_ne: str = "~="
    """The sign that display filters have for `any_ne`."""
    protocols_of_frames: dict[str, str] = field(default_factory=dict)
    """How many frames have which topmost protocol, for captures in which it is not what their table says."""
    filters: str = "\neth.src == 020000000001\n"
    """Display filters that other versions refuse, or read otherwise, a line each."""


_FILTERS_OF_4_4 = r"""
tcp xor udp
tcp ^^ http or dns
!tcp xor udp && dns || arp
tcp xor udp xor dns
tcp.port == 80 xor tcp.port == 443
ip.proto matches "tc"
ip.proto ~ "^t|^u"
!(ip.proto matches "tc")
any ip.proto matches "tc"
eth.type matches "arp"
tls.handshake.type matches "hello"
arp.opcode matches "^re"
dns.qry.type matches "^a"
vals(ip.proto)
vals(ip.proto) == "TCP"
vals(ip.proto) == "tcp"
vals(ip.proto) != "TCP"
vals(ip.proto) !== "TCP"
vals(ip.proto) === "TCP"
vals(ip.proto) > "ICMP"
vals(ip.proto) contains "C"
vals(ip.proto) matches "cmp"
lower(vals(ip.proto)) == "tcp"
upper(vals(ip.proto)) contains "CM"
vals(dns.flags.rcode) == "No such name"
vals(tcp.flags.syn) == "Set"
tcp.flags.syn matches "not"
ip_multicast(ip.dst)
ip_multicast(ipv6.addr)
ip_multicast(ip.addr) && udp
!ip_multicast(ip.addr)
ip_multicast(ip.dst) == 1
ip_multicast(ip.dst) == False
ip_multicast(ip.dst) != true
all ip_multicast(ip.addr) == 0
ip_rfc1918(ip.src)
ip_rfc1918(ip.src) == 0
ip_linklocal(ip.src)
ip_linklocal(ipv6.src)
ip_ula(ipv6.src)
tcp.port not in {80}
any tcp.port not in {80, 50000 .. 60000}
http.host not in {"x"}
tcp.flags.syn == true
frame.time == 1714557600.123456
frame.time > 1714557600
frame.time in {1714557600 .. 1714557700}
frame.time == -1
frame.time_epoch > "2024-05-01"
tcp.time_delta > 1e-5
_ws.col.protocol == "HTTP"
_ws.col.protocol matches "^tls"
_ws.col.protocol in {"HTTP", "DNS"}
upper(_ws.col.protocol) == "DNS"
_ws.col.info
tcp.port > -1
tcp.port == -1
tcp.port != -1
tcp.port !== -1
tcp.port in {-5 .. 80}
ntp.precision > -10
tcp.options contains 10
tcp.options contains 010
tcp.options contains 0303
tcp.options contains 08
lower(vals(ip.proto)) != "tcp"
lower(vals(ip.proto)) === "tcp"
"""
_FILTERS_OF_4_6 = r"""
ip.proto contains "C"
arp.opcode contains "re"
tcp.flags.syn contains "Not"
vals(eth.type) matches "0x"
vals(ip.proto) matches "[0-9]"
vals(arp.opcode) != "x"
"""

_4_4 = Wireshark(
    unopenable=3,
    wrong_filter=4,
    overflowing_epoch="1714557600.(1500000000 nanosec",
    doubles_backslashes=True,
    protocols_of_others=134,
    aaaa="AAAA",
    any_ne="!==",
    protocols_of_frames={"redis.pcap": "resp 23, tcp 16"},  # a reply of several segments is reassembled
    filters=_FILTERS_OF_4_4,
)
VERSIONS = {
    (4, 0): Wireshark(),
    (4, 2): _4_4,  # never tried
    (4, 4): _4_4,
    (4, 6): replace(
        _4_4, broken=14, has_two_forms_of_times=True, protocols_of_others=8, filters=_FILTERS_OF_4_4 + _FILTERS_OF_4_6
    ),
}


@cache
def installed() -> Wireshark:
    """The row of the tshark that tests use; of one that is newer than all, the last."""
    version = find_program().version
    return VERSIONS.get((version.major, version.minor), VERSIONS[max(VERSIONS)])
