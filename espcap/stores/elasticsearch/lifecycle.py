"""The lifecycle policy (ILM) with which Elasticsearch deletes old indices of packets by itself."""

import re
from typing import Any

_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}

NOT_SUPPORTED = frozenset([400, 404, 405, 410])
"""Statuses with which a server without ILM answers requests for it."""


def build_policy(days: int) -> dict[str, Any]:
    """Returns the `policy` of `PUT /_ilm/policy/packets`, which deletes an index `days` days after its creation."""
    return {
        "phases": {
            "hot": {"min_age": "0ms", "actions": {}},
            "delete": {"min_age": f"{days}d", "actions": {"delete": {}}},
        },
        "_meta": {"description": "Deletes the days of network packets", "managed_by": "espcap"},
    }


def seconds_kept(answer: Any) -> float | None:
    """Returns the age in seconds at which indices are deleted, from the answer to `GET /_ilm/policy/packets`.

    Returns None if the policy does not delete, or has another form.
    """
    try:
        [policy] = answer.values()
        age = policy["policy"]["phases"]["delete"]["min_age"]
        match = re.fullmatch(r"(\d+)([dhms])", age)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    return float(match[1]) * _UNITS[match[2]] if match else None
