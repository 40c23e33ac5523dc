import io
import os
import threading

from espcap.tshark.columns import Tee
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
