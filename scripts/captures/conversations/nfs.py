"""NFS 3: Ganesha with files in memory as the server, a dialogue as the client."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..network import SERVER_IP, recording
from .log import Transaction
from .programs import folder, program
from .rpc import record, words
from .sockets import exchange, received

MOUNT_PORT, NFS_PORT = 20048, 2049
MOUNT, NFS = (100005, 3), (100003, 3)
PROCEDURES = {(*MOUNT, 1): "MNT", (*NFS, 1): "GETATTR", (*NFS, 3): "LOOKUP", (*NFS, 6): "READ"}
PROCEDURES |= {(*NFS, 7): "WRITE", (*NFS, 8): "CREATE", (*NFS, 12): "REMOVE"}
CONFIGURATION = """
NFS_CORE_PARAM {{
  Protocols = 3;
  Bind_addr = {address};
  NFS_Port = 2049;
  MNT_Port = 20048;
  Enable_NLM = false;
  Enable_RQUOTA = false;
  Plugins_Dir = /usr/lib/x86_64-linux-gnu/ganesha;
}}
NFSv4 {{
  Graceless = true;
  RecoveryRoot = {place};
}}
EXPORT {{
  Export_Id = 1;
  Path = /files;
  Pseudo = /files;
  Access_Type = RW;
  Squash = No_Root_Squash;
  SecType = sys;
  FSAL {{ Name = MEM; }}
}}
"""


@contextmanager
def server() -> Iterator[None]:
    with folder() as place:
        (place / "conf").write_text(CONFIGURATION.format(address=SERVER_IP, place=place))
        files = ("-f", place / "conf", "-L", place / "log", "-p", place / "pid")
        with program("rpcbind", "-f", port=111), program("ganesha.nfsd", "-F", *files, port=NFS_PORT):
            yield


def opaque(content: bytes) -> bytes:
    return words(len(content)) + content + bytes(-len(content) % 4)


def call(xid: int, target: tuple[int, int, int], arguments: bytes, name: str, error: str = "") -> Transaction:
    """A call with the credentials of root; `name` is what it is about."""
    credentials = words(0) + opaque(b"client") + words(0, 0, 0)
    sent = words(xid, 0, 2, *target, 1) + opaque(credentials) + words(0, 0) + arguments
    more = {"xid": xid, "resource": name, **({"nfs_status": error} if error else {})}
    return Transaction(PROCEDURES[target], record(sent), words(xid, 1), error, more=more)


def handle(sock: socket.socket, one: Transaction, skip: int) -> bytes:
    """Sends a call; the handle of the file in its answer is behind `skip` words of the result."""
    sock.sendall(one.sent)
    result = received(sock)[28 + 4 * skip :]
    size = int.from_bytes(result[:4], "big")
    return result[4 : 4 + size]


def nfs(path: Path) -> list[Transaction]:
    """Mounts, makes a file, writes, reads, asks for what is not there, and three calls in one segment."""
    with recording(path, f"tcp port {NFS_PORT} or tcp port {MOUNT_PORT}"), server():
        mount = call(1, (*MOUNT, 1), opaque(b"/files"), "/files")
        with socket.create_connection((SERVER_IP, MOUNT_PORT)) as sock:
            top = opaque(handle(sock, mount, 1))
        with socket.create_connection((SERVER_IP, NFS_PORT)) as sock:
            done = files(sock, top)
    for transaction in done:
        transaction.connection = 1
    return [mount, *done]


def files(sock: socket.socket, top: bytes) -> list[Transaction]:
    create = call(2, (*NFS, 8), top + opaque(b"numbers.csv") + words(0, 1, 0o644, 0, 0, 0, 0, 0), "numbers.csv")
    file = opaque(handle(sock, create, 2))
    missing = top + opaque(b"missing")
    single = (
        call(3, (*NFS, 7), file + words(0, 0, 4, 2) + opaque(b"a,b\n"), "numbers.csv"),
        call(4, (*NFS, 6), file + words(0, 0, 100), "numbers.csv"),
        call(5, (*NFS, 3), missing, "missing", "NFS3ERR_NOENT"),
    )
    pipeline = (
        call(6, (*NFS, 1), top, "/files"),
        call(7, (*NFS, 12), missing, "missing", "NFS3ERR_NOENT"),
        call(8, (*NFS, 3), top + opaque(b"numbers.csv"), "numbers.csv"),
    )
    return [create, *(exchange(sock, one)[0] for one in single), *exchange(sock, *pipeline)]
