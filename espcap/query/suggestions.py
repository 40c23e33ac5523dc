"""Suggests fields for common names that are not fields of Wireshark, such as `src_ip`."""

from espcap.fields.registry import Registry

LIST = "tshark -G fields lists all names"
"""The hint for an unknown field with similar names."""
LIST_AND_OWN = (
    f"{LIST}; those of your own dissectors are known after packets were stored with --profile-dir or --protocol-dir"
)
"""The hint for an unknown field without similar names."""
_NAMES = {
    ("ip", "addr", "address", "ipaddr"): ("ip.addr",),
    ("src", "ipsrc", "src_ip", "srcip", "ip_src", "saddr"): ("ip.src", "source.ip"),
    ("dst", "ipdst", "dst_ip", "dstip", "ip_dst", "daddr"): ("ip.dst", "destination.ip"),
    ("port", "tcp", "udp"): ("tcp.port", "udp.port"),
    ("sport", "srcport", "src_port"): ("source.port", "tcp.srcport"),
    ("dport", "dstport", "dst_port"): ("destination.port", "tcp.dstport"),
    ("mac", "eth", "ether"): ("eth.addr", "source.mac"),
    ("host", "hostname", "domain"): ("http.host", "dns.qry.name", "tls.handshake.extensions_server_name"),
    ("dns",): ("dns.qry.name",),
    ("url", "uri", "path"): ("http.request.uri", "http.request.full_uri"),
    ("method",): ("http.request.method",),
    ("status", "code"): ("http.response.code",),
    ("user_agent", "useragent", "agent"): ("http.user_agent",),
    ("user", "username", "login"): ("http.authbasic", "ftp.request.arg", "kerberos.CNameString"),
    ("time", "date", "timestamp"): ("@timestamp",),
    ("size", "length", "len", "bytes"): ("frame.len", "network.bytes"),
    ("file", "filename", "capture"): ("file_name",),
    ("flags",): ("tcp.flags",),
    ("proto",): ("protocol", "protocols"),
}
_FIELDS = {word: names for words, names in _NAMES.items() for word in words}


def suggested_fields(name: str, registry: Registry, paths: list[str] | None = None) -> list[str]:
    """Returns at most three fields that a word can mean: names in display filters, and paths that are in `paths`."""
    names = _FIELDS.get(name.lower(), ())
    return [one for one in names if registry.field(one) or one in (paths or [])][:3]
