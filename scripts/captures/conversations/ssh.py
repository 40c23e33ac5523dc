"""SSH: OpenSSH on both sides."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..network import SERVER_IP, recording, run
from .log import Transaction
from .programs import folder, program

CONFIGURATION = """
ListenAddress {address}
HostKey {place}/host
AuthorizedKeysFile {place}/user.pub
PidFile {place}/pid
StrictModes no
UsePAM no
VersionAddendum none
KexAlgorithms curve25519-sha256
HostKeyAlgorithms ssh-ed25519
Ciphers aes128-ctr
MACs hmac-sha2-256
"""
EXCHANGE = Transaction(
    "Elliptic Curve Diffie-Hellman Key Exchange Init", b"\x1e\0\0\0\x20", b"\x1f\0\0\0", session=True
)
REFUSED = Transaction(
    "Key Exchange Init", b"curve25519-sha256", None, "no matching cipher found", connection=1, session=True
)


@contextmanager
def server() -> Iterator[Path]:
    """Yields a folder with the keys."""
    with folder() as place:
        Path("/run/sshd").mkdir(exist_ok=True)
        for name in ("host", "user"):
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", place / name)
        (place / "conf").write_text(CONFIGURATION.format(place=place, address=SERVER_IP))
        with program("/usr/sbin/sshd", "-D", "-f", place / "conf", port=22):
            yield place


def ssh(path: Path) -> list[Transaction]:
    """A session with a command, and one without a cipher that both sides know. The rest of a session is encrypted."""
    with recording(path, "tcp port 22"), server() as place:
        keys = (
            "-F",
            "none",
            "-i",
            str(place / "user"),
            "-o",
            "BatchMode=yes",
            "-o",
            f"UserKnownHostsFile={place}/known",
        )
        few = ("-o", "StrictHostKeyChecking=no", "-o", "KexAlgorithms=curve25519-sha256", "-o", "MACs=hmac-sha2-256")
        for cipher in ("aes128-ctr", "aes256-ctr"):
            words = ["ssh", *keys, *few, "-c", cipher, f"root@{SERVER_IP}", "true"]
            subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return [EXCHANGE, REFUSED]
