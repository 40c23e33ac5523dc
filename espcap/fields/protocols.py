"""Chooses the `protocol` of a packet's document, and its link, network, transport and application protocols.

The input is `frame.protocols`, such as `eth:ethertype:ip:tcp:http:xml`, and the file `conf/protocols.list`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from espcap.base.errors import EspcapError

LINKS = frozenset(
    "eth sll sll2 wlan ppp null raw loop fr chdlc tr fddi arcnet ax25 atm ieee802154 wpan bluetooth hci_h1 hci_h4 usb "
    "usbmon docsis nflog pflog infiniband lapd mtp2 user_dlt".split()
)
NETWORKS = frozenset("ip ipv6 arp rarp ipx clnp llc-ip ddp".split())
TRANSPORTS = frozenset("tcp udp udplite sctp dccp icmp icmpv6 igmp".split())
_ERRORS = frozenset(["icmp", "icmpv6"])
"""Protocols after which `frame.protocols` continues with the protocols of the packet that an error message quotes."""
_NO_PROTOCOLS = frozenset(["frame", "ethertype"])
"""Names in `frame.protocols` that do not stand for a header."""


@dataclass(frozen=True)
class Place:
    """One occurrence of a protocol in a packet, counted from 0: the inner `ip` of a tunnel is occurrence 1."""

    protocol: str
    occurrence: int


@dataclass(frozen=True)
class Stack:
    """The protocols of a packet by role; None if a role is missing. In a tunnel, those of the innermost packet."""

    link: Place | None
    network: Place | None
    transport: Place | None
    application: Place | None

    @property
    def names(self) -> dict[str, str]:
        """The names by role, `{"link": "eth", "network": "ip", …}`, without the roles that are missing."""
        roles = {
            "link": self.link,
            "network": self.network,
            "transport": self.transport,
            "application": self.application,
        }
        return {role: place.protocol for role, place in roles.items() if place}


class ProtocolList:
    """The protocols that can be the `protocol` of a document."""

    def __init__(self, names: Iterable[str], known: Iterable[str] = ()) -> None:
        """`names` are the protocols that can be the `protocol` of a document. `known` are all protocols of the list,
        also those that cannot. If it is given, a protocol that is not in it can be the `protocol` too if it is above a
        transport protocol.
        """
        self._names = frozenset(names)
        self._known = self._names.union(known) if known else None
        self.describe = lru_cache(maxsize=10_000)(self._describe)  # a capture has a few hundred combinations

    def with_own(self, own: Iterable[str]) -> "ProtocolList":
        """Returns the list with the protocols of the user's own dissectors added."""
        return ProtocolList(self._names.union(own), self._known or ())

    def _describe(self, frame_protocols: str) -> tuple[str, Stack]:
        """The `protocol` and the stack of a packet, from its `frame.protocols`."""
        names = _own([name for name in frame_protocols.split(":") if name and name not in _NO_PROTOCOLS])
        named = self._names.union(self._unlisted(names))
        stack = _stack(names, named)
        listed = [name for name in names if name in named]
        fallback = [place for place in (stack.transport, stack.network, stack.link) if place]
        return (listed[-1] if listed else fallback[0].protocol if fallback else "frame"), stack

    def _unlisted(self, names: list[str]) -> list[str]:
        """The protocols above the transport that no list contains: of own dissectors, or of a newer Wireshark."""
        transport = _last(names, TRANSPORTS)
        if self._known is None or transport is None:
            return []
        return [name for name in names[transport + 1 :] if name not in self._known]


def _own(names: list[str]) -> list[str]:
    """The protocols of the packet itself, without those of the packet that an ICMP error message quotes."""
    end = next((index + 1 for index, name in enumerate(names) if name in _ERRORS), len(names))
    return names[:end]


def _stack(names: list[str], listed: frozenset[str]) -> Stack:
    network = _last(names, NETWORKS)
    link = _last(names[: network if network is not None else None], LINKS)
    if link is None and names:
        link = 0 if network != 0 else None
    below = next((index for index in (network, link) if index is not None), -1)
    transport = _last(names, TRANSPORTS, below + 1)
    above = below if transport is None else transport
    application = _last(names, listed - LINKS - NETWORKS - TRANSPORTS, above + 1)
    places = (link, network, transport, application)
    return Stack(*(None if index is None else _place(names, index) for index in places))


def _last(names: list[str], wanted: frozenset[str], start: int = 0) -> int | None:
    return next((index for index in range(len(names) - 1, start - 1, -1) if names[index] in wanted), None)


def _place(names: list[str], index: int) -> Place:
    return Place(names[index], names[:index].count(names[index]))


def read_list(path: str = "") -> ProtocolList:
    """Reads a list of protocols from a file: one name on each line, and comments after `#`.

    Without a path, reads espcap's own list. Raises EspcapError if the file cannot be read.
    """
    usual = _lines(_own_list())
    lines = _lines(Path(path)) if path else usual
    known = (line.partition("#")[0].strip() or line.strip("# ") for line in usual)
    return ProtocolList((name for line in lines if (name := line.partition("#")[0].strip())), list(known))


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise EspcapError(
            f"cannot read the list of protocols {file}: {error}", "name another with --protocols"
        ) from error


def _own_list() -> Path:
    """The path of espcap's own list: beside the code in an installed package, in `conf` in a checkout."""
    package = Path(__file__).parents[1]
    installed = package / "protocols.list"
    return installed if installed.exists() else package.parent / "conf" / "protocols.list"
