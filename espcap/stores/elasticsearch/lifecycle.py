"""Retention by the server: the lifecycle policy (ILM) of the indices of packets."""

import re
from typing import Any

_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}

NOT_SUPPORTED = frozenset([400, 404, 405, 410])
"""What a server without ILM answers to its requests: no such handler, method or API."""


def build_policy(days: int) -> dict[str, Any]:
    """The `policy` of `PUT /_ilm/policy/packets`: an index is deleted so many days after it was made."""
    return {
        "phases": {
            "hot": {"min_age": "0ms", "actions": {}},
            "delete": {"min_age": f"{days}d", "actions": {"delete": {}}},
        },
        "_meta": {"description": "Deletes the days of network packets", "managed_by": "espcap"},
    }


def seconds_kept(answer: Any) -> float | None:
    """The age at which indices are deleted, from the answer to `GET /_ilm/policy/packets`; None where it is not."""
    try:
        [policy] = answer.values()
        age = policy["policy"]["phases"]["delete"]["min_age"]
        match = re.fullmatch(r"(\d+)([dhms])", age)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    return float(match[1]) * _UNITS[match[2]] if match else None
