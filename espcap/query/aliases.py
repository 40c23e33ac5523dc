"""Former names of protocols that tshark still accepts: `ssl.handshake` for `tls.handshake`."""

from espcap.fields.registry import Registry

_ALIASES = {
    "104apci": "iec60870_104",
    "104asdu": "iec60870_asdu",
    "bootp": "dhcp",
    "evt_comment": "pkt_comment",
    "nas_5gs": "nas-5gs",
    "nas_eps": "nas-eps",
    "nm": "autosar-nm",
    "ssl": "tls",
}
"""The aliases that Wireshark 4.0 to 4.6 register. tshark cannot list them."""


def current_name(name: str, registry: Registry) -> str:
    """Returns the name of a field or protocol in the installed Wireshark, if it is named by an alias."""
    protocol, dot, rest = name.partition(".")
    if protocol not in _ALIASES or registry.is_protocol(protocol):
        return name
    return f"{_ALIASES[protocol]}{dot}{rest}"
