"""Documents on a stream."""

import errno
import io
import json
from collections.abc import Callable

import orjson
import pytest

from espcap.base.errors import StoreError
from espcap.documents.packets import Document
from espcap.sinks.lines import LinesSink, as_line, indented

CONTROLS = "".join(
    map(chr, [0x1B, 0x7F, 0x80, 0x85, 0x9F, 0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A)])
)
HARMLESS = "\xa0é\u2027\u202f\u2065\u206a\U0001f600"


def document(text: str) -> Document:
    source = {"layers": {"http": {text: [text]}}}
    return Document("packets-2015-07-30", "c-1", {}, orjson.dumps(source))


class Stream(io.BytesIO):
    def __init__(self, failure: OSError | None = None) -> None:
        super().__init__()
        self.calls = 0
        self._failure = failure

    def write(self, text: bytes) -> int:  # type: ignore[override]
        self.calls += 1
        if self._failure:
            raise self._failure
        return super().write(text)


@pytest.mark.parametrize("form", [as_line, indented])
def test_no_control_character_is_raw(form: Callable[[Document], bytes]) -> None:
    stream = Stream()
    outcome = LinesSink(stream, form).write([document(CONTROLS)])
    printed = stream.getvalue().decode()
    assert outcome.stored == 1
    assert not set(CONTROLS) & set(printed)
    assert json.loads(printed) == {"layers": {"http": {CONTROLS: [CONTROLS]}}}


def test_lines_are_the_bodies() -> None:
    stream = Stream()
    batch = [document(HARMLESS), document("b")]
    LinesSink(stream).write(batch)
    assert stream.getvalue() == b"".join(each.body + b"\n" for each in batch)
    assert stream.calls == 1


def test_pretty() -> None:
    stream = Stream()
    LinesSink(stream, indented).write([document("a")])
    assert json.loads(stream.getvalue()) == document("a").source
    assert stream.getvalue().startswith(b'{\n  "layers": {\n')


def test_full_disk() -> None:
    store = LinesSink(Stream(OSError(errno.ENOSPC, "No space left on device")))
    with pytest.raises(StoreError) as caught:
        store.write([document("a")])
    assert caught.value.message == "cannot print: No space left on device"
    assert caught.value.hint == "make room or print elsewhere; the output up to here is incomplete"


def test_reader_went_away() -> None:
    with pytest.raises(BrokenPipeError):
        LinesSink(Stream(BrokenPipeError())).write([document("a")])
