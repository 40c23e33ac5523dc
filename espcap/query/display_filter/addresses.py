"""Conditions on functions that are true or false for an address: `ip_multicast(ip.dst)`."""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network

from espcap.base.errors import UsageError, shortened
from espcap.fields.field import Field
from espcap.query import Exists, Query, Range
from espcap.query.display_filter.grammar import TSHARK_CAN, Word
from espcap.query.display_filter.relations import RELATIONS, either, quantified
from espcap.query.values import Address

_NETWORKS = {
    "ip_linklocal": ("169.254.0.0/16", "fe80::/10"),
    "ip_multicast": ("224.0.0.0/4", "ff00::/8"),
    "ip_rfc1918": ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"),
    "ip_ula": ("fc00::/7",),
}
FUNCTIONS = frozenset(_NETWORKS)
_TYPES = {"FT_IPv4": 4, "FT_IPv6": 6}
_TRUTHS = {"true": True, "1": True, "false": False, "0": False}


class AddressConditions:
    """Conditions on such a function of a field. Raises UsageError if the function does not fit the field."""

    def __init__(self, field: Field, function: str) -> None:
        self._path = field.path
        self._operand = f"{function}({field.name})"
        networks = [network for text in _NETWORKS[function] if _fits(network := ip_network(text), field)]
        if not networks:
            versions = " and ".join(sorted({f"IPv{ip_network(text).version}" for text in _NETWORKS[function]}))
            message = f"filter: {function}() fits addresses of {versions}, and {field.name} is of type {field.type}"
            raise UsageError(message, "name a field of addresses")
        self._ranges = [(network[0], network[-1]) for network in networks]

    def exists(self) -> Query:
        """Returns the condition that the function is true for an address."""
        return self._some("==", True)

    def compare(self, sign: str, word: Word, quantifier: str) -> Query:
        """Returns the condition `FUNCTION(FIELD) sign word`. Raises UsageError if the word is not true or false."""
        wanted = _TRUTHS.get(word.text.lower()) if not word.quote else None
        if wanted is None or sign in ("contains", "matches", "~"):
            message = f"filter: {self._operand} {sign} {shortened(word.text)}: it is true or false"
            raise UsageError(message, f"write {self._operand} or !{self._operand}")
        return quantified(
            self._operand, sign, quantifier, lambda relation: self._some(relation, wanted), Exists(self._path)
        )

    def within(self, elements: Sequence[Sequence[Word]], quantifier: str) -> Query:
        """Raises UsageError: sets of true and false are not supported."""
        raise UsageError(f"filter: {self._operand} in … cannot be searched for", TSHARK_CAN)

    def _some(self, relation: str, wanted: bool) -> Query:
        truths = [truth for truth in (True, False) if RELATIONS[relation](truth, wanted)]
        if len(truths) == 2:
            return Exists(self._path)
        return either([self._in() if truth else self._outside() for truth in truths])

    def _in(self) -> Query:
        return either([Range(self._path, low, high) for low, high in self._ranges])

    def _outside(self) -> Query:
        ends: list[Address | None] = [None, *(end for ends in sorted(self._ranges) for end in ends), None]
        gaps = zip(ends[::2], ends[1::2], strict=True)
        return either([Range(self._path, low, high, False, False) for low, high in gaps])


def _fits(network: IPv4Network | IPv6Network, field: Field) -> bool:
    return network.version == _TYPES.get(field.type)
