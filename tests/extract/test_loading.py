"""What sharkd loads of captures whose files are deleted meanwhile."""

from pathlib import Path

import pytest

from espcap.captures.kept import CaptureGone, Kept, find_kept, kept_name
from espcap.extract.loading import LiveOriginal


def test_a_kept_file_that_goes_meanwhile(tmp_path: Path) -> None:
    run = "0" * 32
    path = tmp_path / kept_name(run, 10, 2)
    path.write_bytes(b"")
    original = LiveOriginal(Kept(find_kept(run, [tmp_path]), "the live capture"), {}, 12)
    assert original.stamp
    path.unlink()
    for look in (lambda: original.stamp, original.whole):
        with pytest.raises(CaptureGone) as raised:
            look()
        assert raised.value.message.startswith("the capture file with frame 12 is gone")
