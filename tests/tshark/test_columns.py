import io
import os
import threading

from espcap.tshark.columns import Columns, PacketColumns, Tee
from espcap.tshark.waiting import readable


def test_a_first_without_room_does_not_keep_the_second_waiting() -> None:
    """Whoever reads the first waits for the second before it makes room."""
    pipes = [os.pipe() for _ in range(2)]
    first, second = (io.FileIO(writing, "wb") for _, writing in pipes)
    os.set_blocking(first.fileno(), False)
    while first.write(bytes(65536)):
        pass
    os.set_blocking(first.fileno(), True)
    thread = threading.Thread(target=Tee(first, second).write, args=(b"packet",), daemon=True)
    thread.start()
    assert readable([pipes[1][0]], 10) == [pipes[1][0]]
    assert os.read(pipes[1][0], 100) == b"packet"
    while thread.is_alive():
        os.read(pipes[0][0], 1 << 20)
        thread.join(0.1)


def columns(text: bytes, patience: float = 0) -> Columns:
    """Columns from a pipe with this text, which ends if there is no patience."""
    reading, writing = os.pipe()
    os.write(writing, text)
    if not patience:
        os.close(writing)
    return Columns(reading, patience)


def packet(number: int, info: str, *labels: str) -> bytes:
    """A packet as `tshark -T json -e …` prints it."""
    lines = [f'"frame.number": ["{number}"]', f'"_ws.col.info": ["{info}"]', '"_ws.col.protocol": ["TCP"]']
    if labels:
        lines.append('"text": [\n' + ",\n".join(f'          "{label}"' for label in labels) + "\n        ]")
    return b'  {\n    "_source": {\n      "layers": {\n' + ",\n".join(lines).encode() + b"\n      }\n    }\n  }"


def test_packets_are_found_by_their_numbers() -> None:
    found = columns(packet(1, "first") + b",\n" + packet(3, "third", "tcp.analysis.flags", "a b") + b"\n]\n")
    assert found.at(1) == PacketColumns('"first"', '"TCP"', labels=[])
    assert found.at(2) == PacketColumns()
    assert found.at(3) == PacketColumns('"third"', '"TCP"', labels=["tcp.analysis.flags"])
    assert found.at(4) == PacketColumns()
    assert found.missing == 2
    assert found.is_over


def test_patience_ends() -> None:
    """A tshark that prints nothing more does not keep the packets waiting."""
    found = columns(packet(1, "first"), patience=0.1)
    assert found.at(1).info == '"first"'
    assert found.at(2) == PacketColumns()
    assert found.is_over


def test_bytes_that_are_not_utf8() -> None:
    found = columns(packet(1, "good") + b",\n" + packet(2, "b?d").replace(b"b?d", b"b\xffd"))
    assert [found.at(number).is_bad_utf8 for number in (1, 2)] == [False, True]
