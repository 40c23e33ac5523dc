"""Sets of frame numbers of one capture, of which there may be many millions."""


class FrameSet:
    """Frame numbers, one bit each."""

    def __init__(self) -> None:
        self._bits = bytearray()

    def __contains__(self, frame: int) -> bool:
        byte = frame >> 3
        return byte < len(self._bits) and bool(self._bits[byte] >> (frame & 7) & 1)

    def __len__(self) -> int:
        return int.from_bytes(self._bits, "little").bit_count()

    def add(self, frame: int) -> None:
        """Takes a frame."""
        byte = frame >> 3
        if byte >= len(self._bits):
            self._bits.extend(bytes(byte + 1 - len(self._bits) + len(self._bits) // 4))
        self._bits[byte] |= 1 << (frame & 7)
