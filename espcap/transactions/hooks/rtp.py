"""RTP: the numbers of a stream."""

from typing import Any

from espcap.base.times import timestamp
from espcap.documents.derived import put
from espcap.transactions.engine import Transaction


def complete(transaction: Transaction, source: dict[str, Any]) -> None:
    """Adds what was measured of a stream, in the direction from its sender."""
    stream = transaction.stream
    if not stream or not transaction.request:
        return
    source["event"]["end"] = timestamp(stream.last_time)
    numbers = {"packets": stream.packets, "lost": stream.lost, "out_of_order": stream.out_of_order}
    numbers["duration"] = stream.last_time - transaction.request.time
    for name, number in numbers.items():
        put(source, f"rtp.{name}", number)
    if stream.intervals:
        jitter = {"last": stream.jitter, "mean": stream.jitter_sum / stream.intervals, "max": stream.jitter_max}
        put(source, "rtp.jitter", {name: round(each) for name, each in jitter.items()})
    for end in ("client", "source"):
        source[end].pop("bytes", None)
        if stream.bytes is not None:
            source[end]["bytes"] = stream.bytes
