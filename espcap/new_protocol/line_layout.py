"""Writes and reads messages that are lines: the fields are the words of the line."""

from dataclasses import dataclass

Values = dict[str, str | int]
"""The values of a message by the names of its fields. Bytes are hexadecimal digits."""

LONGEST = 65_536
"""The most bytes of a message."""


@dataclass(frozen=True)
class Layout:
    """The fields of a line, in their order.

    A field is a name, a type and a size. A field with a size is this number of characters; the others are words. If the
    last field is a string, it is the rest of the line.
    """

    fields: tuple[tuple[str, str, int], ...]

    def length(self, data: bytes) -> int:
        """The number of bytes of the first message in the data; 0 if it is not complete.

        Raises ValueError if it is too long.
        """
        length = data.find(b"\n") + 1
        if not length and len(data) > LONGEST:
            raise ValueError(f"the line is longer than {LONGEST} bytes")
        return length

    def encode(self, values: Values) -> bytes:
        """Returns a message with these values."""
        line = b""
        for index, (name, kind, size) in enumerate(self.fields):
            follows_word = index and not self.fields[index - 1][2]
            value = values[name]
            line += b" " if follows_word else b""
            line += bytes.fromhex(str(value)) if kind == "bytes" else str(value).encode()[: size or None]
        return line + b"\n"

    def decode(self, message: bytes) -> Values:
        """Returns the values of a message. Raises ValueError if it does not have the fields."""
        line, values = message.rstrip(b"\r\n"), Values()
        for index, (name, kind, size) in enumerate(self.fields):
            if size:
                word, line = line[:size], line[size:]
            elif kind == "string" and index == len(self.fields) - 1:
                word = line.lstrip(b" ")
            else:
                word, _, line = line.lstrip(b" ").partition(b" ")
            if not word:
                raise ValueError(f"the message has no {name}: {message!r}")
            values[name] = _value(kind, word)
        return values


def _value(kind: str, word: bytes) -> str | int:
    if kind == "bytes":
        return word.hex()
    return int(word) if kind.startswith("uint") else word.decode("utf-8", "replace")
