"""The usual way into Elasticsearch: the documents of `tshark -T ek`, sent by `helpers.bulk` into a default mapping.

usage: python -m bench.helpers_bulk CAPTURE URL
Equal keys of an object become one with a list: a JSON parser would keep the last, and Elasticsearch refuses them.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from elasticsearch import Elasticsearch, helpers

INDEX = "ek"


def merged(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object in which equal keys are one with a list."""
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key not in result:
            result[key] = value
        elif isinstance(result[key], list):
            result[key].append(value)
        else:
            result[key] = [result[key], value]
    return result


def documents(capture: str) -> Iterator[dict[str, Any]]:
    """What tshark prints, without the lines that name an index."""
    tshark = subprocess.Popen(["tshark", "-n", "-T", "ek", "-r", capture], stdout=subprocess.PIPE)
    decoder = json.JSONDecoder(object_pairs_hook=merged)
    assert tshark.stdout
    for line in tshark.stdout:
        if not line.startswith(b'{"index"'):
            yield {"_index": INDEX, "_source": decoder.decode(line.decode())}
    if tshark.wait():
        sys.exit("tshark failed")


def main(capture: str, url: str) -> None:
    helpers.bulk(Elasticsearch(url, request_timeout=120), documents(capture))


if __name__ == "__main__":
    main(*sys.argv[1:])
