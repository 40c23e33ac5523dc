"""SMB2: Samba's server and its client."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..network import SERVER_IP, recording
from .log import TURN, Transaction
from .programs import QUIET, folder, program
from .samba import GLOBAL

OWN_SETTINGS = """\
smb ports = 445
map to guest = Bad User
[share]
path = {place}/share
guest ok = yes
read only = no
"""
START = 'hostname server.example.test && exec smbd -F --no-process-group -s "$1"'
"""The name of the host is in the answers."""
COMMANDS = "get numbers.csv {place}/copy; get missing {place}/copy; del missing"
NOT_FOUND, NO_FILE, MORE = "STATUS_OBJECT_NAME_NOT_FOUND", "STATUS_NO_SUCH_FILE", "STATUS_MORE_PROCESSING_REQUIRED"


@contextmanager
def server() -> Iterator[Path]:
    """Yields a folder with the configuration."""
    with folder() as place:
        place.chmod(0o755)
        (place / "share").mkdir()
        (place / "share").chmod(0o777)
        (place / "share" / "numbers.csv").write_text("a,b\n")
        (place / "conf").write_text((GLOBAL + OWN_SETTINGS).format(place=place, address=SERVER_IP))
        with program("unshare", "--uts", "sh", "-c", START, "smbd", place / "conf", port=445):
            yield place


def smb2(path: Path) -> list[Transaction]:
    """A guest reads a file, and asks for one that is not there, by SMB 2.1, with one request at a time."""
    with recording(path, "tcp port 445"), server() as place:
        options = ["-N", "-s", str(place / "conf"), "-m", "SMB2_10", "-U", "reader"]
        words = ["smbclient", *options, f"//{SERVER_IP}/share", "-c", COMMANDS.format(place=place)]
        subprocess.run(words, check=False, **QUIET)
    return TRANSACTIONS


def asked(method: str, resource: str = "", status: str = "", session: bool = False) -> Transaction:
    """A request; all but STATUS_MORE_PROCESSING_REQUIRED says that it failed."""
    more: dict[str, object] = {"resource": resource} if resource else {}
    more |= {"nt_status": status} if status else {}
    error = status if status != MORE else ""
    return Transaction(method, b"\xfeSMB", TURN, error, session=session, more=more)


IPC, SHARE = rf"\\{SERVER_IP}\IPC$", rf"\\{SERVER_IP}\share"
TRANSACTIONS = [
    asked("Negotiate Protocol", session=True),
    asked("Session Setup", status=MORE, session=True),
    asked("Session Setup", session=True),
    asked("Tree Connect", IPC),
    asked("Ioctl", rf"\{SERVER_IP}\share", "STATUS_NOT_FOUND"),
    asked("Tree Disconnect"),
    asked("Tree Connect", SHARE),
    asked("Create", "numbers.csv"),
    asked("GetInfo", "numbers.csv"),
    asked("Read", "numbers.csv"),
    asked("Close", "numbers.csv"),
    asked("Create", "missing", NOT_FOUND),
    asked("Create"),
    asked("Find", "missing", NO_FILE),
    asked("Close"),
    asked("Tree Disconnect"),
]
