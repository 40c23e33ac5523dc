"""Copies a capture with the bytes of a few packets only. The others are empty, so frame numbers stay the same."""

import io
from typing import BinaryIO

from espcap.captures.pcap import USUAL_LINK_TYPES, opened, read_form, records
from espcap.captures.pcapng import PCAPNG, Numbers, UnknownForm, copy_emptied


def write_excerpt(file: io.RawIOBase, output: BinaryIO, wanted: Numbers, last: int) -> None:
    """Copies the packets up to frame number `last`; only those in `wanted` keep their bytes.

    The others keep their time and their length on the wire. Raises UnknownForm if only tshark can read the capture.
    """
    with opened(file) as stream:
        if stream.peek(4)[:4] == PCAPNG:
            copy_emptied(stream, output, wanted, last, USUAL_LINK_TYPES)
        else:
            _copy_records(stream, output, wanted, last)


def _copy_records(stream: BinaryIO, output: BinaryIO, wanted: Numbers, last: int) -> None:
    form = read_form(stream)
    if not form:
        raise UnknownForm
    write, pack = output.write, form.record.pack
    write(form.head)
    for number, seconds, fraction, length, data in records(stream, form):
        if number in wanted:
            write(pack(seconds, fraction, len(data), length))
            write(data)
        else:
            write(pack(seconds, fraction, 0, length))
        if number == last:
            return
