"""Describes a packet in one line: by Wireshark's column Info, or by some of its fields if its document has no Info."""

from collections.abc import Iterable
from typing import Any

from espcap.base.members import part

_LONGEST = 200
_PARTS = {
    "http": ("request_method", "request_uri", "response_code", "response_phrase", "host"),
    "http2": ("headers_method", "headers_path", "headers_status", "streamid"),
    "dns": ("flags_response", "qry_name", "a", "aaaa", "cname", "flags_rcode"),
    "mdns": ("qry_name", "resp_name"),
    "tls": ("handshake_extensions_server_name", "handshake_type", "alert_message_desc", "record_content_type"),
    "quic": ("long_packet_type", "packet_number"),
    "arp": ("src_proto_ipv4", "dst_proto_ipv4", "opcode"),
    "icmp": ("type", "code", "ident", "seq"),
    "icmpv6": ("type", "code"),
    "dhcp": ("option_dhcp", "hw_mac_addr", "option_hostname"),
    "smtp": ("req_command", "req_parameter", "response_code", "rsp_parameter"),
    "ftp": ("request_command", "request_arg", "response_code", "response_arg"),
    "sip": ("Request_Line", "Status_Line"),
    "ssh": ("protocol", "message_code"),
    "ntp": ("stratum", "refid"),
    "snmp": ("community", "name"),
    "smb2": ("cmd", "filename"),
    "mqtt": ("msgtype", "topic"),
    "rtp": ("ssrc", "seq", "timestamp"),
}
"""The most important fields of each protocol."""
_FLAGS = ("syn", "fin", "reset", "push", "ack", "urg")


def info(document: dict[str, Any]) -> str:
    """Returns the document's `info`, or its ports, TCP flags, and the most important fields of its protocol."""
    if isinstance(shown := document.get("info"), str):
        return _shortened(shown)
    layers = part(document, "layers")
    name = str(document.get("protocol", ""))
    layer = layers.get(name)
    parts = [f"{key}={_text(layer[key])}" for key in _PARTS.get(name, ()) if isinstance(layer, dict) and key in layer]
    text = " ".join([*_ports(document), *_tcp(layers.get("tcp")), *parts])
    return _shortened(text)


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _ports(document: dict[str, Any]) -> Iterable[str]:
    ports = [part(document, end).get("port") for end in ("source", "destination")]
    if None not in ports:
        yield f"{ports[0]} → {ports[1]}"


def _tcp(layer: Any) -> Iterable[str]:
    """Yields the flags, sequence number and length, as in Wireshark's column Info."""
    if isinstance(layer, dict) and "flags" in layer:
        flags = [
            "RST" if flag == "reset" else flag.upper()[:3] for flag in _FLAGS if layer.get(f"flags_{flag}") is True
        ]
        flags = ["PSH" if flag == "PUS" else flag for flag in flags]
        yield f"[{', '.join(flags)}]"
        yield from (f"{key}={layer[name]}" for key, name in (("Seq", "seq"), ("Len", "len")) if name in layer)


def _text(value: Any) -> str:
    return ",".join(map(str, value[:5])) if isinstance(value, list) else str(value)
