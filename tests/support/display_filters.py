"""Display filters that every store must answer as tshark does, over the sample captures and those of `odd_texts`."""

from functools import cache
from pathlib import Path

from tests.support.hostile.writers import record, tcp, write_pcap
from tests.support.wireshark_versions import installed

_FILTERS = r"""
tcp
udp
ip
ipv6
http
dns
mdns
tls
quic
xml
eth
frame
ethertype
data
data-text-lines
smtp
vlan
ieee8021ad
ieee8021ah
vxlan
gre
sctp
tcp.options.mss
_ws.expert
_ws.malformed
not tcp
!udp
!!http
not not http
tcp.flags.syn
ip.flags.df
tcp.analysis
http.request
http.response
dns.a
dns.aaaa
icmp.resp_to
xml.tag
tcp.options.timestamp
!(ip or ipv6)
tcp && http
tcp and http or udp
udp or tcp and http
(udp or tcp) and http
not tcp and not udp
not (tcp or udp)
tcp && !http && !tls
tcp.srcport==80&&http
tcp.srcport==80||udp.srcport==53
http or not(frame.number == 1)or dns
frame.number == 1
frame.number == 0x1f
frame.number == 010
frame.number == 0b11
frame.number == '\x0a'
frame.number == '!'
frame.number == +7
frame.number != 1
frame.number > 30
frame.number gt 30
frame.number >= 30
frame.number < 3
frame.number le 2
frame.number eq 5
frame.number ne 5
frame.number in {1, 3, 5 .. 7, 0x10..0x12}
frame.number not in {1 .. 30}
!(frame.number in {1 .. 30})
frame.len > 1000
frame.len in {60 .. 70}
frame.protocols contains "http"
frame.protocols == "eth:ethertype:ip:tcp:http"
frame.protocols matches "tls$"
frame.protocols matches "^eth:ethertype:ip(v6)?:udp"
tcp.port == 80
tcp.port != 80
tcp.port ~= 80
tcp.port === 80
tcp.port !== 80
tcp.port any_eq 80
tcp.port all_ne 80
tcp.port any_ne 80
tcp.port all_eq 80
any tcp.port == 80
all tcp.port == 80
any tcp.port != 80
all tcp.port != 80
all tcp.port > 1024
any tcp.port > 1024
all tcp.port >= 80
all tcp.port < 50000
all tcp.port <= 80
!(tcp.port == 80)
tcp.port in {80, 443, 8000 .. 9000}
tcp.port not in {80}
any udp.port in {53, 67}
tcp.flags == 0x0018
tcp.flags.syn == 1
tcp.flags.syn == 0
tcp.flags.syn == True
tcp.flags.syn == FALSE
tcp.flags.syn == 2
tcp.flags.syn != 1
tcp.flags.syn ~= 1
tcp.flags.syn > 0
tcp.flags.syn >= 0
tcp.flags.syn < 1
tcp.flags.syn <= 0
tcp.flags.syn in {0, 1}
tcp.flags.syn in {1}
tcp.flags.syn in {0 .. 1}
tcp.flags.syn == "Set"
tcp.flags.syn == "not set"
tcp.flags.syn == Set
vlan.dei == False
ip.proto == "TCP"
ip.proto == "tcp"
ip.proto == ICMP
ip.proto in {"TCP", "UDP"}
ip.proto > "ICMP"
ip.proto != "UDP"
arp.opcode == "reply"
icmpv6.type == "Echo (ping) request"
dns.qry.type == "AAAA (IPv6 Address)"
dns.flags.rcode == "No such name"
tls.handshake.type == "Client Hello"
ip.dsfield.dscp == "Default"
ip.addr == 192.0.2.1
ip.addr != 192.0.2.1
ip.addr ~= 192.0.2.1
ip.addr === 192.0.2.1
all ip.addr != 198.51.100.1
all ip.addr == 192.0.2.0/24
any ip.addr != 192.0.2.0/24
ip.addr == 192.0.2.0/24
ip.addr == 192.0.2.77/24
ip.addr == 198.51.100.0/25 or ip.addr == 203.0.113.0/30
ip.addr != 192.0.2.0/24
ip.addr ~= 192.0.2.0/24
ip.addr == 0.0.0.0/0
ip.addr == 10.0.0.0/8 && tcp.flags.syn == 1
ip.addr ~= 0.0.0.0
ip.src == 192.0.2.1 and ip.src == 198.51.100.1
ip.src < 192.0.2.2
ip.src >= 192.0.2.2
ip.src > 192.0.2.0/24
ip.src <= 192.0.2.0/31
ip.src in {192.0.2.2, 198.51.100.0/24}
ip.dst in {192.0.2.0 .. 192.0.2.1, 224.0.0.0 .. 255.255.255.255}
not ip.src in {192.0.2.0/24}
ip.version == 4
ip.version == 6
ip.ttl < 64
ip.id == 0
ip.src_host == "192.0.2.1"
ip.host contains "198.51"
dhcp.ip.your != 0.0.0.0
dhcp.option.dhcp == 3
ipv6.addr == 2001:db8::1
ipv6.addr == 2001:db8::/32
ipv6.addr == 2001:0DB8:0:0::0002
ipv6.addr != 2001:db8::2
ipv6.addr == ff00::/8
ipv6.src > 2001:db8::1
ipv6.dst in {::1, 2001:db8::2 .. 2001:db8::ffff}
dns.aaaa == 2001:db8::2
icmpv6.nd.na.target_address == 2001:db8::2
eth.src == 02:00:00:00:00:01
eth.src == 02-00-00-00-00-01
eth.src == 0200.0000.0001
eth.dst == FF:FF:FF:FF:FF:FF
eth.src != 02:00:00:00:00:01
eth.addr ~= 02:00:00:00:00:01
eth.addr != 02:00:00:00:00:01
all eth.addr == 02:00:00:00:00:01
eth.src > 02:00:00:00:00:01
eth.src in {02:00:00:00:00:02, 02:00:00:00:01:00 .. 02:00:00:00:01:ff}
eth.addr contains 00:01:01
arp.src.hw_mac == 02:00:00:00:00:02
tcp.options contains 01:08
tcp.options contains 0108
tcp.options contains 01-08
tcp.options contains 0x08
tcp.options contains "\x08"
dhcp.option.value == 00:00:07:08
resp.bulk_string.value == 50:49:4e:47
resp.bulk_string.value == "PING"
resp.bulk_string.value contains "IN"
ntp.refid != 7f:00:00:02
ntp.rec
ntp.rec != "2024-05-01"
ntp.rec ~= "2024-05-01"
!(ntp.org)
tcp.payload contains ""
tcp.payload contains "\x0d\x0a\x0d\x0a"
udp.payload contains "\xff\xff"
http.request.uri matches "(?<page>cat)alog"
.tcp.port == 80
frame.number == 0X1F
radius.authenticator == 00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00
quic.dcid contains 05:74
tcp.payload
!(tcp.payload)
udp.payload
tcp.segment_data
tcp.reassembled.data
ip.fragments
tcp.payload != 00:01
http.file_data || data.data
tcp.payload contains "GET"
tcp.payload contains 0d:0a:0d:0a
udp.payload == "x"
data.data != 00
tls.handshake.session_id contains 86:91
icmp.unused == 00000000
http.request.method == "GET"
http.request.method == GET
http.request.method == "get"
http.request.method != "GET"
http.request.method ~= "GET"
http.request.method === "GET"
http.request.method in {"GET", "POST"}
http.request.method in {"A" .. "H"}
http.request.method not in {"GET"}
http.request.method > "GET"
http.request.method <= "GET"
http.request.method == "\x47ET"
http.request.method == "\107ET"
http.request.method == 'G'
http.host == "www.example.test"
http.host == www.example.test
http.host == r"www.example.test"
http.host == "WWW.example.test"
http.host contains "example"
!(http.host contains "example")
http.host contains example
http.host contains 'w'
http.host contains ""
http.host contains "EXAMPLE"
http.host matches "EXAMPLE"
http.host ~ "EXAMPLE"
http.host matches "(?-i)EXAMPLE"
http.host matches ""
http.host matches "^www\\.[a-z]+\\.test$"
http.host matches r"^www\.[a-z]+\.test$"
http.host matches "^x|test$"
http.host matches "^(?:ftp|www)\\."
http.host matches "w{3}\\."
http.host matches "w{2,3}"
http.host matches "w{4}"
http.host matches "[^w.]x"
http.host matches "[[:alpha:]]{7}"
http.host matches "\\Awww"
http.host matches "w+?\\.e"
http.host matches r"\d"
http.host matches r"\w\W\w"
http.user_agent matches "client/[0-9.]+$"
http.user_agent matches r"(curl|example)-\w*/\d"
not http.user_agent matches "curl"
http.request.uri matches "^/catalog"
http.request.uri matches r"id=\d+$"
http.request.uri contains "?"
http.request.uri contains "*"
http.request.uri contains "\\"
http.request.uri contains "\""
http.request.uri contains "é"
http.request.uri matches "\""
http.request.uri matches r"[\"*]"
http.request.uri matches r"\?.*[&=]"
http.request.uri matches "a.*z"
http.request.uri matches r"^/[^/]+/[^/]+$"
http.request.uri matches "[a-c]+~"
http.request.uri matches "#|@|<|>|&"
http.request.uri matches r"[\]^-]"
http.request.uri matches r"[\[-_]x?[\[-\^]"
http.request.uri matches r"[Z-\^]"
http.request.uri matches r"[|-~]a"
http.request.uri matches "[[:punct:]]{4}"
http.request.line contains "Host: "
http.request.line == "Host: www.example.test\r\n"
http.request.line matches "^host: .*$"
http.request.line matches "^host: .*\r\n$"
http.request.line matches "^host: [^ ]*t$"
http.request.line ~= "Host: www.example.test\r\n"
http.request.line != "Host: www.example.test\r\n"
http.response.line contains "xml"
lower(http.host) == "www.example.test"
upper(http.host) == "www.example.test"
lower(http.host) contains "example"
upper(http.host) contains "EXAMPLE"
lower(http.host) contains "EXAMPLE"
lower(http.host) != "x"
lower(smtp.req.command) == "quit"
upper(smtp.req.command) == "QUIT"
http.response.code == 200
http.response.code != 200
http.response.code >= 400
http.response.code in {200, 400 .. 499}
http.response.phrase == "Not Found"
http.content_length > 500
smtp.req.command == "data"
smtp.response contains "250"
smtp.response.code == 550
imf.subject == "Plain text"
imf.subject matches "attachment$"
dns.qry.name == "many.example.test"
dns.qry.name contains "example.test"
dns.qry.name > "m"
dns.resp.ttl < 300
dns.count.answers > 1
dns.a == 198.51.100.0/24
dns.a != 198.51.100.0/24
dns.a ~= 198.51.100.25
dns.txt contains "spf1"
dns.txt == "v=spf1 -all"
dns.time < 0.0002
snmp.name == 1.3.6.1.2.1.1.1.0
tls.handshake.extensions_server_name == "www.example.test"
tls.handshake.ciphersuite == 0x1301
tls.handshake.extension.type == 16
tls.record.content_type == 22 and not tls.handshake.type
tls.handshake.random_time > "2050-01-01"
tcp.analysis.ack_rtt > 0.00001
tcp.analysis.initial_rtt
tcp.time_relative >= 0.1
tcp.time_delta <= 0.00001
tcp.time_delta == 0
frame.time_delta == 0.000032
frame.time_delta != 0
frame.time_delta in {0.001 .. 0.01}
frame.time_relative > -1
icmp.resptime < 0.03
stp.hello == 2
frame.time == "2024-05-01 10:00:00.123456"
frame.time == "2024-05-01T10:00:00.123456Z"
frame.time != "2024-05-01 10:00:00.123456"
frame.time >= "2024-05-01"
frame.time < "2024-05-01"
frame.time > "2024-05-01 10:00"
frame.time >= "May 1, 2024 10:00:00.2"
frame.time >= "May  1, 2024 10:00:00.2 UTC"
frame.time >= "2024-05-01 12:00:00.2+02:00"
frame.time >= 2024-05-01
frame.time in {"2024-05-01 10:00:00.1" .. "2024-05-01 10:00:00.2"}
frame.time
frame.time_epoch == 1714557600.123456789
frame.time_epoch < 1700006400
frame.time_epoch == 1700006399.999999
frame.time_epoch >= 1700006400 && frame.time_epoch < 1714557600.123457
vlan.id == 5
vlan.id == 200 and vlan.id == 7
vlan.id != 5
vlan.id ~= 200
all vlan.id < 100
sip.Method == "OPTIONS"
radius.User_Name == "user"
syslog.msg contains "line"
lldp.chassis.id.mac == 02:00:00:00:00:01
sctp.chunk_type == 1
_ws.expert.message contains "GET"
_ws.expert.severity == 2097152
ip.src == 192.0.2.1 && (tcp.dstport == 80 || udp.dstport == 53) && !(http.request.uri contains "catalog")
not tcp.srcport == 80 and http
ssl
ssl.handshake.type == 1
bootp.option.type == 53
tcp.srcport == 80 or tcp.dstport == 80 and http.request.method == "POST"
frame.number > 3 and frame.number < 7 or frame.number > 30 and not udp
"""
_TARGETS = [rb"/a*b?c=d&e", rb'/back\slash/"quoted"', "/é/ü".encode(), rb"/[x]^-]~abc~#@<>", b"/AbcZ", b"/", b"/line*"]
_AGENTS = [b"curl/8.0", b"Curl", b"", b"a*", b"a?", b"x.y", b"EXAMPLE-client/2"]
_PORTS = [80, 3128, 3132, 5985, 8080, 8088, 11371]  # another for each: else they would be retransmissions
_REQUEST = b"GET %s HTTP/1.1\r\nHost: Host.Example.TEST\r\nUser-Agent: %s\r\nX-Note: a\r\nX-Note: %s\r\n\r\n"


@cache
def filters() -> list[str]:
    """The filters, as the installed tshark writes them."""
    wireshark = installed()
    text = _FILTERS.replace("AAAA (IPv6 Address)", wireshark.aaaa).replace("~=", wireshark.any_ne)
    return [line for line in (text + wireshark.filters).split("\n") if line]


def odd_texts(path: Path) -> Path:
    """A capture of HTTP requests whose texts have what patterns must not take for their own."""
    requests = zip(_TARGETS, _AGENTS, _PORTS, strict=True)
    frames = [tcp(_REQUEST % (target, agent, target), port) for target, agent, port in requests]
    return write_pcap(path, [record(frame, fraction=number) for number, frame in enumerate(frames)])
