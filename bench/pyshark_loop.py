"""The usual way in Python: a loop over pyshark's packets, bare or printing all values of each as a line of JSON.

usage: python -m bench.pyshark_loop CAPTURE [--use-ek] [--every-value]
"""

import json
import sys
from typing import Any

import pyshark


def values(layer: Any) -> dict[str, Any]:
    """All values of a layer as `tshark -T pdml` has them."""
    return {name: [each.get_default_value() for each in layer.get_field(name).all_fields] for name in layer.field_names}


def ek_values(layer: Any) -> dict[str, Any]:
    """All values of a layer as `tshark -T ek` has them."""
    try:
        names = layer.all_field_names
    except TypeError:  # pyshark takes no layer without fields
        return {}
    found = {name: layer.get_field(name) for name in names}
    return {name: getattr(value, "value", value) for name, value in found.items()}


def main(capture: str, *options: str) -> None:
    use_ek = "--use-ek" in options
    read = ek_values if use_ek else values
    for packet in pyshark.FileCapture(capture, keep_packets=False, use_ek=use_ek):
        if "--every-value" in options:
            print(json.dumps([[layer.layer_name, read(layer)] for layer in packet.layers], default=str))


if __name__ == "__main__":
    main(*sys.argv[1:])
