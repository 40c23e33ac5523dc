"""What differs between the versions of Wireshark that espcap is tested with, in one table."""

from dataclasses import dataclass, replace
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


_4_4 = Wireshark(
    unopenable=3,
    wrong_filter=4,
    overflowing_epoch="1714557600.(1500000000 nanosec",
    doubles_backslashes=True,
    protocols_of_others=134,
    aaaa="AAAA",
)
VERSIONS = {
    (4, 0): Wireshark(),
    (4, 2): _4_4,  # never tried
    (4, 4): _4_4,
    (4, 6): replace(_4_4, broken=14, has_two_forms_of_times=True, protocols_of_others=8),
}


@cache
def installed() -> Wireshark:
    """The row of the tshark that tests use; of one that is newer than all, the last."""
    version = find_program().version
    return VERSIONS.get((version.major, version.minor), VERSIONS[max(VERSIONS)])
