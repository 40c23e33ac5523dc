"""Writes and reads messages of bytes: with a length in front, or all of the same size."""

import socket
from dataclasses import dataclass
from typing import Literal

Values = dict[str, str | int]
"""The values of a message by the names of its fields. Bytes are hexadecimal digits."""

LONGEST = 1_048_576
"""The most bytes of a message."""


@dataclass(frozen=True)
class Layout:
    """The fields of a message, in their order. A field is a name, a type and a size; size 0 is the rest."""

    fields: tuple[tuple[str, str, int], ...]
    order: Literal["big", "little"] = "big"
    size: int = 0
    """The bytes of each message; 0 if messages have a field `length`."""
    uncounted: int = 0
    """The bytes of a message that its field `length` does not count."""

    def length(self, data: bytes) -> int:
        """The number of bytes of the first message in the data; 0 if it is not complete.

        Raises ValueError if its length cannot be right.
        """
        size = self.size or self._size(data)
        return size if size <= len(data) else 0

    def _size(self, data: bytes) -> int:
        """The size that the field `length` says; 0 if it is not complete."""
        names = [name for name, _, _ in self.fields]
        before = self.fields[: names.index("length")]
        start = sum(size for _, _, size in before)
        end = start + self.fields[len(before)][2]
        if len(data) < end:
            return 0
        size = int.from_bytes(data[start:end], self.order) + self.uncounted
        if not end <= size <= LONGEST:
            raise ValueError(f"a message cannot have {size} bytes")
        return size

    def encode(self, values: Values) -> bytes:
        """Returns a message with these values."""
        parts = {name: self._encode(kind, size, values.get(name, 0)) for name, kind, size in self.fields}
        if "length" in parts:
            length = sum(map(len, parts.values())) - self.uncounted
            parts["length"] = length.to_bytes(len(parts["length"]), self.order)
        return b"".join(parts.values()).ljust(self.size, b"\0")

    def decode(self, message: bytes) -> Values:
        """Returns the values of a message. Raises ValueError if it is too short."""
        values, start = Values(), 0
        for name, kind, size in self.fields:
            part = message[start : start + size] if size else message[start:]
            if len(part) < size:
                raise ValueError(f"the message is too short for {name}: {message!r}")
            if name != "length":
                values[name] = self._decode(kind, part)
            start += len(part)
        return values

    def _encode(self, kind: str, size: int, value: str | int) -> bytes:
        if kind == "ipv4":
            return socket.inet_aton(str(value))
        if kind.startswith("uint"):
            return int(value).to_bytes(size, self.order)
        part = bytes.fromhex(str(value)) if kind == "bytes" else str(value).encode()
        return part[:size].ljust(size, b"\0") if size else part

    def _decode(self, kind: str, part: bytes) -> str | int:
        if kind == "ipv4":
            return socket.inet_ntoa(part)
        if kind.startswith("uint"):
            return int.from_bytes(part, self.order)
        return part.hex() if kind == "bytes" else part.partition(b"\0")[0].decode("utf-8", "replace")
